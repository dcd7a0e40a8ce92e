//! What a process does that is one of the two.
//!
//! Its parent leads it by lines on standard input; when that ends, so does the process. All else is
//! the work, on one thread: it turns its side's crank, and looks at an order that came between two
//! turns.

mod clients;
mod desk;
mod orders;
mod pace;
mod server;

use std::{env, process::ExitCode, time::Duration};

use anyhow::{Context, Result, bail};
use rustix::process::{Resource, getrlimit, setrlimit};

use self::{clients::Clients, orders::Orders, server::Server};
use crate::{
    System, Work,
    line::{CLIENTS, PART, SERVER, Settings, Told},
    meter::Moment,
    part::orders::Phase,
    shared::Shared,
};

/// How long a side without work of its own may sleep.
const QUIET: Duration = Duration::from_millis(50);

/// What this process is to end with, if [`crate::measure`] started it: to be called first in
/// `main`, with every system that may be measured.
#[must_use]
pub fn part(systems: &[&'static dyn System]) -> Option<ExitCode> {
    let name = env::var(PART).ok()?;
    Some(match run(&name, systems) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            orders::tell(&Told::Failed(format!("{error:#}")));
            ExitCode::FAILURE
        }
    })
}

fn run(name: &str, systems: &[&'static dyn System]) -> Result<()> {
    raise_open_files();
    let (settings, orders) = orders::listen()?;
    let system = systems.iter().find(|system| system.name() == settings.system);
    let system = *system.with_context(|| format!("no system is called {}", settings.system))?;
    match name {
        SERVER => serve(system, &settings, &orders),
        CLIENTS => join(system, &settings, &orders),
        other => bail!("no part is called {other}"),
    }
}

fn serve(system: &dyn System, settings: &Settings, orders: &Orders) -> Result<()> {
    let mut server = Server::open(system, settings)?;
    while orders.phase() == Phase::Waiting {
        server.rest()?;
    }
    let begun = Moment::now();
    server.begin()?;
    while orders.phase() == Phase::Working {
        server.work()?;
    }
    server.stop(begun.spent());
    while orders.phase() == Phase::Stopping {
        server.linger()?;
    }
    orders::tell(&Told::Report(Box::new(server.report())));
    Ok(())
}

fn join(system: &dyn System, settings: &Settings, orders: &Orders) -> Result<()> {
    let shared = Shared::map(&settings.shared)?;
    let mut clients = match settings.plan.work {
        Work::Connect => measure_joining(system, settings, shared, orders)?,
        Work::Flow { .. }
        | Work::Echo { .. }
        | Work::Game(_)
        | Work::Transfer { .. }
        | Work::Idle => measure_work(system, settings, shared, orders)?,
    };
    orders::tell(&Told::Report(Box::new(clients.report())));
    // The server has yet to report: it shall not see them leave.
    while orders.phase() < Phase::Ended {
        clients.rest()?;
    }
    Ok(())
}

fn measure_work(
    system: &dyn System,
    settings: &Settings,
    shared: Shared,
    orders: &Orders,
) -> Result<Clients> {
    let mut clients = Clients::open(system, settings, shared)?;
    while !clients.have_joined()? {}
    orders::tell(&Told::Ready);
    while orders.phase() == Phase::Waiting {
        clients.rest()?;
    }
    let begun = Moment::now();
    clients.begin();
    while orders.phase() == Phase::Working {
        clients.work()?;
        if clients.is_handed() {
            orders::tell(&Told::Done);
        }
    }
    clients.stop(begun.spent());
    clients.finish()?;
    Ok(clients)
}

fn measure_joining(
    system: &dyn System,
    settings: &Settings,
    shared: Shared,
    orders: &Orders,
) -> Result<Clients> {
    orders::tell(&Told::Ready);
    orders.wait_to_go();
    let begun = Moment::now();
    let mut clients = Clients::open(system, settings, shared)?;
    while !clients.have_joined()? && orders.phase() == Phase::Working {}
    clients.time_joining();
    clients.stop(begun.spent());
    orders::tell(&Told::Done);
    while orders.phase() == Phase::Working {
        clients.rest()?;
    }
    Ok(clients)
}

/// Raises the limit of open files as far as it goes: a system may need one for each client.
fn raise_open_files() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // What cannot be raised shows once a client finds no socket.
    setrlimit(Resource::Nofile, limit).ok();
}
