//! From the first byte of a control connection to two sessions.
//!
//! Real hellos and welcomes, in whatever pieces they arrive. TLS is left out: the streams begin
//! where it is done, and the secret it would export is made from the seed and the agreement.

use core::time::Duration;
use std::time::Instant;

use biplane_proto::{
    Accepting, Agreement, Dialing, HelloError, JoinError, Path, Role, Session, SessionConfig, Setup,
};
use biplane_wire::{Answer, DecodeError, Hello, Parameters, ReceiveId};

use super::{
    ClientConfig, World,
    config::EndConfig,
    house::Gate,
    line::{Line, Stage},
    news::News,
};
use crate::{
    CanaryKind, Core, Inflow, Protocol, Rng, SessionBreach, Side,
    node::{Node, Timekeeper},
};

/// No connection has this number: what a session is named by.
const NAME: u32 = u32::MAX;
/// So long beyond its grace lives an end that clings.
const CLINGS: Duration = Duration::from_secs(5);

/// Why an end of a session did not begin.
enum Failure {
    /// The client was told so.
    Told(JoinError),
    /// The server told its client.
    Turned(&'static str),
    /// What came does not read.
    Garbled(DecodeError),
    /// The control connection broke.
    Broke,
}

impl World {
    /// A client of the first server begins to dial now; it speaks what is spoken there. Returns
    /// which client it is; clients count from 0.
    pub fn connect(&mut self, config: ClientConfig) -> usize {
        self.dial(0, self.protocol.clone(), Vec::new(), config)
    }

    /// A client begins to dial `server` now, as one that speaks `protocol` and brings
    /// `credentials`. Returns which client it is.
    pub fn dial(
        &mut self,
        server: usize,
        protocol: Protocol,
        credentials: Vec<u8>,
        config: ClientConfig,
    ) -> usize {
        let client = self.lines.len();
        let description = protocol.description.clone();
        let terms = (server, protocol);
        let mut line = Line::new(self.start, client, terms, config, &mut self.rng);
        let id = ReceiveId(u32::from_be_bytes(self.rng.bytes()));
        line.host.route(id, client);
        let own = parameters(Role::Client, id, line.config.client, &line.config.session);
        let local = Parameters { credentials, ..own };
        let dialing = Dialing::new(description, line.config.aeads.clone(), local);
        line.wires.control_up.write(self.now, dialing.hello());
        line.client = Stage::Dialing { dialing: Box::new(dialing), inbox: Vec::new() };
        self.lines.push(line);
        self.settle(client);
        client
    }

    /// Welcomes a client that knocked. Does nothing if it does not wait any more.
    pub fn admit(&mut self, client: usize) {
        let taken = self.take_asking(client);
        let Some((accepting, protocol, rest)) = taken else { return };
        if let Err(failure) = self.welcome(client, accepting, protocol, &rest) {
            self.fail(Side::Server(client), failure);
        }
        self.settle(client);
    }

    /// Refuses a client that knocked, with a code and words, and when it may try again.
    pub fn refuse(&mut self, client: usize, code: u16, retry_after: Option<Duration>, text: &str) {
        if self.take_asking(client).is_none() {
            return;
        }
        self.turn_away(client, &Accepting::refusal(code, retry_after, text));
        self.fail(Side::Server(client), Failure::Turned("refused"));
        self.settle(client);
    }

    /// Lets go of a client that has no session yet, as if its process had died.
    pub fn give_up(&mut self, client: usize) {
        let now = self.now;
        let Some(line) = self.lines.get_mut(client) else { return };
        if matches!(line.client, Stage::Dialing { .. }) {
            line.client = Stage::Failed;
            line.wires.kill_control(now);
        }
        self.settle(client);
    }

    /// Takes what came over a control connection at `side`. What comes on one that was displaced is
    /// for nobody.
    pub(super) fn handle_inflow(&mut self, side: Side, number: u32, inflow: &Inflow) {
        let client = side.client();
        let Some(line) = self.lines.get(client) else { return };
        let is_greeting = line.switch.greetings.contains_key(&number);
        if matches!(side, Side::Server(_)) && is_greeting {
            self.greet(client, number, inflow);
        } else if line.is_on(side, number) {
            match side {
                Side::Client(_) if line.asks() => self.hear_answer(client, inflow),
                Side::Client(_) | Side::Server(_) => self.hear(side, inflow),
            }
        }
    }

    fn hear(&mut self, side: Side, inflow: &Inflow) {
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
            (Some(Stage::Asking { inbox, .. }), Inflow::Bytes(more)) => {
                inbox.extend_from_slice(more);
            }
            (
                Some(Stage::Dialing { .. } | Stage::Accepting { .. } | Stage::Asking { .. }),
                Inflow::End,
            ) => self.fail(side, Failure::Broke),
            (Some(Stage::Failed) | None, _) => {}
        }
    }

    /// Begins the session at `side` if its handshake is whole.
    fn try_to_begin(&mut self, side: Side) {
        let outcome = match side {
            Side::Client(client) => self.try_to_join(client),
            Side::Server(client) => self.try_to_welcome(client),
        };
        if let Err(failure) = outcome {
            self.fail(side, failure);
        }
    }

    fn try_to_join(&mut self, client: usize) -> Result<(), Failure> {
        let Some(Line { client: Stage::Dialing { dialing, inbox }, .. }) =
            self.lines.get_mut(client)
        else {
            return Ok(());
        };
        let answer = split_block(inbox, Answer::len_of).map_err(Failure::Garbled)?;
        let Some(answer) = answer else { return Ok(()) };
        let agreement = dialing.handle_answer(&answer).map_err(Failure::Told)?;
        let rest = core::mem::take(inbox);
        self.begin(Side::Client(client), 0, agreement, &rest);
        Ok(())
    }

    fn try_to_welcome(&mut self, client: usize) -> Result<(), Failure> {
        let Some(Line { server: Stage::Accepting { inbox }, house, .. }) =
            self.lines.get_mut(client)
        else {
            return Ok(());
        };
        let hello = split_block(inbox, Hello::len_of).map_err(Failure::Garbled)?;
        let Some(hello) = hello else { return Ok(()) };
        let rest = core::mem::take(inbox);
        let Some(house) = self.houses.get(*house) else { return Err(Failure::Broke) };
        let gate = house.gate;
        match house.accept(&hello) {
            Some(Ok((accepting, protocol))) if gate == Gate::Open => {
                self.welcome(client, accepting, protocol, &rest)
            }
            Some(Ok((accepting, protocol))) => {
                self.knock(client, accepting, protocol, rest);
                Ok(())
            }
            Some(Err(error)) => Err(self.reject(client, error)),
            None => Err(Failure::Turned("nothing is spoken there")),
        }
    }

    /// Somebody else decides.
    fn knock(&mut self, client: usize, accepting: Accepting, protocol: usize, inbox: Vec<u8>) {
        let Some(line) = self.lines.get_mut(client) else { return };
        let (credentials, remote) = (accepting.credentials().to_vec(), line.host.address);
        line.server = Stage::Asking { accepting: Box::new(accepting), protocol, inbox };
        self.desk.tell(News::Knocked { client, protocol, credentials, remote });
    }

    fn take_asking(&mut self, client: usize) -> Option<(Accepting, usize, Vec<u8>)> {
        let stage = &mut self.lines.get_mut(client)?.server;
        if !matches!(stage, Stage::Asking { .. }) {
            return None;
        }
        match core::mem::replace(stage, Stage::Failed) {
            Stage::Asking { accepting, protocol, inbox } => Some((*accepting, protocol, inbox)),
            Stage::Dialing { .. } | Stage::Accepting { .. } | Stage::Live(_) | Stage::Failed => {
                None
            }
        }
    }

    fn welcome(
        &mut self,
        client: usize,
        accepting: Accepting,
        protocol: usize,
        rest: &[u8],
    ) -> Result<(), Failure> {
        let Some(house) = self.lines.get(client).map(|line| line.house) else { return Ok(()) };
        let id = self.unused_id(house);
        let own = self.houses.get(house).and_then(|house| house.session.as_ref());
        let name = of_connection(&self.secret, (client, NAME)).bytes();
        let Some(Line { config, wires, .. }) = self.lines.get_mut(client) else { return Ok(()) };
        let session = own.unwrap_or(&config.session);
        let own = parameters(Role::Server, id, config.server, session);
        let local = Parameters { session: Some(name), ..own };
        match accepting.welcome(&config.aeads, local) {
            Ok((welcome, agreement)) => {
                wires.control_down.write(self.now, &welcome);
                if let Some(house) = self.houses.get_mut(house) {
                    house.host.route(id, client);
                    house.sessions.insert(name, client);
                }
                self.begin(Side::Server(client), protocol, agreement, rest);
                Ok(())
            }
            Err(refusal) => {
                self.turn_away(client, &refusal);
                Err(Failure::Turned("no AEAD in common"))
            }
        }
    }

    /// Answers a hello that cannot be accepted.
    fn reject(&mut self, client: usize, error: HelloError) -> Failure {
        match error {
            HelloError::Garbled(error) => Failure::Garbled(error),
            HelloError::Unsupported { answer } => {
                self.turn_away(client, &answer);
                Failure::Turned("no wire version in common")
            }
            HelloError::Mismatch { answer } => {
                self.turn_away(client, &answer);
                Failure::Turned("another protocol")
            }
            HelloError::NoSession { answer } => {
                self.turn_away(client, &answer);
                Failure::Turned("no such session")
            }
            // Whatever else may be wrong with a hello one day: nothing to answer.
            _ => Failure::Turned("not accepted"),
        }
    }

    /// Says the last word of a server to a client that has no session.
    fn turn_away(&mut self, client: usize, answer: &[u8]) {
        let now = self.now;
        if let Some(line) = self.lines.get_mut(client) {
            line.wires.control_down.write(now, answer);
            line.wires.control_down.finish(now);
        }
    }

    /// Makes the session, and hands it the control bytes that came right behind the handshake.
    fn begin(&mut self, side: Side, protocol: usize, agreement: Agreement, rest: &[u8]) {
        let seed = self.rng.bytes();
        let Some(line) = self.lines.get(side.client()) else { return };
        let Some(house) = self.houses.get(line.house) else { return };
        let there = house.host.address;
        let (end, remote, peer) = match side {
            Side::Client(_) => (line.config.client, Some(there), there),
            Side::Server(_) => (line.config.server, None, line.host.address),
        };
        let (spoken, session) = match side {
            Side::Client(_) => (&line.protocol, None),
            Side::Server(_) => {
                let spoken = house.protocol(protocol).unwrap_or(&line.protocol);
                (spoken, house.session.clone())
            }
        };
        let mut session = session.unwrap_or_else(|| line.config.session.clone());
        if end.canary.is_some_and(|canary| canary.kind == CanaryKind::Clings) {
            session.grace += CLINGS;
        }
        let setup = Setup {
            role: side.role(),
            secret: match end.canary.map(|canary| canary.kind) {
                Some(CanaryKind::Recalls) => self.secret,
                _ => exported(&self.secret, (side.client(), 0), &agreement),
            },
            agreement,
            channels: spoken.channels.clone(),
            requests: spoken.description.requests.len(),
            config: session,
            seed,
            first_packet: end.first_packet,
            remote,
            handshake_rtt: line.config.wires.control_rtt(),
        };
        let peer = (Path { remote: peer, local: None }, setup.agreement.local.receive_id);
        let time = Timekeeper::new(self.start, side, &end);
        let mut node = Box::new(Node::new(side, live(self.now, setup, end), peer, time));
        let forger = self.lines.get(side.client()).and_then(|line| line.roaming.forger.as_ref());
        if let (Side::Server(_), Some(forger)) = (side, forger) {
            node.beware(forger.victims());
        }
        if !rest.is_empty() {
            node.handle_inflow(self.now, &Inflow::Bytes(rest.to_vec()));
        }
        if let Some(stage) = self.stage_mut(side) {
            *stage = Stage::Live(node);
        }
        self.desk.tell(News::Began(side));
    }

    fn fail(&mut self, side: Side, failure: Failure) {
        let was_live_or_over = match self.stage_mut(side) {
            Some(stage) => matches!(core::mem::replace(stage, Stage::Failed), Stage::Live(_)),
            None => true,
        };
        if was_live_or_over {
            return;
        }
        if !self.desk.is_heard {
            let why = failure.in_words();
            return self.watch.breach(self.now, Some(side), SessionBreach::NeverJoined { why });
        }
        if let Side::Client(client) = side {
            self.desk.tell(News::TurnedAway { client, error: failure.told() });
        }
    }

    pub(super) fn unused_id(&mut self, house: usize) -> ReceiveId {
        loop {
            let id = ReceiveId(u32::from_be_bytes(self.rng.bytes()));
            if !self.houses.get(house).is_some_and(|house| house.host.knows(id)) {
                return id;
            }
        }
    }
}

impl Failure {
    fn in_words(&self) -> String {
        match self {
            Self::Told(error) => error.to_string(),
            Self::Turned(why) => (*why).to_owned(),
            Self::Garbled(error) => error.to_string(),
            Self::Broke => "the control connection broke".to_owned(),
        }
    }

    fn told(self) -> Option<JoinError> {
        match self {
            Self::Told(error) => Some(error),
            Self::Garbled(error) => Some(JoinError::Garbled(error)),
            Self::Turned(_) | Self::Broke => None,
        }
    }
}

fn live(now: Instant, setup: Setup, end: EndConfig) -> Core {
    Core::new(Session::new(now, setup).counting_from(end.numbers), end.canary)
}

/// What an end says of itself.
fn parameters(role: Role, id: ReceiveId, end: EndConfig, session: &SessionConfig) -> Parameters {
    let max_datagram = u32::try_from(session.max_datagram).unwrap_or(u32::MAX);
    let initial_credit = end.initial_credit;
    let mut own = Parameters { initial_credit, max_datagram, ..Parameters::new(id) };
    session.announce_quiet(role, &mut own);
    own
}

/// Stands for the TLS exporter: differs with the connection, by its client and number, and with what
/// was agreed on.
pub(super) fn exported(
    secret: &[u8; 32],
    connection: (usize, u32),
    agreement: &Agreement,
) -> [u8; 32] {
    let mut out: [u8; 32] = of_connection(secret, connection).bytes();
    for (byte, context) in out.iter_mut().zip(agreement.context) {
        *byte ^= context;
    }
    out
}

/// What the two ends of a connection have in common, and nobody else.
pub(super) fn of_connection(secret: &[u8; 32], (client, number): (usize, u32)) -> Rng {
    let mut seed = [0; 8];
    seed.iter_mut().zip(secret).for_each(|(seed, secret)| *seed = *secret);
    Rng::new(u64::from_be_bytes(seed) ^ (client as u64) << 32 ^ u64::from(number))
}

/// Takes the handshake block off the front of `inbox`, once it is whole.
pub(super) fn split_block(
    inbox: &mut Vec<u8>,
    len_of: impl Fn(&[u8]) -> Result<Option<usize>, DecodeError>,
) -> Result<Option<Vec<u8>>, DecodeError> {
    let len = len_of(inbox)?;
    Ok(len.filter(|len| *len <= inbox.len()).map(|len| {
        let rest = inbox.split_off(len);
        core::mem::replace(inbox, rest)
    }))
}
