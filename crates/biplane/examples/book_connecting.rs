//! The book's diagnosis: `docs/connecting.md` shows a piece of it.

use std::time::Duration;

use biplane::{Channel, Client, Protocol, Server};

const CHAT: Channel<String> = Channel::command("chat");

fn protocol() -> Protocol {
    Protocol::new("shooter", 1).channel(CHAT)
}

// ANCHOR: diagnose
use biplane::{Diagnosis, DiagnosisConfig};

/// Connects; where that fails, shows the player what is wrong.
fn join(link: &str) -> Option<Client> {
    match Client::connect(link, &protocol()).wait() {
        Ok(client) => Some(client),
        Err(error) => {
            let step = error.step().map_or("before any step", biplane::Step::name);
            println!("cannot connect ({step}): {error}");
            print(&examine(link));
            None
        }
    }
}

/// Takes every step, and says so meanwhile.
fn examine(link: &str) -> Diagnosis {
    let config = DiagnosisConfig::default()
        .lasting(Duration::from_secs(2))
        .on_step(|report| println!("{:<10} {}", report.step.name(), report.outcome));
    Client::diagnose_with(link, &protocol(), config).wait()
}

fn print(diagnosis: &Diagnosis) {
    match diagnosis.first_trouble() {
        Some((step, trouble)) => println!("{step} fails: {trouble}"),
        None => println!("all is well now, on {:?}", diagnosis.planes),
    }
}
// ANCHOR_END: diagnose

fn main() -> anyhow::Result<()> {
    let server = Server::bind("127.0.0.1:0", &protocol())?;
    let link = server.link().to_string();
    print(&examine(&link));
    anyhow::ensure!(join(&link).is_some(), "a server that is there is joined");
    drop(server);
    anyhow::ensure!(join(&link).is_none(), "a server that is gone is not");
    Ok(())
}
