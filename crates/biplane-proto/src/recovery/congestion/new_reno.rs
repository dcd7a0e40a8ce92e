//! NewReno: RFC 9002, section 7 and appendix B.

use std::time::Instant;

use super::{Acked, Controller, Growth, Loss, Window};

/// One datagram more a round trip.
#[derive(Debug)]
pub(in super::super) struct NewReno {
    window: Window,
    /// Bytes acknowledged towards the next datagram.
    credit: u64,
}

impl NewReno {
    pub(in super::super) fn new(datagram: u64) -> Self {
        Self { window: Window::new(datagram), credit: 0 }
    }
}

impl Controller for NewReno {
    fn window(&self) -> u64 {
        self.window.bytes
    }

    fn on_ack(&mut self, acked: Acked) {
        if self.window.on_ack(acked) == Growth::Settled {
            return;
        }
        self.credit += acked.bytes;
        if self.credit >= self.window.bytes {
            self.credit -= self.window.bytes;
            self.window.bytes += self.window.datagram;
        }
    }

    fn on_congestion(&mut self, loss: Loss) {
        if self.window.on_congestion(loss) {
            self.credit = 0;
        }
    }

    fn set_datagram(&mut self, bytes: u64) {
        self.window.datagram = bytes;
    }

    fn on_spurious(&mut self, since: Instant) {
        self.window.on_spurious(since);
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::{
        super::{acked, lost},
        *,
    };

    #[test]
    fn avoidance_adds_one_datagram_a_window() {
        let start = Instant::now();
        let mut reno = NewReno::new(1_200);
        reno.on_ack(acked(12_000, start));
        reno.on_congestion(lost(start, start, false));
        let less = reno.window();
        assert_eq!(less, 16_800);
        reno.on_ack(acked(less, start + Duration::from_millis(1)));
        assert_eq!(reno.window(), less + 1_200);
    }
}
