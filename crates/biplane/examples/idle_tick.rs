//! What a tick costs when nothing happens: a gate counts the system calls of this thread between
//! the lines `ticks begin` and `ticks end`.

use std::{
    io::{self, Write},
    time::{Duration, Instant},
};

use biplane::{Channel, Client, Planes, Protocol, Server};

const INPUTS: Channel<u32> = Channel::sequenced("inputs");
const TICKS: u32 = 1_000;
/// Acks, probes and whatever else follows a join are over after this.
const SETTLING: Duration = Duration::from_millis(300);
const PATIENCE: Duration = Duration::from_secs(10);
const STEP: Duration = Duration::from_millis(10);

fn main() -> anyhow::Result<()> {
    let protocol = Protocol::new("idle", 1).channel(INPUTS);
    let server = Server::bind("127.0.0.1:0", &protocol)?;
    let client = Client::connect(server.link(), &protocol).wait()?;

    pump(&server, PATIENCE, || {
        let sessions = server.sessions();
        let all_planes = sessions.iter().map(|session| session.planes());
        client.planes() == Planes::Both && all_planes.eq([Planes::Both])
    });
    anyhow::ensure!(client.planes() == Planes::Both, "UDP does not come up");
    say("ready\n")?;
    pump(&server, SETTLING, || false);

    say("ticks begin\n")?;
    for _ in 0..TICKS {
        tick(&server);
    }
    say("ticks end\n")?;
    Ok(())
}

/// What a game server does sixty times a second, without a game.
fn tick(server: &Server) {
    for event in server.events() {
        drop(event);
    }
    server.drain(INPUTS, |session, input| println!("{session} sent {input}"));
    server.flush();
}

/// Ticks until `done` or for as long as `most`.
fn pump(server: &Server, most: Duration, done: impl Fn() -> bool) {
    let end = Instant::now() + most;
    while Instant::now() < end && !done() {
        let _something = server.wait(STEP);
        tick(server);
    }
}

/// One system call: standard output holds lines back no longer than to their end.
fn say(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(line.as_bytes())?;
    out.flush()
}
