//! What of an IP packet the wire has to know.

/// The protocols that cross.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Protocol {
    /// TCP, RFC 9293.
    Tcp,
    /// UDP, RFC 768.
    Udp,
}

/// What `packet` carries; `None` if it is no IPv4 packet (RFC 791, section 3.1) with TCP or UDP.
///
/// The rest stays behind: what the kernel says over IPv6 and ICMP about its own interfaces is none
/// of ours, must not take the link's room, and must not draw from its chances.
pub(super) fn protocol(packet: &[u8]) -> Option<Protocol> {
    if packet.first()? >> 4 != 4 {
        return None;
    }
    match packet.get(9)? {
        6 => Some(Protocol::Tcp),
        17 => Some(Protocol::Udp),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tcp_and_udp_over_ipv4_cross() {
        let packet = |version: u8, protocol: u8| {
            let mut packet = [0; 20];
            packet[0] = version << 4 | 5;
            packet[9] = protocol;
            packet
        };
        assert_eq!(protocol(&packet(4, 6)), Some(Protocol::Tcp));
        assert_eq!(protocol(&packet(4, 17)), Some(Protocol::Udp));
        assert_eq!(protocol(&packet(4, 1)), None, "ICMP");
        assert_eq!(protocol(&packet(6, 17)), None, "IPv6");
        assert_eq!(protocol(&packet(4, 6)[..9]), None, "cut short");
        assert_eq!(protocol(&[]), None);
    }
}
