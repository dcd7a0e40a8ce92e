//! What comes off the wires: every datagram delivered or dropped with a reason.

use biplane_proto::{DropReason, Path};

use super::{Tally, World};
use crate::{Arrival, ContractBreach, Entry, Side};

impl World {
    /// Takes in everything of a client's wires that has arrived.
    pub(super) fn arrive(&mut self, client: usize) {
        let now = self.now;
        while let Some(arrival) = self.wires_mut(client).and_then(|wires| wires.up.pop(now)) {
            self.receive(Side::Server(client), arrival);
        }
        while let Some(arrival) = self.wires_mut(client).and_then(|wires| wires.down.pop(now)) {
            self.receive(Side::Client(client), arrival);
        }
        while let Some(inflow) = self.wires_mut(client).and_then(|it| it.control_up.pop(now)) {
            self.handle_inflow(Side::Server(client), &inflow);
        }
        while let Some(inflow) = self.wires_mut(client).and_then(|it| it.control_down.pop(now)) {
            self.handle_inflow(Side::Client(client), &inflow);
        }
    }

    /// Takes a datagram off a link at `side`, and accounts for it.
    fn receive(&mut self, side: Side, arrival: Arrival) {
        let (altered, mut bytes) = (arrival.altered, arrival.bytes);
        let admitted = self.admit(side, &mut bytes);
        let now = self.now;
        if altered && admitted.is_ok() {
            self.watch.breach(now, Some(side), ContractBreach::AlteredAccepted);
        }
        if let Err(reason) = admitted {
            self.watch.note(now, side, Entry::Dropped(reason, bytes.len()));
        }
        let Some(tally) = self.tally_mut(side) else { return };
        tally.received += 1;
        match admitted {
            Ok(()) => tally.delivered += 1,
            Err(reason) => tally.drops.record(reason, bytes.len()),
        }
    }

    fn admit(&mut self, side: Side, datagram: &mut [u8]) -> Result<(), DropReason> {
        let line = self.lines.get(side.client()).ok_or(DropReason::UnknownSession)?;
        let (here, there) = match side {
            Side::Client(_) => (&line.host, self.server.address),
            Side::Server(_) => (&self.server, line.host.address),
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
            Side::Server(_) => Some(&mut self.server.tally),
        }
    }
}
