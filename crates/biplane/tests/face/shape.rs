//! The programs of the design, as far as their features exist: they compile.

use std::{borrow::Cow, collections::HashMap, sync::Arc, time::Duration};

use biplane::{
    Call, Channel, Client, CloseReason, ConnectError, Endpoint, Event, Hello, Identity, Payload,
    Pending, Protocol, Reply, Request, Server, ServerConfig, Session, SessionId, Verdict,
};
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
struct Input {
    tick: u32,
    dx: i8,
    dy: i8,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Player {
    x: i32,
}

#[derive(Debug, Serialize, Deserialize)]
struct Snapshot<'a> {
    tick: u32,
    players: Cow<'a, [Player]>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Hit(u32);

#[derive(Debug, Serialize, Deserialize)]
struct Join {
    room: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Joined {
    tick: u32,
}

#[derive(Debug, Serialize, Deserialize, thiserror::Error)]
#[error("the room is full")]
struct JoinError;

#[derive(Debug, Serialize, Deserialize)]
struct List;

const CHAT: Channel<String> = Channel::command("chat");
const INPUTS: Channel<Input> = Channel::sequenced("inputs");
const SNAPSHOTS: Channel<Snapshot<'static>> =
    Channel::unreliable("snapshots").lifetime(Duration::from_millis(100)).notify();
const HITS: Channel<Hit> = Channel::reliable_unordered("hits");
const AUDIO: Channel<Payload> = Channel::unreliable("audio");

impl Request for Join {
    const NAME: &'static str = "join";
    type Reply = Result<Joined, JoinError>;
}

impl Request for List {
    const NAME: &'static str = "list";
    type Reply = Vec<String>;
}

fn protocol() -> Protocol {
    Protocol::new("arena", 1)
        .channel(CHAT)
        .channel(INPUTS)
        .channel(SNAPSHOTS)
        .channel(HITS)
        .channel(AUDIO)
        .request::<Join>()
        .request::<List>()
}

#[derive(Default)]
struct Rooms(HashMap<Session, String>);

impl Rooms {
    fn greet(&mut self, session: Session) {
        self.0.insert(session, "red".into());
    }

    fn around(&self, session: &Session) -> impl Iterator<Item = &Session> {
        let room = self.0.get(session);
        self.0.iter().filter(move |(_, other)| Some(*other) == room).map(|(session, _)| session)
    }

    fn leave(&mut self, session: &Session, _: &CloseReason) {
        self.0.remove(session);
    }

    fn join(&mut self, session: &Session, join: Join) -> Result<Joined, JoinError> {
        self.0.insert(session.clone(), join.room);
        Ok(Joined { tick: 1 })
    }

    fn list(&self) -> Vec<String> {
        self.0.values().cloned().collect()
    }

    fn answer(&mut self, call: Call) {
        call.answer(|session, join: Join| self.join(session, join))
            .or_else(|call| call.answer(|_, _: List| self.list()))
            .unwrap_or_else(|call| call.refuse("unknown request"));
    }
}

async fn serve(server: &Server) -> anyhow::Result<()> {
    let mut rooms = Rooms::default();
    println!("join: {}", server.link());
    while let Some(event) = server.next().await {
        match event {
            Event::Joined(session) => rooms.greet(session),
            Event::Called(call) => rooms.answer(call),
            Event::Readable(session) => {
                while let Some(line) = session.recv(CHAT) {
                    server.broadcast(rooms.around(&session), CHAT, &line);
                }
            }
            Event::Planes(session, planes) => println!("{session} flies on {planes:?}"),
            Event::Left(session, reason) => rooms.leave(&session, &reason),
            _ => {}
        }
    }
    Ok(())
}

#[expect(dead_code, reason = "shows how it reads")]
fn later(call: Call, answers: &mut Vec<(Join, Reply<Join>)>) -> Result<(), Call> {
    let (join, reply) = call.take::<Join>()?;
    reply.send(&Ok(Joined { tick: 1 })).ok();
    answers.push((join, reply));
    Ok(())
}

struct World(Vec<Player>);

impl World {
    #[expect(clippy::needless_pass_by_value, reason = "a message is its receiver's")]
    fn apply(&mut self, _: SessionId, input: Input) {
        self.0.push(Player { x: i32::from(input.dx) + i32::from(input.dy) });
    }

    fn seen_by(&self, _: SessionId) -> Snapshot<'_> {
        Snapshot { tick: 1, players: Cow::Borrowed(&self.0) }
    }
}

/// A game loop without async; ends when its one player has left.
fn run(server: &Server, mut world: World) {
    let mut closing = false;
    while !closing && server.wait(crate::support::PATIENCE) {
        for event in server.events() {
            closing |= matches!(event, Event::Left(..));
        }
        server.drain(INPUTS, |session, input| world.apply(session.id(), input));
        for session in server.sessions().iter() {
            session.send(SNAPSHOTS, &world.seen_by(session.id())).ok();
        }
        server.flush();
    }
    server.close("maintenance").wait();
}

async fn play(link: &str) -> anyhow::Result<u32> {
    let client = Client::connect(link, &protocol()).await?;
    let seat = client.request(&Join { room: "red".into() }).await??;
    client.send(INPUTS, &Input { tick: seat.tick, dx: 1, dy: 0 })?;
    while let Some(snapshot) = client.recv(SNAPSHOTS) {
        drop(snapshot);
    }
    Ok(seat.tick)
}

#[expect(dead_code, reason = "shows how it reads")]
enum Net {
    Connecting(Pending<Result<Client, ConnectError>>),
    Playing(Client),
    Failed(String),
}

#[expect(dead_code, reason = "shows how it reads")]
fn frame(net: &mut Net) {
    if let Net::Connecting(pending) = net
        && let Some(outcome) = pending.try_take()
    {
        *net = match outcome {
            Ok(client) => Net::Playing(client),
            Err(error) => Net::Failed(error.to_string()),
        };
    }
}

#[expect(dead_code, reason = "shows how it reads")]
async fn many(link: &str) -> anyhow::Result<Client> {
    let endpoint = Endpoint::bind("[::]:0")?;
    Ok(endpoint.connect(link, &protocol()).await?)
}

#[expect(dead_code, reason = "shows how it reads")]
fn guarded(keys: Arc<str>) -> anyhow::Result<Server> {
    let config = ServerConfig::default()
        .identity(Identity::load_or_create("state/identity")?)
        .public_host("play.example.org")
        .admission(move |hello: Hello| {
            let keys = keys.clone();
            async move {
                if hello.credentials != keys.as_bytes() {
                    return Verdict::refuse(401, "log in first");
                }
                Verdict::admit_as(keys)
            }
        });
    Ok(Server::bind_with("[::]:7777", &protocol(), config)?)
}

/// Code that is generic over what it sends and receives needs nothing of ours.
#[expect(dead_code, reason = "shows how it reads")]
fn relay<T: Serialize + serde::de::DeserializeOwned + Send + 'static>(
    session: &Session,
    channel: Channel<T>,
) {
    while let Some(message) = session.recv(channel) {
        session.send(channel, &message).ok();
    }
}

#[test]
fn the_programs_of_the_design_run() {
    let server = Server::bind("127.0.0.1:0", &protocol()).unwrap();
    std::thread::scope(|scope| {
        let serving = scope.spawn(|| pollster::block_on(serve(&server)));
        let link = server.link().to_string();
        assert_eq!(pollster::block_on(play(&link)).unwrap(), 1);
        server.close("good night").wait();
        serving.join().unwrap().unwrap();
    });

    let server = Server::bind("127.0.0.1:0", &protocol()).unwrap();
    std::thread::scope(|scope| {
        let running = scope.spawn(|| run(&server, World(Vec::new())));
        let client = Client::connect(server.link(), &protocol()).wait().unwrap();
        let mut tick = 0;
        crate::support::until(|| {
            let _something = client.wait(Duration::from_millis(5));
            client.events().for_each(drop);
            tick += 1;
            client.send(INPUTS, &Input { tick, dx: 1, dy: 0 }).unwrap();
            client.recv(SNAPSHOTS).filter(|snapshot| !snapshot.players.is_empty())
        });
        client.close("seen enough").wait();
        running.join().unwrap();
    });
}

#[test]
fn handles_may_go_to_any_thread() {
    fn anywhere<T: Send + Sync>() {}
    anywhere::<Server>();
    anywhere::<Client>();
    anywhere::<Endpoint>();
    anywhere::<Session>();
    anywhere::<Call>();
    anywhere::<Reply<Join>>();
    anywhere::<Pending<Result<Client, ConnectError>>>();
    anywhere::<Channel<std::rc::Rc<u8>>>();
    fn sent<T: Send>(_: T) {}
    let server = Server::bind("127.0.0.1:0", &protocol()).unwrap();
    sent(server.next());
    sent(server.events());
}
