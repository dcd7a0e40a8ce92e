//! What is known of the messages that came to one side.

use std::time::Duration;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::{
    latency::{Bucket, Latencies},
    meter,
    stamp::Stamp,
};

/// Counts of the messages that came to one side.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Counts {
    /// Came, each once where order is promised.
    pub(crate) arrived: u64,
    /// Where order is promised: left out before one that came.
    pub(crate) skipped: u64,
    /// Where order is promised: came again, or after a later one.
    pub(crate) repeated: u64,
    /// Where none is promised: came after a later one.
    pub(crate) overtaken: u64,
    /// Of another length than all have, or of a client that there is not.
    pub(crate) malformed: u64,
}

/// Keeps them, client by client.
#[derive(Debug)]
pub(crate) struct Books {
    is_ordered: bool,
    size: usize,
    /// The number after the highest that came, of each client.
    next: Vec<u64>,
    counts: Counts,
    latencies: Latencies,
}

impl Books {
    /// For messages of `size` bytes from so many clients.
    pub(crate) fn new(is_ordered: bool, size: usize, clients: usize) -> Result<Self> {
        let (next, counts) = (vec![0; clients], Counts::default());
        Ok(Self { is_ordered, size, next, counts, latencies: Latencies::new()? })
    }

    /// Takes a message in, of the client `who` where that is known otherwise than by its stamp;
    /// whose it is, and what its next number is.
    pub(crate) fn enter(&mut self, who: Option<usize>, message: &[u8]) -> Option<(usize, u64)> {
        let stamp = Stamp::read(message).filter(|_| message.len() == self.size);
        let client = stamp.map(|stamp| who.unwrap_or(stamp.client as usize));
        let Some((stamp, (client, next))) =
            stamp.zip(client.and_then(|client| Some((client, self.next.get_mut(client)?))))
        else {
            self.counts.malformed += 1;
            return None;
        };
        if stamp.number >= *next {
            if self.is_ordered {
                self.counts.skipped += stamp.number - *next;
            }
            *next = stamp.number.saturating_add(1);
        } else if self.is_ordered {
            self.counts.repeated += 1;
            return None;
        } else {
            self.counts.overtaken += 1;
        }
        self.counts.arrived += 1;
        let entered = (client, *next);
        if let Some(sent) = stamp.sent {
            self.time(meter::now().saturating_sub(sent));
        }
        Some(entered)
    }

    /// Takes a latency in.
    pub(crate) fn time(&mut self, latency: Duration) {
        self.latencies.record(latency);
    }

    pub(crate) const fn counts(&self) -> Counts {
        self.counts
    }

    pub(crate) fn latencies(&self) -> Vec<Bucket> {
        self.latencies.buckets()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entered(is_ordered: bool, numbers: &[u64]) -> Counts {
        let mut books = Books::new(is_ordered, 24, 3).unwrap();
        for number in numbers {
            let mut message = [0; 24];
            Stamp { number: *number, sent: None, client: 2 }.write(&mut message);
            books.enter(None, &message);
        }
        books.counts()
    }

    #[test]
    fn where_order_is_promised_each_number_is_the_next() {
        let counts = Counts { arrived: 3, ..Counts::default() };
        assert_eq!(entered(true, &[0, 1, 2]), counts);
        assert_eq!(entered(true, &[0, 1, 1, 2]), Counts { repeated: 1, ..counts });
        assert_eq!(entered(true, &[0, 3, 4]), Counts { skipped: 2, ..counts });
    }

    #[test]
    fn where_none_is_promised_what_is_overtaken_came_too() {
        let counts = Counts { arrived: 4, overtaken: 1, ..Counts::default() };
        assert_eq!(entered(false, &[0, 5, 2, 9]), counts);
    }

    #[test]
    fn what_nobody_sent_is_malformed() {
        let mut books = Books::new(false, 24, 1).unwrap();
        let mut message = [0; 24];
        Stamp { number: 0, sent: None, client: 1 }.write(&mut message);
        assert_eq!(books.enter(None, &message), None);
        assert_eq!(books.enter(Some(0), &message[..23]), None);
        assert_eq!(books.enter(Some(0), &message), Some((0, 1)));
        assert_eq!(books.counts(), Counts { arrived: 1, malformed: 2, ..Counts::default() });
    }

    #[test]
    fn a_message_that_says_when_it_was_sent_is_timed() {
        let mut books = Books::new(false, 24, 1).unwrap();
        let mut message = [0; 24];
        Stamp { number: 0, sent: Some(meter::now()), client: 0 }.write(&mut message);
        books.enter(None, &message);
        assert_eq!(books.latencies().len(), 1);
    }
}
