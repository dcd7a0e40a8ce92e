//! What `biplane link` tells: one line meanwhile, a few at the end, or one JSON document.

use std::time::Duration;

use biplane_link::{RelayStats, WayStats};
use serde::Serialize;

/// The JSON document. Keys are fixed by the command-line contract.
#[derive(Debug, Serialize)]
pub(crate) struct Document {
    seconds: f64,
    up: Way,
    down: Way,
    rebinds: u64,
    refused: u64,
}

#[derive(Debug, Serialize)]
struct Way {
    tcp: Tcp,
    udp: Udp,
}

#[derive(Debug, Serialize)]
struct Tcp {
    bytes: u64,
    connections: u64,
    killed: u64,
    stalls: u64,
}

#[derive(Debug, Serialize)]
struct Udp {
    received: u64,
    forwarded: u64,
    lost: u64,
    duplicated: u64,
    reordered: u64,
    corrupted: u64,
    queue_dropped: u64,
    blocked: u64,
    too_big: u64,
    under_way: u64,
}

impl From<&RelayStats> for Document {
    fn from(stats: &RelayStats) -> Self {
        Self {
            seconds: stats.elapsed.as_secs_f64(),
            up: Way::from(&stats.up),
            down: Way::from(&stats.down),
            rebinds: stats.rebinds,
            refused: stats.refused,
        }
    }
}

impl From<&WayStats> for Way {
    fn from(WayStats { tcp, udp, .. }: &WayStats) -> Self {
        Self {
            tcp: Tcp {
                bytes: tcp.bytes,
                connections: tcp.connections,
                killed: tcp.killed,
                stalls: tcp.stalls,
            },
            udp: Udp {
                received: udp.received,
                forwarded: udp.forwarded,
                lost: udp.lost,
                duplicated: udp.duplicated,
                reordered: udp.reordered,
                corrupted: udp.corrupted,
                queue_dropped: udp.queue_dropped,
                blocked: udp.blocked,
                too_big: udp.too_big,
                under_way: udp.under_way,
            },
        }
    }
}

/// One line: what went by since `before`, so long ago, and what was lost so far.
pub(crate) fn line(stats: &RelayStats, before: &RelayStats, ago: Duration) -> String {
    let way = |now: &WayStats, before: &WayStats| {
        let datagrams = per_second(now.udp.forwarded - before.udp.forwarded, ago);
        let bytes = per_second(now.tcp.bytes - before.tcp.bytes, ago);
        format!("{datagrams:.0} datagrams/s, {:.0} kbit/s TCP, {}", bytes * 0.008, missing(now))
    };
    let (up, down) = (way(&stats.up, &before.up), way(&stats.down, &before.down));
    format!("{:.0} s | up {up} | down {down} | {} flows", stats.elapsed.as_secs_f64(), stats.flows)
}

/// The end in words: one line each way.
pub(crate) fn summary(stats: &RelayStats) -> String {
    let way = |name: &str, way: &WayStats| {
        let WayStats { tcp, udp, .. } = way;
        format!(
            "{name:<5} UDP {} of {} datagrams forwarded ({}; {} blocked, {} too big, {} doubled, {} \
             reordered, {} corrupted, {} under way); TCP {} bytes, {} connections, {} killed, {} \
             stalls",
            udp.forwarded,
            udp.received,
            missing(way),
            udp.blocked,
            udp.too_big,
            udp.duplicated,
            udp.reordered,
            udp.corrupted,
            udp.under_way,
            tcp.bytes,
            tcp.connections,
            tcp.killed,
            tcp.stalls,
        )
    };
    format!(
        "{}\n{}\nafter {:.1} s; {} rebinds, {} refused",
        way("up", &stats.up),
        way("down", &stats.down),
        stats.elapsed.as_secs_f64(),
        stats.rebinds,
        stats.refused,
    )
}

fn missing(way: &WayStats) -> String {
    let share = percent(way.udp.lost, way.udp.received);
    format!("{share:.1}% lost, {} dropped by the queue", way.udp.queue_dropped)
}

#[expect(clippy::cast_precision_loss, reason = "for people to read")]
fn per_second(count: u64, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64().max(0.001)
}

#[expect(clippy::cast_precision_loss, reason = "for people to read")]
fn percent(part: u64, of: u64) -> f64 {
    100.0 * part as f64 / of.max(1) as f64
}
