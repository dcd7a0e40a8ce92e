//! A download over UDP beside one over TCP: a gate puts a real link between the two commands, and asks
//! which share each has.
//!
//! `beside_tcp serve SECONDS` prints its link, takes what two clients send, and says how much came
//! over each plane. `beside_tcp join LINK SECONDS` is both clients: one sends over UDP, the other,
//! which may not, over a TCP connection of the kernel's.

use std::{
    env,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use biplane::{
    Channel, Client, ClientConfig, Event, Payload, PlaneMode, Protocol, SendError, Server,
};

const BULK: Channel<Payload> = Channel::reliable_unordered("bulk");
const ORDERS: Channel<Payload> = Channel::command("orders");
/// Bytes of a message on each.
const PIECES: [usize; 2] = [8_000, 16_000];
/// What both get counts from so long after the first message on.
const SETTLED: Duration = Duration::from_secs(10);
const STEP: Duration = Duration::from_millis(2);

fn main() -> anyhow::Result<()> {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["serve", seconds] => serve(read(seconds)?),
        ["join", link, seconds] => join(link, read(seconds)?),
        _ => bail!("usage: beside_tcp serve SECONDS | beside_tcp join LINK SECONDS"),
    }
}

fn read(seconds: &str) -> anyhow::Result<Duration> {
    Ok(Duration::from_secs(seconds.parse().context("SECONDS")?))
}

fn protocol() -> Protocol {
    Protocol::new("beside tcp", 1).channel(BULK).channel(ORDERS)
}

/// Takes what comes until both clients have left.
fn serve(length: Duration) -> anyhow::Result<()> {
    let server = Server::bind("127.0.0.1:0", &protocol())?;
    eprintln!("join: {}", server.link());
    let (mut joined, mut left, mut first) = (0, 0, None);
    let mut bytes = [0; 2];
    while joined < 2 || left < joined {
        let _something = server.wait(STEP);
        for event in server.events() {
            match event {
                Event::Joined(_) => joined += 1,
                Event::Left(..) => left += 1,
                _ => {}
            }
        }
        let now = Instant::now();
        let mut came = [0; 2];
        server.drain(BULK, |_, piece| came[0] += piece.0.len());
        server.drain(ORDERS, |_, piece| came[1] += piece.0.len());
        if came != [0; 2] {
            let since = now - *first.get_or_insert(now);
            if (SETTLED..length).contains(&since) {
                bytes = [bytes[0] + came[0], bytes[1] + came[1]];
            }
        }
        server.flush();
    }
    let [udp, tcp] = bytes.map(|bytes| bytes as f64 * 8e-6 / (length - SETTLED).as_secs_f64());
    let share = udp / (udp + tcp);
    println!("{{\"udp_mbit_per_second\":{udp},\"tcp_mbit_per_second\":{tcp},\"share\":{share}}}");
    Ok(())
}

/// Both send as much as they may.
fn join(link: &str, length: Duration) -> anyhow::Result<()> {
    let tcp = ClientConfig::default().planes(PlaneMode::ForceControl);
    let udp = Client::connect(link, &protocol()).wait()?;
    let tcp = Client::connect_with(link, &protocol(), tcp).wait()?;
    let end = Instant::now() + length;
    while Instant::now() < end {
        feed(&udp, BULK, PIECES[0])?;
        feed(&tcp, ORDERS, PIECES[1])?;
        let _something = udp.wait(STEP);
        for event in udp.events().chain(tcp.events()) {
            if let Event::Left(_, reason) = event {
                bail!("a session is over: {reason}");
            }
        }
    }
    for client in [udp, tcp] {
        client.close("enough").wait();
    }
    Ok(())
}

fn feed(client: &Client, channel: Channel<Payload>, len: usize) -> anyhow::Result<()> {
    while client.channel_stats(channel).has_room {
        match client.send(channel, &Payload::from(vec![0; len])) {
            Err(SendError::QueueFull) => break,
            sent => sent?,
        }
    }
    client.flush();
    Ok(())
}
