//! What comes off the wires: every datagram delivered or dropped with a reason.

use std::{collections::VecDeque, net::SocketAddr};

use biplane_proto::{Arrival as Packet, DropReason, Path};
use biplane_wire::Header;

use super::{Tally, World, host::Host, line::Line};
use crate::{Arrival, Canary, CanaryKind, ContractBreach, Direction, Entry, Rng, Side};

/// A datagram that a receiver has opened: whose packet it is, and what it says.
struct Opened {
    side: Side,
    packet: Packet,
    /// How many bytes behind the header.
    len: usize,
}

/// A datagram that was not taken in.
#[derive(Clone, Copy)]
struct Dropped {
    /// Whose it was, if it could be told.
    side: Option<Side>,
    reason: DropReason,
}

impl From<DropReason> for Dropped {
    fn from(reason: DropReason) -> Self {
        Self { side: None, reason }
    }
}

/// A datagram with the address at the far end of the client's wires: where one of the client's seems
/// to come from, and where one of the server's goes to.
type Datagram = Arrival<SocketAddr>;

/// A datagram as it came, and what opening it gave.
type Read = (Datagram, Result<Opened, Dropped>);

impl World {
    /// Takes in everything of a client's wires that has arrived.
    pub(super) fn arrive(&mut self, client: usize) {
        self.read(Side::Server(client));
        self.read_forged(client);
        self.read(Side::Client(client));
        let numbers = self.line_mut(client).map(|line| line.wires.numbers()).unwrap_or_default();
        for number in numbers {
            self.read_control(Side::Server(client), number);
            self.read_control(Side::Client(client), number);
        }
    }

    /// Takes in what has come at `side` on a control connection.
    fn read_control(&mut self, side: Side, number: u32) {
        let now = self.now;
        let direction = match side {
            Side::Client(_) => Direction::Down,
            Side::Server(_) => Direction::Up,
        };
        while let Some(line) = self.line_mut(side.client())
            && line.awake(line.end(side), now) <= now
            && let Some(stream) = line.wires.control(number, direction)
            && let Some(inflow) = stream.pop(now)
        {
            if stream.breaks() {
                line.wires.kill_connection(now, number);
            }
            self.handle_inflow(side, number, &inflow);
        }
    }

    /// Somebody sends everything that was recorded and is left to come again, at every end that is
    /// replayed.
    pub fn replay_rest(&mut self) {
        for side in self.sides() {
            let line = self.line_mut(side.client());
            for bytes in line.map(|line| line.recorder(side).0.rest()).unwrap_or_default() {
                self.replay(side, bytes);
            }
            self.settle(side.client());
        }
    }

    /// How many datagrams came once more so.
    #[must_use]
    pub fn replayed(&self) -> u64 {
        self.lines.iter().map(Line::replayed).sum()
    }

    fn line_mut(&mut self, client: usize) -> Option<&mut Line> {
        self.lines.get_mut(client)
    }

    /// Reads what has come out at `side`, if that is when it is read.
    fn read(&mut self, side: Side) {
        let now = self.now;
        let Some(line) = self.lines.get_mut(side.client()) else { return };
        let end = *line.end(side);
        let next = line.link_to(side).next_arrival();
        if next.is_none_or(|at| line.read_at(&end, at) > now) {
            return;
        }
        if end.receivers > 1 {
            let batch = core::iter::from_fn(|| line.pop(side, now)).collect();
            return self.deal(side, batch, end.receivers);
        }
        while let Some(arrival) = self.line_mut(side.client()).and_then(|it| it.pop(side, now)) {
            self.receive(side, arrival);
        }
    }

    /// The server reads what has come of a client's datagrams under the addresses of others.
    fn read_forged(&mut self, client: usize) {
        let now = self.now;
        while let Some(forger) = self.line_mut(client).and_then(|line| line.roaming.forger.as_mut())
            && let Some(arrival) = forger.pop(now)
        {
            self.receive(Side::Server(client), arrival);
        }
    }

    /// One receiver takes a datagram in.
    fn receive(&mut self, side: Side, mut arrival: Datagram) {
        let end = self.lines.get(side.client()).map(|line| *line.end(side));
        let original = end.is_some_and(|end| end.is_replayed).then(|| arrival.clone());
        let opened = self.open(side, &mut arrival);
        let taken = self.take_in(side, &arrival, opened);
        if let Some(original) = original {
            self.record(side, &original, taken);
        }
    }

    /// Several receivers have each a share of a batch; all open before the first commits.
    fn deal(&mut self, side: Side, batch: Vec<Datagram>, receivers: usize) {
        let Some(mut rng) = self.line_mut(side.client()).map(|line| line.dealer.fork()) else {
            return;
        };
        let mut hands: Vec<VecDeque<Read>> = (0..receivers).map(|_| VecDeque::new()).collect();
        for mut arrival in batch {
            let opened = self.open(side, &mut arrival);
            let hand = rng.index(receivers);
            if let Some(hand) = hands.get_mut(hand) {
                hand.push_back((arrival, opened));
            }
        }
        while let Some((arrival, opened)) = next_of(&mut hands, &mut rng) {
            // Nobody asks what became of it.
            self.take_in(side, &arrival, opened).ok();
        }
    }

    /// Reads and opens a datagram, by what was published before; changes nothing but counts.
    fn open(&mut self, side: Side, arrival: &mut Datagram) -> Result<Opened, Dropped> {
        if let Some(tally) = self.tally_mut(side) {
            tally.received += 1;
        }
        let stays = self.canary(side, CanaryKind::Stays).is_some();
        let line = self.lines.get(side.client()).ok_or(DropReason::UnknownSession)?;
        let house = self.houses.get(line.house).ok_or(DropReason::UnknownSession)?;
        let (here, there) = match side {
            Side::Client(_) => (&line.host, house.host.address),
            Side::Server(client) if stays => (&house.host, Host::client(client).address),
            Side::Server(_) => (&house.host, arrival.tag),
        };
        let datagram = arrival.bytes.as_mut_slice();
        let (header, client) = here.read(datagram)?;
        let path = Path { remote: there, local: Some(here.address.ip()) };
        let side = if matches!(side, Side::Server(_)) { Side::Server(client) } else { side };
        let now = self.now;
        let swallows = self.canary(side, CanaryKind::Swallows).is_some();
        let node = self.node_mut(side).ok_or(DropReason::UnknownSession)?;
        let opened = node.open(&header, datagram);
        let opened = opened.map(|(number, epoch, text)| (number, epoch, text.len()));
        let (number, epoch, len) = opened.map_err(|reason| {
            if !swallows {
                node.count_drop(reason);
            }
            Dropped { side: Some(side), reason }
        })?;
        let (phase, ecn) = (header.phase, arrival.ecn);
        let packet = Packet { received_at: now, path, number, epoch, phase, ecn };
        Ok(Opened { side, packet, len })
    }

    /// Hands what was opened to its session, and counts the datagram.
    fn take_in(
        &mut self,
        side: Side,
        arrival: &Datagram,
        opened: Result<Opened, Dropped>,
    ) -> Result<(), DropReason> {
        let (whose, taken) = match opened {
            Ok(opened) => (Some(opened.side), self.commit(&opened, &arrival.bytes)),
            Err(Dropped { side, reason }) => (side, Err(reason)),
        };
        self.account(side, arrival, taken);
        if let Some(node) = whose.and_then(|side| self.node_mut(side)) {
            node.account(taken, arrival.bytes.len());
        }
        taken
    }

    fn commit(&mut self, opened: &Opened, datagram: &[u8]) -> Result<(), DropReason> {
        let now = self.now;
        let node = self.node_mut(opened.side).ok_or(DropReason::UnknownSession)?;
        let plaintext = datagram.get(Header::LEN..).and_then(|rest| rest.get(..opened.len));
        node.commit(now, &opened.packet, plaintext.ok_or(DropReason::Malformed)?)
    }

    /// Counts a datagram as delivered or dropped.
    fn account(&mut self, side: Side, arrival: &Datagram, taken: Result<(), DropReason>) {
        let (now, len) = (self.now, arrival.bytes.len());
        if arrival.altered && taken.is_ok() {
            self.watch.breach(now, Some(side), ContractBreach::AlteredAccepted);
        }
        if let Err(reason) = taken {
            self.watch.note(now, side, Entry::Dropped(reason, len));
        }
        let Some(tally) = self.tally_mut(side) else { return };
        match taken {
            Ok(()) => tally.delivered += 1,
            Err(reason) => tally.drops.record(reason, len),
        }
    }

    /// Records a datagram that came for the first time, and lets those come again that are due.
    fn record(&mut self, side: Side, original: &Datagram, taken: Result<(), DropReason>) {
        let Some(line) = self.lines.get_mut(side.client()) else { return };
        let (recorder, rng) = line.recorder(side);
        let breach = match taken {
            Ok(()) => {
                recorder.record(original, rng);
                None
            }
            Err(reason) => recorder.judge(original, reason),
        };
        let due = recorder.due();
        if let Some(breach) = breach {
            self.watch.breach(self.now, Some(side), breach);
        }
        due.into_iter().for_each(|bytes| self.replay(side, bytes));
    }

    /// A datagram that was taken in before comes once more.
    fn replay(&mut self, side: Side, bytes: Vec<u8>) {
        let Some(tag) = self.lines.get(side.client()).map(|line| line.host.address) else { return };
        let mut again = Arrival { altered: false, number: 0, tag, ecn: None, bytes };
        let opened = self.open(side, &mut again);
        let mut taken = self.take_in(side, &again, opened);
        let forgets = self.canary(side, CanaryKind::Forgets);
        let line = self.line_mut(side.client());
        let count = line.map_or(0, |line| line.recorder(side).0.count_again());
        if forgets.is_some_and(|canary| canary.after == count) {
            taken = Ok(());
        }
        if taken.is_ok() {
            self.watch.breach(self.now, Some(side), ContractBreach::ReplayTaken);
        }
    }

    fn canary(&self, side: Side, kind: CanaryKind) -> Option<Canary> {
        let end = self.lines.get(side.client())?.end(side);
        end.canary.filter(|canary| canary.kind == kind)
    }

    fn tally_mut(&mut self, side: Side) -> Option<&mut Tally> {
        match side {
            Side::Client(client) => Some(&mut self.lines.get_mut(client)?.host.tally),
            Side::Server(client) => {
                let house = self.lines.get(client)?.house;
                Some(&mut self.houses.get_mut(house)?.host.tally)
            }
        }
    }
}

/// Whoever's turn it is commits the first it has.
fn next_of(hands: &mut Vec<VecDeque<Read>>, rng: &mut Rng) -> Option<Read> {
    hands.retain(|hand| !hand.is_empty());
    let turn = rng.index(hands.len());
    hands.get_mut(turn)?.pop_front()
}
