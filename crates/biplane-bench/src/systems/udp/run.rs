//! What waits to leave for a peer: datagrams of one size, the last one perhaps shorter, as the
//! kernel takes them in one call.

/// 1,500 bytes less the headers of IPv6 and UDP.
pub(super) const LONGEST_DATAGRAM: usize = 1452;
/// What one call takes: so many datagrams, and so many bytes: 65,535 less the headers of IPv4 and
/// UDP.
const SEGMENTS: usize = 64;
const BYTES: usize = 65_507;

/// How messages lie in datagrams, and datagrams in calls.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::systems) enum Packing {
    /// A datagram a message, and a call a datagram.
    Single,
    /// A datagram a message, and as many datagrams a call as it takes.
    Runs,
    /// As many messages a datagram as fit, each behind its length, and as many datagrams a call as
    /// it takes.
    CoalescedRuns,
}

/// What each datagram needs besides its messages, and how it is ended and opened.
pub(in crate::systems) trait Seal: std::fmt::Debug + 'static {
    /// Bytes before the messages, and behind them.
    const HEAD: usize;
    const TAIL: usize;

    /// Ends the datagram that begins at `begin`: fills its head, which is there, and adds its tail.
    fn seal(&mut self, bytes: &mut Vec<u8>, begin: usize);

    /// The messages of a datagram; `None` if it is not from the other side.
    fn open<'a>(&mut self, datagram: &'a mut [u8]) -> Option<&'a [u8]>;
}

/// Datagrams as they are.
#[derive(Debug)]
pub(in crate::systems) struct Clear;

impl Seal for Clear {
    const HEAD: usize = 0;
    const TAIL: usize = 0;

    fn seal(&mut self, _bytes: &mut Vec<u8>, _begin: usize) {}

    fn open<'a>(&mut self, datagram: &'a mut [u8]) -> Option<&'a [u8]> {
        Some(datagram)
    }
}

/// The datagrams that wait.
#[derive(Debug, Default)]
pub(super) struct Run {
    bytes: Vec<u8>,
    /// Where the datagram under way begins; what is before it is sealed.
    begin: usize,
    /// The size of the first sealed one; no later one is longer.
    segment: usize,
    segments: usize,
}

impl Run {
    pub(super) const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Adds a message; false if there is no room before what waits has left.
    pub(super) fn add<S: Seal>(&mut self, message: &[u8], packing: Packing, seal: &mut S) -> bool {
        let prefix = if packing == Packing::CoalescedRuns { 2 } else { 0 };
        let length = prefix + message.len();
        let longest = if self.segments == 0 { LONGEST_DATAGRAM } else { self.segment };
        if self.is_open() && self.bytes.len() - self.begin + length + S::TAIL > longest {
            self.end_datagram(seal);
        }
        if !self.is_open() && !self.has_room(S::HEAD + length + S::TAIL, packing) {
            return false;
        }
        if !self.is_open() {
            self.bytes.resize(self.begin + S::HEAD, 0);
        }
        if let (2, Ok(length)) = (prefix, u16::try_from(message.len())) {
            self.bytes.extend_from_slice(&length.to_be_bytes());
        }
        self.bytes.extend_from_slice(message);
        if packing != Packing::CoalescedRuns {
            self.end_datagram(seal);
        }
        true
    }

    /// Ends the datagram under way, if there is one.
    pub(super) fn end_datagram<S: Seal>(&mut self, seal: &mut S) {
        if !self.is_open() {
            return;
        }
        seal.seal(&mut self.bytes, self.begin);
        if self.segments == 0 {
            self.segment = self.bytes.len();
        }
        self.segments += 1;
        self.begin = self.bytes.len();
    }

    /// Everything that is sealed, and the size of all datagrams in it but the last.
    pub(super) fn sealed(&self) -> (&[u8], Option<usize>) {
        (&self.bytes, (self.segments > 1).then_some(self.segment))
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        (self.begin, self.segment, self.segments) = (0, 0, 0);
    }

    const fn is_open(&self) -> bool {
        self.begin < self.bytes.len()
    }

    /// Whether one more datagram of this size may follow those that are sealed.
    fn has_room(&self, length: usize, packing: Packing) -> bool {
        let most = if packing == Packing::Single { 1 } else { SEGMENTS };
        let is_first = self.segments == 0;
        let last_is_full = self.begin == self.segment * self.segments;
        is_first
            || self.segments < most
                && self.begin + self.segment <= BYTES
                && last_is_full
                && length <= self.segment
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added(run: &mut Run, length: usize, packing: Packing) -> bool {
        run.add(&vec![7; length], packing, &mut Clear)
    }

    fn sizes(run: &mut Run) -> Vec<usize> {
        run.end_datagram(&mut Clear);
        let (bytes, segment) = run.sealed();
        bytes.chunks(segment.unwrap_or(usize::MAX)).map(<[u8]>::len).collect()
    }

    #[test]
    fn a_single_datagram_leaves_before_the_next_comes() {
        let mut run = Run::default();
        assert!(added(&mut run, 64, Packing::Single));
        assert!(!added(&mut run, 64, Packing::Single));
        assert_eq!(sizes(&mut run), [64]);
        run.clear();
        assert!(run.is_empty() && added(&mut run, 9, Packing::Single));
    }

    #[test]
    fn a_run_holds_64_datagrams_of_one_size_and_ends_with_a_shorter_one() {
        let mut run = Run::default();
        let count = (0..100).filter(|_| added(&mut run, 64, Packing::Runs)).count();
        assert_eq!((count, sizes(&mut run)), (64, vec![64; 64]));
        run.clear();
        assert!(added(&mut run, 64, Packing::Runs));
        assert!(!added(&mut run, 65, Packing::Runs), "a longer one");
        assert!(added(&mut run, 63, Packing::Runs));
        assert!(!added(&mut run, 63, Packing::Runs), "one behind a shorter one");
        assert_eq!(sizes(&mut run), [64, 63]);
    }

    #[test]
    fn a_run_is_no_longer_than_a_call_takes() {
        let mut run = Run::default();
        let count = (0..100).filter(|_| added(&mut run, 1100, Packing::Runs)).count();
        assert_eq!(count, 59);
    }

    #[test]
    fn the_longest_run_is_one_that_the_kernel_takes() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let state = quinn_udp::UdpSocketState::new((&socket).into()).unwrap();
        let transmit = quinn_udp::Transmit {
            destination: socket.local_addr().unwrap(),
            ecn: None,
            contents: &[7; BYTES],
            segment_size: (state.max_gso_segments() >= SEGMENTS).then_some(LONGEST_DATAGRAM),
            src_ip: None,
        };
        state.try_send((&socket).into(), &transmit).unwrap();
    }

    #[test]
    fn as_many_messages_as_fit_share_a_datagram() {
        let mut run = Run::default();
        let count = (0..5000).filter(|_| added(&mut run, 64, Packing::CoalescedRuns)).count();
        assert_eq!((count, sizes(&mut run)), (22 * 45, vec![22 * 66; 45]));
        run.clear();
        assert!(added(&mut run, 1000, Packing::CoalescedRuns));
        assert!(added(&mut run, 1000, Packing::CoalescedRuns));
        assert!(added(&mut run, 100, Packing::CoalescedRuns), "begins a third datagram");
        assert_eq!(sizes(&mut run), [1002, 1002, 102]);
    }
}
