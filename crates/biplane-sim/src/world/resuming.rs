//! How a session comes to another control connection.
//!
//! The client dials while its session has lost the one it had, or beside one that takes nothing:
//! TCP and TLS over new streams, then a real hello that resumes, and the server's real answer. A
//! connection that was displaced may still carry bytes; no session hears them.

use biplane_proto::{Accepting, Agreement, Dialing, JoinError, ResumeClaim};
use biplane_wire::{Answer, Hello, ReceiveId};

use super::{
    World,
    joining::{exported, of_connection, split_block},
    line::{Line, Stage},
    news::News,
    switch::{Attempt, Redial},
};
use crate::{CanaryKind, Direction, Inflow, Side, wires::Progress};

impl World {
    /// Lets every control connection of a client break that is to: [`ClientConfig::breaks`]. For
    /// when both ends have begun; what has come by then counts for nothing.
    ///
    /// [`ClientConfig::breaks`]: crate::ClientConfig::breaks
    pub fn arm_breaks(&mut self, client: usize) {
        if let Some(line) = self.lines.get_mut(client) {
            line.arm_break(line.wires.number);
        }
    }

    /// How often the session of a client went on over another control connection.
    #[must_use]
    pub fn resumes(&self, client: usize) -> u64 {
        self.lines.get(client).map_or(0, |line| line.switch.resumes)
    }

    /// A server's process dies and is there again at once: it knows no session any more, every
    /// control connection of its is reset, and what comes of its clients' sessions is nothing.
    pub fn restart(&mut self, server: usize) {
        let now = self.now;
        let Some(house) = self.houses.get_mut(server) else { return };
        house.host.forget_all();
        house.sessions.clear();
        for client in 0..self.lines.len() {
            let Some(line) = self.lines.get_mut(client).filter(|line| line.house == server) else {
                continue;
            };
            let was_there = matches!(line.server, Stage::Live(_));
            if matches!(line.server, Stage::Failed) && line.switch.greetings.is_empty() {
                continue;
            }
            line.server = Stage::Failed;
            line.switch.greetings.clear();
            line.wires.kill_control(now);
            if was_there {
                self.desk.tell(News::Over(Side::Server(client)));
            }
            self.settle(client);
        }
    }

    /// Takes what came to the server on a connection that carries no session yet.
    pub(super) fn greet(&mut self, client: usize, number: u32, inflow: &Inflow) {
        let Some(line) = self.lines.get_mut(client) else { return };
        let Some(inbox) = line.switch.greetings.get_mut(&number) else { return };
        match inflow {
            Inflow::Bytes(more) => inbox.extend_from_slice(more),
            Inflow::End => {
                line.switch.greetings.remove(&number);
                return;
            }
        }
        let Ok(hello) = split_block(inbox, Hello::len_of) else {
            line.switch.greetings.remove(&number);
            return self.hang_up(client, number, &[]);
        };
        let Some(hello) = hello else { return };
        let rest = line.switch.greetings.remove(&number).unwrap_or_default();
        match self.accept(client, number, &hello) {
            Some(welcome) => self.go_on_at_server(client, number, &welcome, &rest),
            None => self.hang_up(client, number, &Accepting::resume_refusal()),
        }
    }

    /// The last word of the server on a connection.
    fn hang_up(&mut self, client: usize, number: u32, answer: &[u8]) {
        let now = self.now;
        let line = self.lines.get_mut(client);
        let down = line.and_then(|line| line.wires.control(number, Direction::Down));
        if let Some(down) = down {
            down.write(now, answer);
            down.finish(now);
        }
    }

    /// Gives the session that a hello names another connection; the welcome to write. `None` if the
    /// claim does not hold.
    fn accept(&mut self, client: usize, number: u32, hello: &[u8]) -> Option<Vec<u8>> {
        let now = self.now;
        let house = self.lines.get(client)?.house;
        let (accepting, _) = self.houses.get(house)?.accept(hello)?.ok()?;
        let claim: ResumeClaim = accepting.claim()?;
        // Every client of this world dials for a session of its own.
        let named = *self.houses.get(house)?.sessions.get(&claim.session)?;
        let binding = self.binding(client, number);
        let id = self.unused_id(house);
        let line = self.lines.get_mut(named).filter(|_| named == client)?;
        let node = line.server.node_mut()?;
        let (told, core) = node.touch(now);
        let parameters = core.session_mut().accept_resume(told, &claim, &binding, id)?;
        let (welcome, agreement) = accepting.welcome(&line.config.aeads, parameters).ok()?;
        let secret = exported(&self.secret, (client, number), &agreement);
        if !node.resume(now, &agreement, &secret) {
            return None;
        }
        self.houses.get_mut(house)?.host.route(id, client);
        Some(welcome)
    }

    /// The server's session is on another connection, whose first byte is the welcome's.
    fn go_on_at_server(&mut self, client: usize, number: u32, welcome: &[u8], rest: &[u8]) {
        let now = self.now;
        let Some(line) = self.lines.get_mut(client) else { return };
        let before = core::mem::replace(&mut line.switch.server_on, number);
        if let Some(down) = line.wires.control(before, Direction::Down) {
            down.finish(now);
        }
        if let Some(down) = line.wires.control(number, Direction::Down) {
            down.write(now, welcome);
        }
        if let Some(node) = line.server.node_mut().filter(|_| !rest.is_empty()) {
            node.handle_inflow(now, &Inflow::Bytes(rest.to_vec()));
        }
    }

    /// Does what is due for another connection of a client; whether its session had an input.
    pub(super) fn redial(&mut self, client: usize) -> bool {
        let now = self.now;
        let Some(line) = self.lines.get_mut(client) else { return false };
        line.keep_connections();
        if !line.wants_connection() {
            if line.switch.redial.take().is_some() {
                line.wires.cancel();
            }
            return false;
        }
        let redial = line.switch.redial.get_or_insert_with(|| Redial::first(now, &mut self.rng));
        if redial.until().is_some_and(|until| until <= now) {
            self.fail_attempt(client);
            return false;
        }
        if redial.is_due(now) {
            redial.begin(now, line.config.wires.control_rtt());
            line.wires.open(now, &mut self.rng);
        }
        let opens = matches!(redial.stage, Attempt::Opens { .. });
        if !opens || line.wires.opens_at().is_none_or(|at| at > now) {
            return false;
        }
        match line.wires.go_on_opening(now) {
            Progress::Waits => false,
            Progress::Open => self.ask(client),
            Progress::Failed => {
                self.fail_attempt(client);
                false
            }
        }
    }

    /// Says the hello of a resume on the connection that has just come up; whether there was
    /// anything to resume.
    fn ask(&mut self, client: usize) -> bool {
        let now = self.now;
        let id = ReceiveId(u32::from_be_bytes(self.rng.bytes()));
        let Some(number) = self.lines.get(client).map(|line| line.wires.number) else {
            return false;
        };
        let binding = self.binding(client, number);
        let Some(line) = self.lines.get_mut(client) else { return false };
        let before = line.switch.client_on;
        line.switch.client_on = number;
        if let Some(up) = line.wires.control(before, Direction::Up) {
            up.finish(now);
        }
        line.arm_break(number);
        line.switch.greetings.insert(number, Vec::new());
        let Some(node) = line.client.node_mut() else { return false };
        let (told, core) = node.touch(now);
        let begun = core.session_mut().begin_resume(told, &binding, id);
        let (Some(parameters), Some(redial)) = (begun, &mut line.switch.redial) else {
            return false;
        };
        let description = line.protocol.description.clone();
        let dialing = Dialing::resume(description, line.config.aeads.clone(), parameters);
        line.wires.control_up.write(now, dialing.hello());
        let until = redial.until().unwrap_or(now);
        redial.stage = Attempt::Asks { dialing: Box::new(dialing), inbox: Vec::new(), until };
        true
    }

    /// Takes what came to a client that has said its hello.
    pub(super) fn hear_answer(&mut self, client: usize, inflow: &Inflow) {
        let Some(line) = self.lines.get_mut(client) else { return };
        let Some(Redial { stage: Attempt::Asks { dialing, inbox, .. }, .. }) =
            &mut line.switch.redial
        else {
            return;
        };
        let Inflow::Bytes(more) = inflow else { return self.fail_attempt(client) };
        inbox.extend_from_slice(more);
        let answer = match split_block(inbox, Answer::len_of) {
            Ok(None) => return,
            Ok(Some(answer)) => dialing.handle_answer(&answer),
            Err(error) => Err(JoinError::Garbled(error)),
        };
        let rest = core::mem::take(inbox);
        match answer {
            Ok(agreement) => self.go_on_at_client(client, &agreement, &rest),
            Err(JoinError::Refused { code: Accepting::NO_SUCH_SESSION, text, .. }) => {
                self.refused(client, &text);
            }
            Err(_) => self.fail_attempt(client),
        }
    }

    /// The client's session is on its new connection.
    fn go_on_at_client(&mut self, client: usize, agreement: &Agreement, rest: &[u8]) {
        let now = self.now;
        let Some(line) = self.lines.get_mut(client) else { return };
        let secret = exported(&self.secret, (client, line.switch.client_on), agreement);
        line.switch.redial = None;
        let Some(node) = line.client.node_mut() else { return };
        if !node.resume(now, agreement, &secret) {
            return;
        }
        if !rest.is_empty() {
            node.handle_inflow(now, &Inflow::Bytes(rest.to_vec()));
        }
        line.host.route(agreement.local.receive_id, client);
        line.switch.resumes += 1;
    }

    fn refused(&mut self, client: usize, text: &str) {
        let now = self.now;
        let Some(line) = self.lines.get_mut(client) else { return };
        line.switch.redial = None;
        line.wires.control_up.finish(now);
        if let Some(node) = line.client.node_mut() {
            let (told, core) = node.touch(now);
            core.session_mut().handle_resume_refused(told, text);
        }
    }

    /// The attempt came to nothing; what there is of its connection is closed.
    fn fail_attempt(&mut self, client: usize) {
        let now = self.now;
        let Some(line) = self.lines.get_mut(client) else { return };
        let Some(redial) = &mut line.switch.redial else { return };
        if matches!(redial.stage, Attempt::Asks { .. }) {
            line.wires.control_up.finish(now);
        }
        line.wires.cancel();
        redial.fail(now, &mut self.rng);
    }

    /// Stands for the TLS exporter of resumes: differs with the connection alone.
    fn binding(&self, client: usize, number: u32) -> [u8; 32] {
        of_connection(&self.secret, (client, number)).bytes()
    }
}

impl Line {
    /// Whether the client's session is to come to another connection.
    fn wants_connection(&self) -> bool {
        let sulks = self.config.client.canary.is_some_and(|it| it.kind == CanaryKind::Sulks);
        let Some(session) = self.client.node().map(|node| node.core().session()) else {
            return false;
        };
        let wants = session.control_is_lost() || session.wants_replacement();
        session.is_resumable() && wants && !sulks
    }

    /// Lets a connection break where it is to.
    fn arm_break(&mut self, number: u32) {
        let place = usize::try_from(number).unwrap_or(usize::MAX);
        let Some((direction, bytes)) = self.config.breaks.get(place).copied() else { return };
        if let Some(stream) = self.wires.control(number, direction) {
            stream.break_after(bytes);
        }
    }

    /// Forgets connections that nobody is on.
    fn keep_connections(&mut self) {
        let switch = &mut self.switch;
        self.wires.keep_former(|number| switch.is_used(number));
        let known = self.wires.numbers();
        switch.greetings.retain(|number, _| known.contains(number));
    }

    /// Whether bytes on a connection are for the client's session.
    pub(super) fn is_on(&self, side: Side, number: u32) -> bool {
        match side {
            Side::Client(_) => number == self.switch.client_on,
            Side::Server(_) => number == self.switch.server_on,
        }
    }

    /// Whether the client waits for the answer to its hello.
    pub(super) fn asks(&self) -> bool {
        let redial = self.switch.redial.as_ref();
        redial.is_some_and(|redial| matches!(redial.stage, Attempt::Asks { .. }))
    }
}
