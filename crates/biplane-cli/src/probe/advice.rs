//! What to do about the first step that failed: one or two sentences for whoever has to mend it.

use std::io::ErrorKind;

use biplane::{ConnectError, DialError, Direction, Step, Trouble};

/// What to do about `trouble` in `step`.
pub(super) fn on(step: Step, trouble: &Trouble) -> String {
    match trouble {
        Trouble::Connect(error) => on_connect(step, error),
        Trouble::Unheard { .. } => UDP_UP.to_owned(),
        Trouble::Unanswered { .. } => UDP_DOWN.to_owned(),
        Trouble::TooLong { direction, .. } => on_mtu(*direction),
        Trouble::Lossy(_) => LOSS.to_owned(),
        Trouble::Ended(_) => ENDED.to_owned(),
        _ => "Probe for longer: --for 30s.".to_owned(),
    }
}

const UDP_UP: &str = "\
TCP passes and UDP does not: open the same port for UDP in the server's firewall and in its cloud's
rules, and for outgoing UDP on this network. Until then a session flies on TCP alone.";
const UDP_DOWN: &str = "\
UDP reaches the server and its answers are dropped: let UDP from the server's port out of its network
and into this one, where a firewall must take it for an answer. Until then a session flies on TCP
alone.";
const LOSS: &str = "\
A session goes on, and a game will feel it: look for a weak radio link or for an overloaded uplink on
the way.";
const ENDED: &str = "\
The server let this client in and ended the session: its words, and its log, say why.";

fn on_mtu(direction: Direction) -> String {
    let whose = match direction {
        Direction::Up => "from here to the server",
        Direction::Down => "from the server to here",
    };
    format!(
        "Something {whose}, mostly a tunnel or VPN, drops datagrams of 1,200 bytes:\nraise its MTU \
         to 1,280 or more, or go around it. Until then a session flies on TCP alone."
    )
}

fn on_connect(step: Step, error: &ConnectError) -> String {
    match (step, error) {
        (_, ConnectError::Refused { code, retry_after, .. }) => {
            let again = retry_after.map_or_else(String::new, |after| {
                format!(" It may be tried again in {} s.", after.as_secs().max(1))
            });
            on_refusal(*code).to_owned() + &again
        }
        (_, ConnectError::Unreachable(error)) => on_dial(step, error).to_owned(),
        (step, _) => on_step(step).to_owned(),
    }
}

const fn on_refusal(code: u16) -> &'static str {
    match code {
        503 => "The network is fine: the server is full, or under maintenance.",
        _ => {
            "The network is fine: the server's application does not let this client in, and its \
             words\nsay why."
        }
    }
}

fn on_dial(step: Step, error: &DialError) -> &'static str {
    match error {
        DialError::Unreachable { source, .. } if source.kind() == ErrorKind::ConnectionRefused => {
            "The host is there and nothing listens on that port: is the server running, on this \
             port, and on\nan address that others reach (0.0.0.0, not 127.0.0.1)?"
        }
        DialError::NotTls { .. } => {
            "Another program listens on that port, or a proxy answers in the server's place: \
             compare the\nlink's port with the server's."
        }
        DialError::NotBiplane { .. } => {
            "What answers there speaks TLS and is no Biplane server: a web server, or a balancer \
             that ends TLS\nitself. A balancer must pass TCP through unopened."
        }
        _ => on_step(step),
    }
}

const fn on_step(step: Step) -> &'static str {
    match step {
        Step::Name => {
            "This machine cannot find the host: check the link's spelling, and whether other names \
             resolve.\nA link with the server's address instead of its name needs no DNS."
        }
        Step::Tcp => {
            "Nothing answers: the host is down, or a firewall drops TCP to this port. Open the port \
             for TCP\nand for UDP, at the server and in its cloud's rules."
        }
        Step::Tls => {
            "TCP is there and TLS is not: a firewall or proxy that inspects what passes mostly cuts \
             it here.\nLet it pass this port unopened."
        }
        Step::Pin => {
            "Another server answers there, the server has a new identity, or a balancer ends TLS in \
             its place.\nGet the link anew from whoever runs it; a server keeps its link with \
             --identity."
        }
        Step::Protocol => {
            "Client and server are of different versions: update the older of the two."
        }
        _ => {
            "The server is there and did not answer in time: it is overloaded, or just going away."
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_refusal_says_when_to_try_again() {
        let refused = |code, retry_after| {
            let text = "no".into();
            let error = ConnectError::Refused { code, text, retry_after };
            on(Step::Admission, &Trouble::Connect(error))
        };
        assert!(refused(503, Some(Duration::from_secs(60))).ends_with("again in 60 s."));
        assert!(refused(503, None).contains("full") && !refused(403, None).contains("full"));
    }

    #[test]
    fn each_way_to_miss_a_server_has_advice_of_its_own() {
        let address = ([192, 0, 2, 1], 7777).into();
        let refused = ErrorKind::ConnectionRefused.into();
        let silent = ErrorKind::HostUnreachable.into();
        let mut told: Vec<_> = [
            DialError::Unresolved { host: "a".into(), source: ErrorKind::NotFound.into() },
            DialError::Unreachable { address, source: refused },
            DialError::Unreachable { address, source: silent },
            DialError::NotTls { address },
            DialError::NotBiplane { step: Step::Tls },
            DialError::Broken {
                step: Step::Tls,
                address,
                source: ErrorKind::ConnectionReset.into(),
            },
            DialError::Broken {
                step: Step::Admission,
                address,
                source: ErrorKind::ConnectionReset.into(),
            },
        ]
        .into_iter()
        .map(|error| {
            let step = error.step().unwrap();
            on(step, &Trouble::Connect(error.into()))
        })
        .collect();
        told.extend([Direction::Up, Direction::Down].map(on_mtu));
        told.extend(
            [Trouble::Unheard { sent: 1 }, Trouble::Unanswered { arrived: 1 }]
                .map(|trouble| on(Step::UdpUp, &trouble)),
        );
        let count = told.len();
        told.sort_unstable();
        told.dedup();
        assert_eq!(told.len(), count);
        assert!(told.iter().all(|words| words.lines().all(|line| line.len() <= 110)), "{told:#?}");
    }
}
