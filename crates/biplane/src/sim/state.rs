//! The world under its lock, and what its servers and clients need to know of it.
//!
//! Everything enters by [`Shared::enter`], which sees to what the world tells and runs what must be
//! run with no lock held.

use core::{any::Any, task::Waker, time::Duration};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Instant,
};

use biplane_proto::RequestError;
use biplane_sim::{Agenda, Instruction, News, Side};
use biplane_wire::{RequestId, limits};
use bytes::Bytes;

use super::{
    admission::{Asked, Door},
    peer::{About, SimPeer},
    witness::Witness,
};
use crate::{
    ConnectError, DialError, SessionCounts, SessionId, Step,
    engine::{Answered, Connected, Peer},
};

/// What has to run when the lock is free again.
pub(super) type Call = Box<dyn FnOnce() + Send>;

/// A server, or an endpoint of clients.
pub(super) type PartyNumber = usize;

/// A world that its servers and clients share.
pub(super) struct Shared(Mutex<State>);

/// All of it.
pub(super) struct State {
    pub(super) world: biplane_sim::World,
    pub(super) parties: Vec<Party>,
    /// The parties that listen, by the number of the server in the world.
    pub(super) doors: Vec<Door>,
    pub(super) witness: Witness,
    pub(super) asked: Vec<Asked>,
    pub(super) calls: Vec<Call>,
    me: Weak<Shared>,
    /// Sessions that are not over.
    peers: BTreeMap<Side, Arc<SimPeer>>,
    waiting: Waiting,
    deadlines: BTreeSet<(Instant, Deadline)>,
    /// What the links of parties have in store, counted from when they were made.
    agendas: BTreeMap<PartyNumber, (Instant, Agenda)>,
}

/// Who waits for what.
#[derive(Default)]
struct Waiting {
    dials: BTreeMap<usize, Dialed>,
    questions: BTreeMap<(Side, u32), Answered>,
    endings: BTreeMap<Side, Vec<Call>>,
}

/// One endpoint's share.
#[derive(Default)]
pub(super) struct Party {
    pub(super) ready: VecDeque<Arc<dyn Peer>>,
    pub(super) wakers: Vec<Waker>,
    /// Sessions that queued something since the last flush.
    pub(super) dirty: BTreeSet<Side>,
    pub(super) members: BTreeMap<SessionId, Side>,
    /// The same, with those that are over.
    pub(super) ever: Vec<Side>,
    pub(super) counts: SessionCounts,
    pub(super) is_closing: bool,
    closed: Vec<Call>,
    named: u64,
}

/// A client that dials.
struct Dialed {
    party: PartyNumber,
    deadline: Instant,
    done: Connected,
}

/// Something that must not take for ever.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Deadline {
    /// A client's joining.
    Dial(usize),
    /// A server's admission of a client.
    Admission(usize),
    /// A party's farewell.
    Close(PartyNumber),
    /// What a party's link has in store.
    Instruction(PartyNumber),
}

impl Shared {
    pub(super) fn new(start: Instant, seed: u64) -> Arc<Self> {
        Arc::new_cyclic(|me| {
            Self(Mutex::new(State {
                world: biplane_sim::World::empty(start, seed),
                parties: Vec::new(),
                doors: Vec::new(),
                witness: Witness::default(),
                asked: Vec::new(),
                calls: Vec::new(),
                me: Weak::clone(me),
                peers: BTreeMap::new(),
                waiting: Waiting::default(),
                deadlines: BTreeSet::new(),
                agendas: BTreeMap::new(),
            }))
        })
    }

    /// Locks, acts, sees to the news, unlocks, and runs what that left to run.
    pub(super) fn enter<R>(&self, act: impl FnOnce(&mut State) -> R) -> R {
        let (result, calls) = {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let result = act(&mut state);
            state.follow();
            (result, core::mem::take(&mut state.calls))
        };
        for call in calls {
            call();
        }
        result
    }

    /// Lets time pass until `moment`.
    pub(super) fn run_until(&self, moment: Instant) {
        // What was done since may be what an admission waited for.
        self.ask();
        loop {
            let goes_on = self.enter(|state| state.step(moment));
            self.ask();
            if !goes_on {
                return;
            }
        }
    }

    /// Looks whether anybody was admitted or refused meanwhile.
    fn ask(&self) {
        let asked = self.enter(|state| core::mem::take(&mut state.asked));
        if asked.is_empty() {
            return;
        }
        // Polled without the lock: an application's admission may look at its server.
        let answered: Vec<_> = asked.into_iter().map(Asked::poll).collect();
        self.enter(|state| answered.into_iter().for_each(|asked| state.conclude(asked)));
    }
}

impl State {
    pub(super) fn me(&self) -> Weak<Shared> {
        Weak::clone(&self.me)
    }

    pub(super) fn add_party(&mut self) -> PartyNumber {
        self.parties.push(Party::default());
        self.parties.len() - 1
    }

    /// Lets time pass until there is something to see to, or it is `moment`, and then says `false`.
    fn step(&mut self, moment: Instant) -> bool {
        let next = self.deadlines.first().map_or(moment, |(at, _)| (*at).min(moment));
        while self.world.step(next) {
            if self.world.has_news() {
                return true;
            }
        }
        while let Some((at, what)) = self.deadlines.first().copied()
            && at <= self.world.now()
        {
            self.deadlines.remove(&(at, what));
            self.miss(what);
        }
        next < moment
    }

    pub(super) fn expect_within(&mut self, time: Duration, what: Deadline) -> Instant {
        let at = self.world.now() + time;
        self.deadlines.insert((at, what));
        at
    }

    pub(super) fn forget_deadline(&mut self, at: Instant, what: Deadline) {
        self.deadlines.remove(&(at, what));
    }

    fn miss(&mut self, what: Deadline) {
        match what {
            Deadline::Dial(client) => {
                self.world.give_up(client);
                let seconds = limits::CONNECT_DEADLINE.as_secs();
                // A world has no names to look up, and no TLS: what is waited for is TCP and the answer.
                self.end_dial(client, Err(ConnectError::TimedOut { seconds, step: Step::Tcp }));
            }
            Deadline::Admission(client) => {
                let overdue = self.asked.extract_if(.., |asked| asked.client == client);
                let overdue: Vec<_> = overdue.collect();
                self.let_go(overdue);
                self.refuse(client, (504, None), "the server's admission took too long");
            }
            Deadline::Close(party) => self.end_closing(party),
            Deadline::Instruction(party) => self.obey(party),
        }
    }

    /// The clients of `party` stand behind a link that has this in store.
    pub(super) fn schedule(&mut self, party: PartyNumber, start: Instant, agenda: Agenda) {
        if let Some(next) = agenda.next_due() {
            self.deadlines.insert((start + next, Deadline::Instruction(party)));
            self.agendas.insert(party, (start, agenda));
        }
    }

    fn obey(&mut self, party: PartyNumber) {
        let Some((start, mut agenda)) = self.agendas.remove(&party) else { return };
        let elapsed = self.world.now().saturating_duration_since(start);
        while let Some(instruction) = agenda.pop(elapsed) {
            self.carry_out(party, instruction);
        }
        self.schedule(party, start, agenda);
    }

    fn carry_out(&mut self, party: PartyNumber, instruction: Instruction) {
        let now = self.world.now();
        let members = self.parties.get(party).map(|party| party.members.values().copied());
        let clients: Vec<_> = members.into_iter().flatten().map(Side::client).collect();
        for client in clients {
            match instruction {
                Instruction::KillTcp => {
                    if let Some(wires) = self.world.wires_mut(client) {
                        wires.kill_control(now);
                    }
                }
                Instruction::RebindUdp { address } => self.world.rebind(client, address),
                // What a later link has in store is not for this one.
                _ => {}
            }
        }
    }

    /// Sees to what the world tells.
    fn follow(&mut self) {
        while let Some(news) = self.world.poll_news() {
            match news {
                News::Knocked { client, protocol, credentials, remote } => {
                    self.knocked(client, protocol, credentials, remote);
                }
                News::Began(side) => self.began(side),
                News::TurnedAway { client, error } => {
                    let error = error.map_or_else(|| broken(self.address(client)), DialError::Join);
                    self.end_dial(client, Err(error.into()));
                }
                News::Ready(side) => self.announce(side),
                News::Answered(side, answered) => {
                    self.answer((side, answered.id.0), answered.outcome);
                }
                News::Over(side) => self.ended(side),
                // What a later world tells is not for this one.
                _ => {}
            }
        }
    }

    fn address(&self, client: usize) -> Option<SocketAddr> {
        self.world.server_address(self.world.server_of(client)?)
    }

    /// A client of `party` dials; `done` hears of it once.
    pub(super) fn dialed(&mut self, party: PartyNumber, client: usize, done: Connected) {
        let deadline = self.expect_within(limits::CONNECT_DEADLINE, Deadline::Dial(client));
        self.waiting.dials.insert(client, Dialed { party, deadline, done });
    }

    /// Drops what is the application's, with no lock held: what it owns may be of this world.
    pub(super) fn let_go(&mut self, what: impl Send + 'static) {
        self.calls.push(Box::new(move || drop(what)));
    }

    fn end_dial(&mut self, client: usize, outcome: Result<Arc<dyn Peer>, ConnectError>) {
        if let Some(Dialed { deadline, done, .. }) = self.waiting.dials.remove(&client) {
            self.forget_deadline(deadline, Deadline::Dial(client));
            self.calls.push(Box::new(move || done(outcome)));
        }
    }

    fn began(&mut self, side: Side) {
        let (server, dialing) = match side {
            Side::Server(client) => (self.world.server_of(client), None),
            Side::Client(_) | _ => {
                (None, self.waiting.dials.get(&side.client()).map(|dialed| dialed.party))
            }
        };
        let door = server.and_then(|server| self.doors.get_mut(server));
        let (party, app, protocol) = match door {
            Some(door) => {
                let (app, protocol) = door.admitted.remove(&side.client()).unwrap_or_default();
                (Some(door.party), app, protocol)
            }
            None => (dialing, None, 0),
        };
        let Some(party) = party else { return };
        if self.parties.get(party).is_some_and(|party| party.is_closing) {
            self.let_go(app);
            return self.world.abandon(side);
        }
        if let Some(peer) = self.enrol(party, side, app, protocol) {
            if let Side::Client(client) = side {
                self.end_dial(client, Ok(peer));
            }
            self.announce(side);
        }
    }

    fn enrol(
        &mut self,
        party: PartyNumber,
        side: Side,
        app: Option<Arc<dyn Any + Send + Sync>>,
        protocol: usize,
    ) -> Option<Arc<SimPeer>> {
        let remote = match side {
            Side::Server(client) => self.world.client_address(client)?,
            Side::Client(_) | _ => self.address(side.client())?,
        };
        let Party { members, ever, counts, named, .. } = self.parties.get_mut(party)?;
        *named += 1;
        let id = SessionId::new(*named);
        members.insert(id, side);
        ever.push(side);
        counts.admitted += 1;
        counts.current += 1;
        counts.peak = counts.peak.max(counts.current);
        let about = About { side, party, id, remote, protocol, app };
        let peer = Arc::new(SimPeer::new(self.me(), about));
        self.peers.insert(side, Arc::clone(&peer));
        Some(peer)
    }

    /// Puts a session into its party's ready list.
    fn announce(&mut self, side: Side) {
        let Some(peer) = self.peers.get(&side) else { return };
        let Some(party) = self.parties.get_mut(peer.about().party) else { return };
        party.ready.push_back(Arc::<SimPeer>::clone(peer));
        for waker in party.wakers.drain(..) {
            self.calls.push(Box::new(move || waker.wake()));
        }
    }

    /// Registers who waits for the answer to a request.
    pub(super) fn asks(&mut self, side: Side, id: RequestId, then: Answered) {
        self.waiting.questions.insert((side, id.0), then);
    }

    fn answer(&mut self, question: (Side, u32), outcome: Result<Bytes, RequestError>) {
        if let Some(then) = self.waiting.questions.remove(&question) {
            self.calls.push(Box::new(move || then(outcome)));
        }
    }

    /// Runs `then` when the session is over; at once if it is.
    pub(super) fn on_over(&mut self, side: Side, then: Call) {
        if self.peers.contains_key(&side) {
            self.waiting.endings.entry(side).or_default().push(then);
        } else {
            self.calls.push(then);
        }
    }

    fn ended(&mut self, side: Side) {
        let Some(peer) = self.peers.remove(&side) else { return };
        // Its last events may still be waiting, and nobody would announce it any more.
        let open = (side, 0)..=(side, u32::MAX);
        let open: Vec<_> =
            self.waiting.questions.range(open).map(|(question, _)| *question).collect();
        for question in open {
            self.answer(question, Err(RequestError::Closed));
        }
        self.calls.extend(self.waiting.endings.remove(&side).into_iter().flatten());
        let reason = self.world.session(side).and_then(|session| session.close_reason().cloned());
        let About { party: number, id, .. } = *peer.about();
        let Some(party) = self.parties.get_mut(number) else { return };
        party.members.remove(&id);
        party.counts.current -= 1;
        if let Some(reason) = reason {
            party.counts.timed_out += u64::from(reason == biplane_proto::CloseReason::TimedOut);
            *party.counts.left.entry(reason.name()).or_default() += 1;
        }
        if party.is_closing && party.members.is_empty() {
            self.end_closing(number);
        }
    }

    /// Closes all sessions of a party with these words, or at once without; no session of it begins
    /// any more.
    pub(super) fn close(&mut self, party: PartyNumber, text: Option<&str>, done: Call) {
        let Some(closing) = self.parties.get_mut(party) else { return };
        closing.is_closing = true;
        closing.closed.push(done);
        let sides: Vec<_> = closing.members.values().copied().collect();
        for side in sides {
            match text {
                Some(text) => self.world.close(side, text),
                None => self.world.abandon(side),
            }
        }
        self.give_up_dials(party);
        if self.parties.get(party).is_some_and(|party| party.members.is_empty()) {
            self.end_closing(party);
        } else {
            self.expect_within(limits::CLOSE_DEADLINE, Deadline::Close(party));
        }
    }

    fn give_up_dials(&mut self, party: PartyNumber) {
        let dialing = self.waiting.dials.iter().filter(|(_, dialed)| dialed.party == party);
        let clients: Vec<_> = dialing.map(|(client, _)| *client).collect();
        for client in clients {
            self.world.give_up(client);
            self.end_dial(client, Err(ConnectError::Closed));
        }
    }

    fn end_closing(&mut self, party: PartyNumber) {
        if let Some(party) = self.parties.get_mut(party) {
            self.calls.append(&mut party.closed);
        }
    }
}

/// The connection broke before there was a session.
fn broken(address: Option<SocketAddr>) -> DialError {
    let source = std::io::ErrorKind::ConnectionReset.into();
    let step = Step::Admission;
    address.map_or(DialError::Closed, |address| DialError::Broken { step, address, source })
}
