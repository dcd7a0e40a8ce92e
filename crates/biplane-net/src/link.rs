//! What a server gives to those who shall join: where it is, and who it is.

use core::{fmt, net::Ipv6Addr, str::FromStr};

use crate::{Pin, PinError};

const SCHEME: &str = "biplane://";

/// The way to a server: `biplane://HOST:PORT#PIN`.
///
/// HOST is a name, an IPv4 address, or an IPv6 address in brackets.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Link {
    /// A name or an address; an IPv6 address without its brackets.
    pub host: String,
    /// The port of TCP; 1 to 65,535.
    pub port: u16,
    /// What the server's certificate must match.
    pub pin: Pin,
}

/// Why a text is not a link.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// It does not begin with the scheme.
    #[error("a link begins with biplane://")]
    Scheme,
    /// There is no `#PIN` at its end.
    #[error("a link ends with # and the server's pin")]
    NoPin,
    /// What follows `#` is not a pin.
    #[error(transparent)]
    Pin(#[from] PinError),
    /// There is no host, or it is not one.
    #[error("the link names no host")]
    Host,
    /// There is no port, or it is not one.
    #[error("the link names no port from 1 to 65535")]
    Port,
}

impl FromStr for Link {
    type Err = LinkError;

    fn from_str(text: &str) -> Result<Self, LinkError> {
        let rest = text.trim().strip_prefix(SCHEME).ok_or(LinkError::Scheme)?;
        let (place, pin) = rest.split_once('#').ok_or(LinkError::NoPin)?;
        let (host, port) = place.rsplit_once(':').ok_or(LinkError::Port)?;
        let port = port.parse().ok().filter(|port| *port != 0).ok_or(LinkError::Port)?;
        Ok(Self { host: read_host(host)?, port, pin: pin.parse()? })
    }
}

/// The host of this name, or with this address, in brackets or without.
pub(crate) fn host(text: &str) -> Result<String, LinkError> {
    if text.parse::<Ipv6Addr>().is_ok() { Ok(text.to_owned()) } else { read_host(text) }
}

fn read_host(text: &str) -> Result<String, LinkError> {
    let bracketed = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    if let Some(inner) = bracketed {
        return inner.parse::<Ipv6Addr>().map(|_| inner.to_owned()).map_err(|_| LinkError::Host);
    }
    let sound = !text.is_empty()
        && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_'));
    if sound { Ok(text.to_owned()) } else { Err(LinkError::Host) }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, pin } = self;
        if host.contains(':') {
            write!(f, "{SCHEME}[{host}]:{port}#{pin}")
        } else {
            write!(f, "{SCHEME}{host}:{port}#{pin}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIN: Pin = Pin::new([7; 32]);

    #[test]
    fn text_and_back() {
        for host in ["127.0.0.1", "play.example.org", "::1", "fe80::1"] {
            let link = Link { host: host.into(), port: 7777, pin: PIN };
            assert_eq!(link.to_string().parse(), Ok(link));
        }
    }

    #[test]
    fn ipv6_stands_in_brackets() {
        let link = Link { host: "::1".into(), port: 1, pin: PIN };
        assert!(link.to_string().starts_with("biplane://[::1]:1#"));
    }

    #[test]
    fn what_is_wrong_is_told_in_words() {
        for (text, error) in [
            ("http://a:1#x".to_owned(), LinkError::Scheme),
            ("biplane://a:1".to_owned(), LinkError::NoPin),
            ("biplane://a:1#x".to_owned(), LinkError::Pin(PinError)),
            (format!("biplane://:1#{PIN}"), LinkError::Host),
            (format!("biplane://a b:1#{PIN}"), LinkError::Host),
            (format!("biplane://::1:1#{PIN}"), LinkError::Host),
            (format!("biplane://[nonsense]:1#{PIN}"), LinkError::Host),
            (format!("biplane://a:0#{PIN}"), LinkError::Port),
            (format!("biplane://a:65536#{PIN}"), LinkError::Port),
            (format!("biplane://a#{PIN}"), LinkError::Port),
        ] {
            assert_eq!(text.parse::<Link>(), Err(error), "{text}");
        }
    }
}
