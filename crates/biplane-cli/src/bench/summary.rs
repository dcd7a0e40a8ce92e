//! What `biplane bench` says to people.

use std::time::Duration;

use biplane_load::{Latency, Measured, Worker};

use super::{Ran, bins::bins, flags::Workload};

/// Rows of the histogram.
const ROWS: u32 = 16;
/// Columns of its longest bar.
const COLUMNS: f64 = 44.0;

/// The whole of it, line by line.
pub(super) fn of(ran: &Ran<'_>) -> String {
    let measured = &ran.measured;
    let mut lines = vec![head(ran)];
    lines.extend(messages(measured));
    lines.extend(missed(measured));
    lines.extend(cost(measured));
    lines.extend(threads(ran));
    lines.push(drops(measured));
    lines.extend(measured.latency.as_ref().map(|latency| quantiles(ran, latency)));
    lines.extend(measured.latency.iter().flat_map(histogram));
    lines.join("\n")
}

/// What was measured, in one line; the plot's title too.
pub(super) fn head(ran: &Ran<'_>) -> String {
    let clients = ran.plan.clients;
    let plural = if clients == 1 { "client" } else { "clients" };
    let name = ran.bench.workload.name();
    let over = ran.bench.link.as_ref().map_or_else(String::new, |link| format!(" over {link}"));
    format!("{name}: {clients} {plural}, {:.1} s{over}", ran.measured.seconds)
}

fn messages(measured: &Measured) -> Vec<String> {
    let rates = measured.rates.map(|rates| {
        format!(
            "messages   {}/s, {}B/s, {:.2}% delivered",
            count(rates.messages_per_second),
            count(rates.bytes_per_second),
            100.0 * rates.delivered_share,
        )
    });
    let bulk = measured
        .rates
        .and_then(|rates| rates.bulk)
        .map(|bulk| format!("transfer   {}B in {:.1} s", count(float(bulk.bytes)), bulk.seconds));
    let connects = measured.connects.map(|connects| {
        format!(
            "connects   {}/s; processor time for each: client {}, server {}",
            count(connects.per_second),
            time(connects.client_cpu_ns / 1_000.0),
            time(connects.server_cpu_ns / 1_000.0),
        )
    });
    rates.into_iter().chain(bulk).chain(connects).collect()
}

/// What was due and not sent, where that is something.
fn missed(measured: &Measured) -> Option<String> {
    let missed: u64 = measured.up.iter().chain(&measured.down).map(|way| way.missed).sum();
    (missed > 0).then(|| {
        format!("missed     {missed} messages were due and not sent: the rate was not kept")
    })
}

fn cost(measured: &Measured) -> Vec<String> {
    let busy = measured.busy;
    let (client, server) = (100.0 * busy.client, 100.0 * busy.server);
    let processor = match measured.cpu_ns_per_message {
        Some(cost) => format!(
            "processor  client {} a message ({client:.0}% of a core), server {} ({server:.0}%)",
            time(cost.client / 1_000.0),
            time(cost.server / 1_000.0),
        ),
        None => format!("processor  client {client:.1}% of a core, server {server:.1}%"),
    };
    let memory = measured.rss_bytes_per_client;
    let memory = memory.map(|bytes| format!("memory     {}B of the server a client", count(bytes)));
    [processor].into_iter().chain(memory).collect()
}

/// Each thread's share, where that is what is asked for.
fn threads(ran: &Ran<'_>) -> Vec<String> {
    if ran.bench.workload != Workload::Flow {
        return Vec::new();
    }
    let workers = &ran.measured.workers.server;
    let receivers = shares("receiver", &workers.receivers);
    receivers.chain(shares("sender", &workers.senders)).collect()
}

fn shares(name: &str, workers: &[Worker]) -> impl Iterator<Item = String> {
    let all: u64 = workers.iter().map(|worker| worker.datagrams).sum();
    workers.iter().enumerate().map(move |(number, worker)| {
        format!(
            "{:<10} {:.1}%: {} datagrams in {} batches, woken {} times",
            format!("{name} {}", number + 1),
            100.0 * float(worker.datagrams) / float(all.max(1)),
            worker.datagrams,
            worker.batches,
            worker.wakeups,
        )
    })
}

fn drops(measured: &Measured) -> String {
    let drops = measured.drops.iter().map(|(reason, count)| format!("{reason} {count}"));
    let drops: Vec<_> = drops.collect();
    let told = if drops.is_empty() { "none".to_owned() } else { drops.join(", ") };
    format!("dropped    {told}")
}

fn quantiles(ran: &Ran<'_>, latency: &Latency) -> String {
    format!(
        "latency    {}: p50 {}, p90 {}, p95 {}, p99 {}, p99.9 {}, max {}",
        what(ran.bench.workload),
        time(latency.p50),
        time(latency.p90),
        time(latency.p95),
        time(latency.p99),
        time(latency.p999),
        time(latency.max),
    )
}

/// What a latency is of.
pub(super) const fn what(workload: Workload) -> &'static str {
    match workload {
        Workload::Echo => "there and back",
        Workload::Connect => "from the call to the session",
        Workload::Game => "of snapshots, one way",
        Workload::Transfer => "of messages down, one way",
        Workload::Unreliable
        | Workload::Reliable
        | Workload::Command
        | Workload::Idle
        | Workload::Flow => "one way",
    }
}

fn histogram(latency: &Latency) -> Vec<String> {
    let bins = bins(latency, ROWS);
    let most = bins.iter().map(|bin| bin.share).fold(0.0, f64::max);
    let row = |bin: &super::bins::Bin| {
        let length = whole((COLUMNS * bin.share / most).ceil());
        let bar = "█".repeat(length);
        let row = format!("{:>10} {:>6.2}% {bar}", time(bin.from), 100.0 * bin.share);
        row.trim_end().to_owned()
    };
    bins.iter().map(row).collect()
}

/// A time in microseconds, with its unit and three figures.
pub(super) fn time(micros: f64) -> String {
    let (value, unit) = match micros {
        micros if micros < 1.0 => (micros * 1e3, "ns"),
        micros if micros < 1e3 => (micros, "µs"),
        micros if micros < 1e6 => (micros / 1e3, "ms"),
        micros => (micros / 1e6, "s"),
    };
    format!("{} {unit}", figures(value))
}

/// A count with three figures, and k, M or G.
pub(super) fn count(count: f64) -> String {
    let (value, unit) = match count {
        count if count < 1e3 => (count, ""),
        count if count < 1e6 => (count / 1e3, "k"),
        count if count < 1e9 => (count / 1e6, "M"),
        count => (count / 1e9, "G"),
    };
    format!("{} {unit}", figures(value))
}

fn figures(value: f64) -> String {
    match value {
        value if value < 10.0 => format!("{value:.2}"),
        value if value < 100.0 => format!("{value:.1}"),
        value => format!("{value:.0}"),
    }
}

/// So many in that time, a second.
pub(super) fn rate(messages: u64, time: Duration) -> f64 {
    float(messages) / time.as_secs_f64().max(0.001)
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
const fn float(count: u64) -> f64 {
    count as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "columns of a line, not negative"
)]
const fn whole(columns: f64) -> usize {
    columns as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_counts_have_three_figures_and_a_unit() {
        for (micros, words) in [
            (0.25, "250 ns"),
            (1.0, "1.00 µs"),
            (45.67, "45.7 µs"),
            (1_500.0, "1.50 ms"),
            (2_000_000.0, "2.00 s"),
        ] {
            assert_eq!(time(micros), words);
        }
        for (number, words) in [(0.0, "0.00 "), (999.0, "999 "), (12_345.0, "12.3 k")] {
            assert_eq!(count(number), words);
        }
    }
}
