//! What the server and the clients have in common: a side, and what went out of it and came in.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Result;

use crate::{
    Class, Handed, Heard, Peer, Side, Workers,
    books::{Books, Counts},
    line::{Report, Sessions},
    meter::{self, Spent},
    shared::{Shared, Total},
    stamp::Stamp,
};

/// A side at work.
#[derive(Debug)]
pub(super) struct Desk {
    side: Box<dyn Side>,
    shared: Shared,
    is_server: bool,
    books: Books,
    pub(super) seats: Vec<Seat>,
    sent: u64,
    refused: u64,
    sessions: Sessions,
    /// When this side was opened.
    opened: Duration,
    /// What came and shall go back, if that is the work.
    echoes: Option<Echoes>,
    /// What the system had done before the work.
    before: Workers,
    report: Report,
}

/// A peer's place.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seat {
    /// How many messages it was sent.
    pub(super) sent: u64,
    /// It left.
    pub(super) is_gone: bool,
    /// When it joined, after this side was opened.
    joined_after: Option<Duration>,
}

/// Messages that wait to be sent back, one after the other.
#[derive(Debug, Default)]
struct Echoes {
    bytes: Vec<u8>,
    peers: Vec<Peer>,
}

/// What a message is made of.
#[derive(Debug)]
pub(super) struct Form {
    pub(super) class: Class,
    /// Its bytes; the first are written over with its stamp.
    bytes: Vec<u8>,
    /// One message in so many says when it was sent.
    timed: u64,
}

impl Form {
    /// Of `size` bytes, of which one in `timed` says when it was sent.
    pub(super) fn new(class: Class, size: usize, timed: u64) -> Self {
        // Bytes that no compression could shorten to nothing.
        let mut random = 0x9e37_79b9_u32;
        let bytes = std::iter::repeat_with(|| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            random.to_be_bytes()[0]
        });
        Self { class, bytes: bytes.take(size).collect(), timed }
    }
}

impl Desk {
    pub(super) fn new(side: Box<dyn Side>, books: Books, shared: Shared, opened: Duration) -> Self {
        Self {
            side,
            shared,
            is_server: false,
            books,
            seats: Vec::new(),
            sent: 0,
            refused: 0,
            sessions: Sessions::default(),
            opened,
            echoes: None,
            before: Workers::default(),
            report: Report::default(),
        }
    }

    /// It is the server's, which sends messages back or does not.
    pub(super) fn of_server(self, is_echo: bool) -> Self {
        let echoes = is_echo.then(Echoes::default);
        let resident = meter::resident().map(|bytes| (bytes, bytes));
        let report = Report { resident, ..Report::default() };
        Self { is_server: true, echoes, report, ..self }
    }

    /// One turn of the side; whether anything came.
    pub(super) fn turn(&mut self, patience: Duration) -> Result<bool> {
        let Self { side, shared, books, seats, sessions, echoes, .. } = self;
        let (is_server, opened) = (self.is_server, self.opened);
        let mut is_heard = false;
        side.turn(patience, &mut |heard| {
            is_heard = true;
            match heard {
                Heard::Message(peer, message) => {
                    // A server knows its clients by what they say they are.
                    let entered = books.enter((!is_server).then_some(peer), message);
                    let Some((client, next)) = entered else { return };
                    if is_server {
                        shared.set_next(client, next);
                        shared.set_total(Total::Up, books.counts().arrived);
                    }
                    if let Some(echoes) = echoes {
                        echoes.peers.push(peer);
                        echoes.bytes.extend_from_slice(message);
                    }
                }
                Heard::Joined(peer) => {
                    let joined_after = meter::now().saturating_sub(opened);
                    seat(seats, peer).joined_after = Some(joined_after);
                    sessions.joined += 1;
                    sessions.joined_after = joined_after;
                    let total = if is_server { Total::Met } else { Total::Joined };
                    shared.set_total(total, sessions.joined);
                }
                Heard::Left(peer) => {
                    let seat = seat(seats, peer);
                    seat.is_gone = true;
                    match seat.joined_after {
                        Some(_) => sessions.left += 1,
                        None => sessions.failed += 1,
                    }
                }
            }
        })?;
        if !self.is_server {
            self.shared.set_total(Total::Down, self.books.counts().arrived);
        }
        Ok(is_heard)
    }

    /// Turns until nothing comes any more, for `most` at the longest.
    pub(super) fn turn_out(&mut self, most: Duration) -> Result<()> {
        let end = meter::now() + most;
        while self.turn(Duration::ZERO)? && meter::now() < end {}
        Ok(())
    }

    /// Sends the next message to a peer; whether there was room for it.
    pub(super) fn send(&mut self, to: Peer, form: &mut Form) -> Result<bool> {
        self.send_since(to, form, None)
    }

    /// The same for a message that says it was sent at `since`, where that is not now.
    pub(super) fn send_since(
        &mut self,
        to: Peer,
        form: &mut Form,
        since: Option<Duration>,
    ) -> Result<bool> {
        let Some(seat) = self.seats.get_mut(to).filter(|seat| !seat.is_gone) else {
            return Ok(false);
        };
        let number = seat.sent;
        let sent = number.is_multiple_of(form.timed).then(|| since.unwrap_or_else(meter::now));
        let client = u32::try_from(to).unwrap_or(u32::MAX);
        Stamp { number, sent, client }.write(&mut form.bytes);
        let is_sent = self.side.send(to, form.class, &form.bytes)?;
        seat.sent += u64::from(is_sent);
        self.sent += u64::from(is_sent);
        Ok(is_sent)
    }

    /// Begins to hand every peer so many bytes.
    pub(super) fn hand_over(&mut self, bytes: u64) -> Result<()> {
        (0..self.seats.len()).try_for_each(|peer| self.side.hand_over(peer, bytes))
    }

    /// What this side's peers were handed, once that has ended.
    pub(super) fn handed(&mut self) -> Option<Handed> {
        self.side.handed()
    }

    /// Counts a message that had no room and is not offered again.
    pub(super) const fn refuse(&mut self) {
        self.refused += 1;
    }

    pub(super) fn flush(&mut self) -> Result<()> {
        self.side.flush()
    }

    /// Sends back what came.
    pub(super) fn echo(&mut self, size: usize) -> Result<()> {
        let Some(echoes) = &mut self.echoes else { return Ok(()) };
        for (peer, message) in echoes.peers.drain(..).zip(echoes.bytes.chunks(size.max(1))) {
            match self.side.send(peer, Class::Unreliable, message)? {
                true => self.sent += 1,
                false => self.refused += 1,
            }
        }
        echoes.bytes.clear();
        self.side.flush()
    }

    /// Times how long each that joined took for it.
    pub(super) fn time_joining(&mut self) {
        for (peer, seat) in self.seats.iter().enumerate() {
            let Some(joined_after) = seat.joined_after else { continue };
            self.books.time(joined_after.saturating_sub(self.side.begun_after(peer)));
        }
    }

    /// Who was there so far.
    pub(super) fn sessions(&self) -> Sessions {
        Sessions { why_not: self.side.why_not(), ..self.sessions.clone() }
    }

    pub(super) const fn counts(&self) -> Counts {
        self.books.counts()
    }

    pub(super) const fn sent(&self) -> u64 {
        self.sent
    }

    /// The work begins.
    pub(super) fn begin(&mut self) {
        self.before = workers(&*self.side);
    }

    /// The work is over, but for what is under way; so many messages were due and not offered.
    pub(super) fn stop(&mut self, spent: Spent, missed: u64) {
        self.report.missed = missed;
        self.report.workers = workers(&*self.side).since(&self.before);
        self.report.spent = spent;
        self.report.in_time = self.books.counts().arrived;
        if let Some((_, after)) = &mut self.report.resident {
            *after = meter::resident().unwrap_or(*after);
        }
    }

    /// All that came of it.
    pub(super) fn report(&self) -> Report {
        Report {
            sent: self.sent,
            refused: self.refused,
            counts: self.books.counts(),
            latencies: self.books.latencies(),
            sessions: self.sessions(),
            drops: drops(self.side.drops()),
            ..self.report.clone()
        }
    }
}

fn seat(seats: &mut Vec<Seat>, peer: Peer) -> &mut Seat {
    if seats.len() <= peer {
        seats.resize(peer + 1, Seat::default());
    }
    #[expect(clippy::indexing_slicing, reason = "there is such a place since the line before")]
    &mut seats[peer]
}

fn workers(side: &dyn Side) -> Workers {
    Workers {
        receivers: side.receivers(),
        senders: side.senders(),
        lost_spuriously: side.lost_spuriously(),
    }
}

/// Reasons that never came up say nothing.
fn drops(all: BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    all.into_iter().filter(|(_, count)| *count > 0).collect()
}
