//! The book's first server and client, in one process: `docs/start.md` shows the pieces.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

// ANCHOR: protocol
use biplane::{Channel, Client, Event, Protocol, Server};

/// Control plane: each line arrives, once, in order.
const CHAT: Channel<String> = Channel::command("chat");
/// Data plane: an aim may be lost, and none is seen after a later one.
const AIM: Channel<(f32, f32)> = Channel::sequenced("aim");

fn protocol() -> Protocol {
    Protocol::new("shooter", 1).channel(CHAT).channel(AIM)
}
// ANCHOR_END: protocol

// ANCHOR: server
/// One tick: what happened, what was sent, and our answers on their way.
fn tick(server: &Server) {
    for event in server.events() {
        match event {
            Event::Joined(session) => println!("{session} joined from {}", session.remote()),
            Event::Left(session, reason) => println!("{session} left: {reason}"),
            _ => {}
        }
    }
    server.drain(CHAT, |session, line| {
        println!("{session} says {line}");
        if let Err(error) = session.send(CHAT, &format!("{line} to you too")) {
            println!("{session} is not answered: {error}");
        }
    });
    server.drain(AIM, |session, (x, y)| println!("{session} aims at {x}, {y}"));
    server.flush();
}
// ANCHOR_END: server

// ANCHOR: client
/// Joins, says hello on both planes, and hears the answer.
fn visit(link: &str) -> anyhow::Result<()> {
    let client = Client::connect(link, &protocol()).wait()?;
    client.send(CHAT, &"hello".to_owned())?;
    client.send(AIM, &(0.5, -1.0))?;
    while client.wait(Duration::from_secs(5)) {
        for event in client.events() {
            if let Event::Left(_, reason) = event {
                anyhow::bail!("the session is over: {reason}");
            }
        }
        if let Some(line) = client.recv(CHAT) {
            println!("the server says {line}");
            client.close("goodbye").wait();
            return Ok(());
        }
    }
    anyhow::bail!("the server says nothing");
}
// ANCHOR_END: client

// ANCHOR: main
fn main() -> anyhow::Result<()> {
    let server = Server::bind("127.0.0.1:0", &protocol())?;
    let link = server.link().to_string();
    println!("join: {link}");
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let _something = server.wait(Duration::from_millis(16));
                tick(&server);
            }
        });
        let visited = visit(&link);
        over.store(true, Ordering::Relaxed);
        visited
    })
}
// ANCHOR_END: main
