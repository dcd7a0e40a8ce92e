//! What comes off the wires: every datagram delivered or dropped with a reason.

use biplane_proto::{DropReason, Path};

use super::{Tally, World, line::Line};
use crate::{Arrival, ContractBreach, Entry, Side};

impl World {
    /// Takes in everything of a client's wires that has arrived.
    pub(super) fn arrive(&mut self, client: usize) {
        let now = self.now;
        while let Some(arrival) = self.line_mut(client).and_then(|it| it.wires.up.pop(now)) {
            self.receive(Side::Server(client), arrival);
        }
        while let Some(arrival) = self.line_mut(client).and_then(|it| it.wires.down.pop(now)) {
            self.receive(Side::Client(client), arrival);
        }
        while let Some(inflow) = self.line_mut(client).and_then(|it| it.wires.control_up.pop(now)) {
            self.handle_inflow(Side::Server(client), &inflow);
        }
        while let Some(inflow) = self.line_mut(client).and_then(|it| it.wires.control_down.pop(now))
        {
            self.handle_inflow(Side::Client(client), &inflow);
        }
    }

    fn line_mut(&mut self, client: usize) -> Option<&mut Line> {
        self.lines.get_mut(client)
    }

    /// Takes a datagram off a link at `side`, and accounts for it.
    fn receive(&mut self, side: Side, arrival: Arrival) {
        let (altered, mut bytes) = (arrival.altered, arrival.bytes);
        let taken = self.take_in(side, &mut bytes);
        let now = self.now;
        if altered && taken.is_ok() {
            self.watch.breach(now, Some(side), ContractBreach::AlteredAccepted);
        }
        if let Err(reason) = taken {
            self.watch.note(now, side, Entry::Dropped(reason, bytes.len()));
        }
        let Some(tally) = self.tally_mut(side) else { return };
        tally.received += 1;
        match taken {
            Ok(()) => tally.delivered += 1,
            Err(reason) => tally.drops.record(reason, bytes.len()),
        }
    }

    fn take_in(&mut self, side: Side, datagram: &mut [u8]) -> Result<(), DropReason> {
        let line = self.lines.get(side.client()).ok_or(DropReason::UnknownSession)?;
        let house = self.houses.get(line.house).ok_or(DropReason::UnknownSession)?;
        let (here, there) = match side {
            Side::Client(_) => (&line.host, house.host.address),
            Side::Server(_) => (&house.host, line.host.address),
        };
        let (header, client) = here.read(datagram)?;
        let path = Path { remote: there, local: Some(here.address.ip()) };
        let side = if matches!(side, Side::Server(_)) { Side::Server(client) } else { side };
        let now = self.now;
        let node = self.node_mut(side).ok_or(DropReason::UnknownSession)?;
        node.handle_datagram(now, path, &header, datagram)
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
