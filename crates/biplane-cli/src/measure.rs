//! `biplane measure-link`: what one side's sockets sent against what the other's received.
//!
//! For checks: the relay and both sides are in this process, so that one clock tells how long a
//! datagram took. Prints one JSON document and judges nothing.

mod datagrams;
mod stamp;
mod stream;

use std::{
    fs,
    net::{SocketAddr, TcpListener, UdpSocket},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use biplane_link::{Relay, RelayConfig};
use serde::Serialize;

use crate::{cli::MeasureLink, form, output, report::Document};

/// How long the model may still hold something after the last was sent.
const PATIENCE: Duration = Duration::from_secs(10);
/// Kernel ticks of a second, as `/proc` counts processor time.
const TICKS: f64 = 100.0;

/// The JSON document.
#[derive(Debug, Serialize)]
struct Measured {
    profile: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    udp: Option<datagrams::Figures>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tcp: Option<stream::Figures>,
    /// Processor time of the relay's thread; null where the system does not say.
    relay_cpu_seconds: Option<f64>,
    link: Document,
}

/// Runs the command; nothing is promised, so nothing can fail to hold.
pub(crate) fn run(measure: &MeasureLink) -> Result<Vec<String>> {
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    let port = TcpListener::bind(loopback).context("a port for TCP")?;
    let target = port.local_addr()?;
    let sink = UdpSocket::bind(target).context("the same port for UDP")?;
    let config = RelayConfig::new(loopback, target).profile(measure.profile.clone());
    let relay = form::start(&config.seed(measure.seed), &measure.form)?;
    // The relay has looked whether anybody is there.
    drop(port.accept()?);
    let (mut udp, mut tcp) = (None, None);
    if measure.tcp {
        tcp = Some(stream::measure(relay.address(), &port, measure)?);
    } else {
        udp = Some(datagrams::measure(&relay, &sink, measure)?);
    }
    let relay_cpu_seconds = relay_cpu();
    let document = Measured {
        profile: measure.profile.to_string(),
        udp,
        tcp,
        relay_cpu_seconds,
        link: Document::from(&relay.stop()),
    };
    output::json(&document)?;
    Ok(Vec::new())
}

/// Waits until nothing is under way any more.
fn settle(relay: &Relay) {
    let end = Instant::now() + PATIENCE;
    while relay.stats().up.udp.under_way > 0 && Instant::now() < end {
        thread::sleep(Duration::from_millis(20));
    }
    // What the relay has forwarded is in the other socket; whoever reads it needs a moment.
    thread::sleep(Duration::from_millis(300));
}

/// Processor time of the threads that are called as the relay's.
fn relay_cpu() -> Option<f64> {
    let tasks = fs::read_dir("/proc/self/task").ok()?.flatten();
    let of_relay = tasks.filter(|task| {
        fs::read_to_string(task.path().join("comm")).is_ok_and(|name| name.trim() == "biplane-link")
    });
    let ticks = of_relay.filter_map(|task| {
        let stat = fs::read_to_string(task.path().join("stat")).ok()?;
        // The fields after the name, which stands in brackets: 12 and 13 are user and system time.
        let fields: Vec<_> = stat.rsplit_once(") ")?.1.split_whitespace().collect();
        let ticks = |index: usize| fields.get(index)?.parse::<f64>().ok();
        Some(ticks(11)? + ticks(12)?)
    });
    ticks.reduce(|sum, more| sum + more).map(|ticks| ticks / TICKS)
}
