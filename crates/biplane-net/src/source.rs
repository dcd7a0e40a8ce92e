//! Which addresses are nobody's (`docs/PROTOCOL.md`, paths; RFC 1122, section 3.2.1.3).
//!
//! Looked at before a datagram's session is looked up: an answer to one of these would harm, and
//! one datagram sent to port 0 turns segmentation offload off for the whole socket.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// No port, echo, character generator, DNS: nobody plays from there, and some answer whatever they
/// are sent.
const REFLECTORS: [u16; 4] = [0, 7, 19, 53];

/// Whether no peer can have sent from `from` to the socket bound to `own`, at its address `to`: a
/// peer writes to one host.
pub(crate) fn is_bad(from: SocketAddr, to: Option<IpAddr>, own: SocketAddr) -> bool {
    REFLECTORS.contains(&from.port())
        || !is_unicast(from.ip())
        || to.is_some_and(|to| !is_unicast(to))
        || is_own(from, to, own)
}

/// Whether one host can have `ip`, so that an answer may come from it or go to it.
fn is_unicast(ip: IpAddr) -> bool {
    !(ip.is_unspecified() || ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST))
}

/// This socket's own datagrams, as a forged source or a route back brings them.
fn is_own(from: SocketAddr, to: Option<IpAddr>, own: SocketAddr) -> bool {
    let any_address = own.ip().is_unspecified();
    from.port() == own.port()
        && (from.ip() == own.ip()
            || Some(from.ip()) == to
            || (any_address && from.ip().is_loopback()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bad(from: &str, own: &str) -> bool {
        is_bad(from.parse().unwrap(), Some("127.0.0.1".parse().unwrap()), own.parse().unwrap())
    }

    #[test]
    fn peers_are_welcome() {
        for from in ["127.0.0.1:5000", "192.0.2.7:7777", "[2001:db8::1]:1", "127.0.0.2:7777"] {
            assert!(!bad(from, "127.0.0.1:7777"), "{from}");
        }
    }

    #[test]
    fn nobodys_addresses_are_not() {
        for from in [
            "192.0.2.7:0",
            "0.0.0.0:5000",
            "[::]:5000",
            "224.0.0.1:5000",
            "239.255.255.250:1900",
            "[ff02::1]:5000",
            "255.255.255.255:5000",
        ] {
            assert!(bad(from, "127.0.0.1:7777"), "{from}");
        }
    }

    #[test]
    fn neither_is_the_sockets_own() {
        assert!(bad("127.0.0.1:7777", "127.0.0.1:7777"));
        assert!(bad("127.0.0.1:7777", "0.0.0.0:7777"));
        assert!(bad("127.0.0.9:7777", "0.0.0.0:7777"));
        assert!(bad("127.0.0.1:7777", "[::]:7777"));
        let to = Some("192.0.2.1".parse().unwrap());
        let own = "0.0.0.0:7777".parse().unwrap();
        assert!(is_bad("192.0.2.1:7777".parse().unwrap(), to, own));
        assert!(!is_bad("192.0.2.2:7777".parse().unwrap(), to, own));
    }

    #[test]
    fn what_is_sent_to_many_is_sent_to_nobody() {
        let from = "192.0.2.7:5000".parse().unwrap();
        for (to, is_wrong) in [
            ("192.0.2.1", false),
            ("2001:db8::1", false),
            ("224.0.0.1", true),
            ("255.255.255.255", true),
            ("ff02::1", true),
        ] {
            let to = Some(to.parse().unwrap());
            assert_eq!(is_bad(from, to, "0.0.0.0:7777".parse().unwrap()), is_wrong, "{to:?}");
        }
        assert!(!is_bad(from, None, "0.0.0.0:7777".parse().unwrap()));
    }
}
