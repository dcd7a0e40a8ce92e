//! The other half: a plain loop, no async in sight.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use biplane::{Client, Event};

use crate::protocol::{Knock, LINES, WAVES, protocol};

/// How often it waves.
const PAUSE: Duration = Duration::from_millis(50);
/// How long it waits for both answers before it gives up.
const PATIENCE: Duration = Duration::from_secs(10);

/// Joins, says hello on both planes, and leaves.
pub fn visit(link: &str) -> Result<()> {
    let client = Client::connect(link, &protocol()).wait()?;
    println!("client: joined as {client}", client = client.session());
    let welcome = client.request(&Knock { name: "Wilbur".to_owned() }).wait()?;
    println!("client: the server says {welcome:?}");

    client.send(LINES, &"hello".to_owned())?;
    let (mut answer, mut waved_back, mut waves) = (None, None, 0);
    let deadline = Instant::now() + PATIENCE;
    while answer.is_none() || waved_back.is_none() {
        let missing = if answer.is_none() { "answer" } else { "wave back" };
        ensure!(Instant::now() < deadline, "the server did not {missing} within {PATIENCE:?}");
        if waved_back.is_none() {
            waves += 1;
            client.send(WAVES, &waves)?;
        }
        // False when nothing came in time: a wave may be lost, so wave again.
        let _something = client.wait(PAUSE);
        for event in client.events() {
            match event {
                Event::Planes(_, planes) => println!("client: flies on {planes:?}"),
                Event::Left(_, reason) => anyhow::bail!("the session is over: {reason}"),
                _ => {}
            }
        }
        answer = client.recv(LINES).or(answer);
        waved_back = client.recv(WAVES).or(waved_back);
    }
    println!("client: the server answers {:?}", answer.unwrap_or_default());
    println!("client: the server waved back at wave {}", waved_back.unwrap_or_default());
    client.close("goodbye").wait();
    Ok(())
}
