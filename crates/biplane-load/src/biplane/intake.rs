//! What clients are handed in bulk, each on a thread of its own.

use std::{
    sync::mpsc::{Receiver, Sender, channel},
    thread,
    time::Instant,
};

use biplane::{Offer, Payload};

use crate::{Handed, Pattern};

/// All that was offered.
#[derive(Debug)]
pub(super) struct Intake {
    tell: Sender<Handed>,
    told: Receiver<Handed>,
    /// How many are to come.
    wanted: usize,
    had: usize,
    sum: Handed,
}

impl Intake {
    pub(super) fn of(clients: usize) -> Self {
        let (tell, told) = channel();
        Self { tell, told, wanted: clients, had: 0, sum: Handed::default() }
    }

    /// Takes up what is offered.
    pub(super) fn take(&self, offer: Offer) {
        let tell = self.tell.clone();
        // Whoever would hear of it may be gone.
        thread::spawn(move || tell.send(read(offer)).ok());
    }

    /// All together, once every client has had its own: the bytes of all, the longest time, and the
    /// first fault.
    pub(super) fn look(&mut self) -> Option<Handed> {
        for Handed { bytes, time, fault } in self.told.try_iter() {
            self.had += 1;
            self.sum.bytes += bytes;
            self.sum.time = self.sum.time.max(time);
            self.sum.fault = self.sum.fault.take().or(fault);
        }
        (self.had >= self.wanted).then(|| self.sum.clone())
    }
}

fn read(offer: Offer) -> Handed {
    let (begun, mut bytes, mut pattern) = (Instant::now(), 0, Pattern::default());
    let (length, mut is_right) = (offer.length(), true);
    let end = offer.accept().and_then(|mut intake| {
        while let Some(Payload(piece)) = intake.read_next().wait()? {
            is_right &= pattern.goes_on_with(&piece);
            bytes += piece.len() as u64;
        }
        Ok(())
    });
    let fault = match end {
        Err(error) => Some(error.to_string()),
        Ok(()) if !is_right => Some("other bytes came than were sent".to_owned()),
        Ok(()) if bytes != length => Some(format!("{bytes} of {length} bytes came")),
        Ok(()) => None,
    };
    Handed { bytes, time: begun.elapsed(), fault }
}
