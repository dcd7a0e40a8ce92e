//! From the first byte of a control connection to two sessions.
//!
//! Real hellos and welcomes, in whatever pieces they arrive. TLS is left out: the streams begin
//! where it is done, and the secret it would export is made from the seed and the agreement.

use std::time::Instant;

use biplane_proto::{Accepting, Agreement, Dialing, HelloError, Path, Session, Setup, digest};
use biplane_wire::{Answer, DecodeError, Hello, Parameters, ReceiveId};

use super::{
    ClientConfig, World,
    config::EndConfig,
    line::{Line, Stage},
};
use crate::{Core, Inflow, SessionBreach, Side, node::Node};

impl World {
    /// A client begins to dial now. Returns which client it is; clients count from 0.
    pub fn connect(&mut self, config: ClientConfig) -> usize {
        let client = self.lines.len();
        let mut line = Line::new(self.start, client, config, &mut self.rng);
        let id = ReceiveId(u32::from_be_bytes(self.rng.bytes()));
        line.host.route(id, client);
        let description = self.protocol.description.clone();
        let local = parameters(id, line.config.client);
        let dialing = Dialing::new(description, line.config.aeads.clone(), local);
        line.wires.control_up.write(self.now, dialing.hello());
        line.client = Stage::Dialing { dialing: Box::new(dialing), inbox: Vec::new() };
        self.lines.push(line);
        client
    }

    /// Takes what came over a control connection at `side`.
    pub(super) fn handle_inflow(&mut self, side: Side, inflow: &Inflow) {
        let now = self.now;
        match (self.stage_mut(side), inflow) {
            (Some(Stage::Live(node)), _) => node.handle_inflow(now, inflow),
            (
                Some(Stage::Dialing { inbox, .. } | Stage::Accepting { inbox }),
                Inflow::Bytes(more),
            ) => {
                inbox.extend_from_slice(more);
                self.try_to_begin(side);
            }
            (Some(Stage::Dialing { .. } | Stage::Accepting { .. }), Inflow::End) => {
                self.fail(side, "the control connection broke".to_owned());
            }
            (Some(Stage::Failed) | None, _) => {}
        }
    }

    /// Begins the session at `side` if its handshake is whole.
    fn try_to_begin(&mut self, side: Side) {
        let outcome = match side {
            Side::Client(client) => self.try_to_join(client),
            Side::Server(client) => self.try_to_welcome(client),
        };
        if let Err(why) = outcome {
            self.fail(side, why);
        }
    }

    fn try_to_join(&mut self, client: usize) -> Result<(), String> {
        let Some(Line { client: Stage::Dialing { dialing, inbox }, .. }) =
            self.lines.get_mut(client)
        else {
            return Ok(());
        };
        let Some(answer) = split_block(inbox, Answer::len_of)? else { return Ok(()) };
        let agreement = dialing.handle_answer(&answer).map_err(|error| error.to_string())?;
        let rest = core::mem::take(inbox);
        self.begin(Side::Client(client), agreement, &rest);
        Ok(())
    }

    fn try_to_welcome(&mut self, client: usize) -> Result<(), String> {
        let id = self.unused_id();
        let Some(Line { server: Stage::Accepting { inbox }, config, wires, .. }) =
            self.lines.get_mut(client)
        else {
            return Ok(());
        };
        let Some(hello) = split_block(inbox, Hello::len_of)? else { return Ok(()) };
        let description = &self.protocol.description;
        let accepting = Accepting::new(description, &digest(description), hello)
            .map_err(|error: HelloError| format!("{error:?}"))?;
        let (welcome, agreement) = accepting
            .welcome(&config.aeads, parameters(id, config.server))
            .map_err(|_| "no AEAD in common".to_owned())?;
        let rest = core::mem::take(inbox);
        wires.control_down.write(self.now, &welcome);
        self.server.route(id, client);
        self.begin(Side::Server(client), agreement, &rest);
        Ok(())
    }

    /// Makes the session, and hands it the control bytes that came right behind the handshake.
    fn begin(&mut self, side: Side, agreement: Agreement, rest: &[u8]) {
        let seed = self.rng.bytes();
        let Some(line) = self.lines.get(side.client()) else { return };
        let (end, remote, peer) = match side {
            Side::Client(_) => (line.config.client, Some(self.server.address), self.server.address),
            Side::Server(_) => (line.config.server, None, line.host.address),
        };
        let setup = Setup {
            role: side.role(),
            secret: exported(&self.secret, &agreement),
            agreement,
            channels: self.protocol.channels.clone(),
            requests: self.protocol.description.requests.len(),
            config: line.config.session.clone(),
            seed,
            first_packet: end.first_packet,
            remote,
            handshake_rtt: line.config.wires.control_rtt(),
        };
        let peer = Path { remote: peer, local: None };
        let mut node = Box::new(Node::new(side, live(self.now, setup, end), peer, end.lag));
        if !rest.is_empty() {
            node.handle_inflow(self.now, &Inflow::Bytes(rest.to_vec()));
        }
        if let Some(stage) = self.stage_mut(side) {
            *stage = Stage::Live(node);
        }
    }

    fn fail(&mut self, side: Side, why: String) {
        if let Some(stage) = self.stage_mut(side) {
            *stage = Stage::Failed;
        }
        self.watch.breach(self.now, Some(side), SessionBreach::NeverJoined { why });
    }

    fn unused_id(&mut self) -> ReceiveId {
        loop {
            let id = ReceiveId(u32::from_be_bytes(self.rng.bytes()));
            if !self.server.knows(id) {
                return id;
            }
        }
    }
}

fn live(now: Instant, setup: Setup, end: EndConfig) -> Core {
    Core::new(Session::new(now, setup), end.canary)
}

fn parameters(id: ReceiveId, end: EndConfig) -> Parameters {
    Parameters { initial_credit: end.initial_credit, ..Parameters::new(id) }
}

/// Stands for the TLS exporter: differs with the connection and with what was agreed on.
fn exported(secret: &[u8; 32], agreement: &Agreement) -> [u8; 32] {
    let mut out = *secret;
    for (byte, context) in out.iter_mut().zip(agreement.context) {
        *byte ^= context;
    }
    out
}

/// Takes the handshake block off the front of `inbox`, once it is whole.
fn split_block(
    inbox: &mut Vec<u8>,
    len_of: impl Fn(&[u8]) -> Result<Option<usize>, DecodeError>,
) -> Result<Option<Vec<u8>>, String> {
    let len = len_of(inbox).map_err(|error| error.to_string())?;
    Ok(len.filter(|len| *len <= inbox.len()).map(|len| {
        let rest = inbox.split_off(len);
        core::mem::replace(inbox, rest)
    }))
}
