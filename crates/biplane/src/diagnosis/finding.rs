//! What a step shows when it holds.

use core::{fmt, time::Duration};
use std::net::{IpAddr, SocketAddr};

use biplane_wire::Description;

use crate::{Pin, Step};

/// What a step that holds has shown.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Finding {
    /// Name: the host's addresses.
    Found {
        /// In the order in which they are tried.
        addresses: Vec<IpAddr>,
    },
    /// TCP: what answered.
    Reached {
        /// Where.
        address: SocketAddr,
        /// How long that took.
        rtt: Duration,
    },
    /// TLS: it is spoken.
    Secured,
    /// Pin: it is the server of the link.
    Known {
        /// Its pin.
        pin: Pin,
    },
    /// Protocol: what the server speaks.
    Speaks(Description),
    /// Admission: it let this client in.
    Admitted,
    /// UDP up: datagrams arrive at the server.
    Arrives,
    /// UDP down: datagrams come back.
    Returns,
    /// Path MTU: datagrams of so many bytes pass each way.
    Passes {
        /// How many.
        bytes: usize,
    },
    /// RTT.
    RoundTrips(RoundTrips),
    /// Jitter: mean difference between one round trip and the next.
    Jitter(Duration),
    /// Loss, which a session bears.
    Lost(Loss),
}

/// How long round trips over UDP took.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct RoundTrips {
    /// Half of them took no longer.
    pub p50: Duration,
    /// 99 of 100 took no longer.
    pub p99: Duration,
    /// How many were measured.
    pub count: usize,
}

/// Shares of packets that were lost, 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Loss {
    /// Of the soundings, those that the server never acknowledged, on either plane.
    pub up: f64,
    /// Of all the server's packets, by their numbers, those that did not come; where long ones do not
    /// pass, of the responses to short soundings.
    pub down: f64,
}

impl Finding {
    /// The step that shows it.
    #[must_use]
    pub const fn step(&self) -> Step {
        match self {
            Self::Found { .. } => Step::Name,
            Self::Reached { .. } => Step::Tcp,
            Self::Secured => Step::Tls,
            Self::Known { .. } => Step::Pin,
            Self::Speaks(_) => Step::Protocol,
            Self::Admitted => Step::Admission,
            Self::Arrives => Step::UdpUp,
            Self::Returns => Step::UdpDown,
            Self::Passes { .. } => Step::PathMtu,
            Self::RoundTrips(_) => Step::Rtt,
            Self::Jitter(_) => Step::Jitter,
            Self::Lost(_) => Step::Loss,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Found { addresses } => {
                let texts: Vec<_> = addresses.iter().map(ToString::to_string).collect();
                f.write_str(&texts.join(", "))
            }
            Self::Reached { address, rtt } => {
                write!(f, "{address} answers in {}", Milliseconds(*rtt))
            }
            Self::Secured => f.write_str("TLS 1.3"),
            Self::Known { pin } => write!(f, "the server is the link's, {pin}"),
            Self::Speaks(description) => {
                let Description { application, version, channels, requests } = description;
                write!(f, "speaks `{application}` version {version}: ")?;
                write!(f, "{}, ", Count(channels.len(), "channel"))?;
                write!(f, "{}", Count(requests.len(), "request"))
            }
            Self::Admitted => f.write_str("admitted"),
            Self::Arrives => f.write_str("datagrams arrive at the server"),
            Self::Returns => f.write_str("datagrams come back"),
            Self::Passes { bytes } => write!(f, "datagrams of {bytes} bytes pass each way"),
            Self::RoundTrips(RoundTrips { p50, p99, count }) => {
                let (p50, p99) = (Milliseconds(*p50), Milliseconds(*p99));
                write!(f, "p50 {p50}, p99 {p99}, over {}", Count(*count, "round trip"))
            }
            Self::Jitter(jitter) => write!(f, "{}", Milliseconds(*jitter)),
            Self::Lost(loss) => write!(f, "{loss}"),
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} % up, {:.1} % down", self.up * 100.0, self.down * 100.0)
    }
}

/// A time as one reads it.
struct Milliseconds(Duration);

impl fmt::Display for Milliseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} ms", self.0.as_secs_f64() * 1_000.0)
    }
}

/// So many of something.
struct Count(usize, &'static str);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(count, what) = self;
        write!(f, "{count} {what}{}", if *count == 1 { "" } else { "s" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_read_as_sentences_would() {
        let description = Description {
            application: "arena".into(),
            version: 3,
            channels: Vec::new(),
            requests: vec!["join".into()],
        };
        let told = Finding::Speaks(description).to_string();
        assert_eq!(told, "speaks `arena` version 3: 0 channels, 1 request");
        let (p50, p99) = (Duration::from_micros(20_140), Duration::from_millis(31));
        let told = Finding::RoundTrips(RoundTrips { p50, p99, count: 119 }).to_string();
        assert_eq!(told, "p50 20.1 ms, p99 31.0 ms, over 119 round trips");
        let told = Finding::Lost(Loss { up: 0.015, down: 0.0 }).to_string();
        assert_eq!(told, "1.5 % up, 0.0 % down");
    }
}
