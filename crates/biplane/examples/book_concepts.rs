//! The snippets of `docs/concepts.md`, in a program that runs them: a client that asks to be let in
//! by name, and a server that awaits.

use std::{collections::VecDeque, thread, time::Duration};

use biplane::{
    Channel, Client, ClientConfig, Event, Hello, Identity, Notice, Payload, Protocol, Request,
    SendError, Server, ServerConfig, Session, Verdict,
};
use serde::{Deserialize, Serialize};

// ANCHOR: channels
const ORDERS: Channel<Order> = Channel::command("orders");
const MAP: Channel<Payload> = Channel::reliable_ordered("map");
const AIM: Channel<(f32, f32)> = Channel::sequenced("aim").priority(1);
const SPARKS: Channel<Payload> = Channel::unreliable("sparks").lifetime(Duration::from_millis(100));

#[derive(Debug, Serialize, Deserialize)]
enum Order {
    Build { x: u16, y: u16 },
    Sell(u32),
}
// ANCHOR_END: channels

// ANCHOR: request
#[derive(Debug, Serialize, Deserialize)]
struct Price {
    item: u32,
}

impl Request for Price {
    const NAME: &'static str = "price";
    type Reply = u64;
}

fn protocol() -> Protocol {
    Protocol::new("market", 1)
        .channel(ORDERS)
        .channel(MAP)
        .channel(AIM)
        .channel(SPARKS)
        .channel(SHOTS)
        .channel(VOICE)
        .channel(TERRAIN)
        .channel(REPLAY)
        .request::<Price>()
}
// ANCHOR_END: request

// ANCHOR: asking
const SHOTS: Channel<u32> =
    Channel::reliable_unordered("shots").notify().escalate_after(Duration::from_millis(250));

/// Orders a tower, shoots with it, and hears whether the server saw the shot.
async fn shoot(client: &Client) -> anyhow::Result<Notice> {
    client.send(ORDERS, &Order::Build { x: 5, y: 6 })?;
    client.send_after_commands(SHOTS, &1)?; // the server knows the tower by then
    client.send_noted(SHOTS, &2, 4_711)?;
    while let Some(event) = client.next().await {
        if let Event::Noted(_, 4_711, notice) = event {
            return Ok(notice);
        }
    }
    anyhow::bail!("the session ended")
}
// ANCHOR_END: asking

// ANCHOR: transfer
/// Hands a map over, and says whether it has arrived.
async fn hand_over(session: &Session, map: Vec<u8>) -> bool {
    match session.transfer("maps/dunes", map) {
        Ok(transfer) => transfer.finished().await.is_ok(),
        Err(_) => false,
    }
}

/// Takes what is offered, if it is a map of a size that makes sense.
async fn take_map(client: &Client) -> anyhow::Result<Vec<u8>> {
    while let Some(event) = client.next().await {
        let Event::Offered(offer) = event else { continue };
        if offer.name().starts_with("maps/") && offer.length() <= 50_000_000 {
            let mut intake = offer.accept()?;
            // `Intake` is a `Read` too, which blocks: for a thread of its own.
            let mut map = Vec::new();
            while let Some(piece) = intake.read_next().await? {
                map.extend_from_slice(piece.as_ref());
            }
            return Ok(map);
        }
    }
    anyhow::bail!("the session ended")
}
// ANCHOR_END: transfer

// ANCHOR: sharing
const VOICE: Channel<Payload> = Channel::unreliable("voice").priority(2);
const TERRAIN: Channel<Payload> = Channel::reliable_ordered("terrain").weight(4);
const REPLAY: Channel<Payload> = Channel::reliable_ordered("replay");

/// Once a tick: sends as much of a replay as there is room for.
fn feed(session: &Session, replay: &mut VecDeque<Payload>) -> Result<(), SendError> {
    while let Some(piece) = replay.front() {
        if !session.channel_stats(REPLAY).has_room {
            break;
        }
        session.send(REPLAY, piece)?;
        replay.pop_front();
    }
    Ok(())
}
// ANCHOR_END: sharing

// ANCHOR: admission
/// What admission found out about a client, kept with its session.
struct Player {
    name: String,
}

async fn admit(hello: Hello) -> Verdict {
    match String::from_utf8(hello.credentials) {
        Ok(name) if !name.is_empty() => Verdict::admit_as(Player { name }),
        _ => Verdict::refuse(1, "who are you?"),
    }
}

fn open(state: &std::path::Path) -> anyhow::Result<Server> {
    let config =
        ServerConfig::default().identity(Identity::load_or_create(state)?).admission(admit);
    Ok(Server::bind_with("127.0.0.1:0", &protocol(), config)?)
}
// ANCHOR_END: admission

// ANCHOR: await
/// The same events as a tick sees, awaited on any executor.
async fn serve(server: &Server) {
    while let Some(event) = server.next().await {
        match event {
            Event::Joined(session) => {
                let name = session.app::<Player>().map_or("somebody", |player| &player.name);
                println!("{session} is {name}");
                thread::spawn(move || pollster::block_on(hand_over(&session, vec![7; 100_000])));
            }
            Event::Readable(session) => {
                while let Some(order) = session.recv(ORDERS) {
                    println!("{session} orders {order:?}");
                }
                while session.recv(SHOTS).is_some() {}
            }
            Event::Called(call) => call
                .answer(|_, price: Price| u64::from(price.item) * 3)
                .unwrap_or_else(|call| call.refuse("unknown request")),
            Event::Planes(session, planes) => println!("{session} flies on {planes:?}"),
            Event::Left(session, reason) => println!("{session} left: {reason}"),
            _ => {}
        }
    }
}
// ANCHOR_END: await

// ANCHOR: ask
async fn shop(link: &str) -> anyhow::Result<u64> {
    let config = ClientConfig::default().credentials("Wilbur");
    let client = Client::connect_with(link, &protocol(), config).await?;
    anyhow::ensure!(take_map(&client).await? == vec![7; 100_000], "the map is another");
    client.send(ORDERS, &Order::Build { x: 3, y: 4 })?;
    client.send(ORDERS, &Order::Sell(7))?;
    client.send(VOICE, &Payload::from(vec![0; 160]))?;
    client.send(TERRAIN, &Payload::from(vec![1; 5_000]))?;
    feed(client.session(), &mut VecDeque::from([Payload::from(vec![2; 1_000])]))?;
    let price = client.request(&Price { item: 14 }).await?;
    anyhow::ensure!(shoot(&client).await? == Notice::Delivered, "a shot was lost");
    client.close("enough").await;
    Ok(price)
}
// ANCHOR_END: ask

fn main() -> anyhow::Result<()> {
    let state = std::env::temp_dir().join(format!("biplane-book-{}", std::process::id()));
    let server = open(&state)?;
    let price = thread::scope(|scope| {
        scope.spawn(|| pollster::block_on(serve(&server)));
        let price = pollster::block_on(shop(&server.link().to_string()));
        server.close("closing time").wait();
        price
    });
    std::fs::remove_dir_all(&state)?;
    anyhow::ensure!(price? == 42, "the price is another");
    Ok(())
}
