//! What came of a run.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{Handed, Latency, Plan, Work, Worker, line::Report};

/// What came of a run. What a work does not have is `None`.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Measured {
    /// How long it was measured.
    pub seconds: f64,
    /// Messages in that time.
    pub rates: Option<Rates>,
    /// Of a flow and a match's snapshots one way, of an echo there and back, of
    /// [`Work::Connect`] from the call to the session. In flows as fast as it goes, of one message
    /// in 64.
    pub latency: Option<Latency>,
    /// Processor time of each process, over the messages that [`Rates`] counts, in nanoseconds.
    pub cpu_ns_per_message: Option<Sides<f64>>,
    /// Share of one processor that each process used; more than 1 with several threads.
    pub busy: Sides<f64>,
    /// Memory of the server's process at the end less that before the first client, over the
    /// clients: of a match, of clients that join, and of idle ones.
    pub rss_bytes_per_client: Option<f64>,
    /// Of [`Work::Connect`].
    pub connects: Option<Connects>,
    /// Messages to the server.
    pub up: Option<Way>,
    /// Messages to the clients.
    pub down: Option<Way>,
    /// What the systems' threads did in that time.
    pub workers: Sides<Workers>,
    /// What both sides dropped, by reason, where the system says.
    pub drops: BTreeMap<String, u64>,
    /// What should have held and did not, in words: a reliable message lost, a client that left or
    /// could not join, a process that broke.
    pub broken: Vec<String>,
}

/// Messages that came while it was measured: of an echo those that came back, of a match both ways.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Rates {
    /// Messages a second.
    pub messages_per_second: f64,
    /// Their bytes a second, as the application counts them; of a transfer, those in bulk.
    pub bytes_per_second: f64,
    /// Of those sent at all, the share that came, until 2 s after the last was sent.
    pub delivered_share: f64,
    /// Bytes that an unreliable flow had under way at the most, at the end of the run.
    pub window_bytes: Option<u64>,
    /// What came in bulk, of [`Work::Transfer`] once it has ended.
    pub bulk: Option<Bulk>,
}

/// What came in bulk.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bulk {
    /// Bytes.
    pub bytes: u64,
    /// From the offer to the last of them.
    pub seconds: f64,
}

/// One of each process.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Sides<T> {
    /// The process of all clients.
    pub client: T,
    /// The server's process.
    pub server: T,
}

/// Sessions that began.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Connects {
    /// Sessions a second, from the first call to the last that was there.
    pub per_second: f64,
    /// Processor time of the server's process for each, in nanoseconds.
    pub server_cpu_ns: f64,
    /// That of the clients' process for each, in nanoseconds.
    pub client_cpu_ns: f64,
}

/// Messages in one direction, until 2 s after the last was sent.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Way {
    /// Taken by the system to be sent.
    pub sent: u64,
    /// Not taken, for want of room, and not offered again.
    pub refused: u64,
    /// Due, and never offered: this side fell behind the rate. They are not among those sent.
    pub missed: u64,
    /// Came.
    pub arrived: u64,
    /// Never came. Where order is promised: one that follows came.
    pub lost: u64,
    /// Where order is promised: not there after those 2 s.
    pub under_way: u64,
    /// Where order is promised: came again, or after a later one.
    pub repeated: u64,
    /// Where none is promised: came after a later one.
    pub overtaken: u64,
}

/// What a system's threads did, where it says.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Workers {
    /// Each thread that receives.
    pub receivers: Vec<Worker>,
    /// Each thread that sends.
    pub senders: Vec<Worker>,
    /// Datagrams that this side held for lost and that had come.
    pub lost_spuriously: Option<u64>,
}

impl Workers {
    /// Without what had been done before.
    pub(crate) fn since(self, before: &Self) -> Self {
        let lost = self.lost_spuriously.zip(before.lost_spuriously);
        Self {
            receivers: since(self.receivers, &before.receivers),
            senders: since(self.senders, &before.senders),
            lost_spuriously: lost.map(|(now, before)| now.saturating_sub(before)),
        }
    }
}

fn since(now: Vec<Worker>, before: &[Worker]) -> Vec<Worker> {
    let before = before.iter().copied().chain(std::iter::repeat(Worker::default()));
    let since = |(now, before): (Worker, Worker)| Worker {
        datagrams: now.datagrams.saturating_sub(before.datagrams),
        batches: now.batches.saturating_sub(before.batches),
        wakeups: now.wakeups.saturating_sub(before.wakeups),
    };
    now.into_iter().zip(before).map(since).collect()
}

impl Measured {
    /// Of what both sides saw.
    pub(crate) fn of(plan: &Plan, server: Report, client: Report) -> Self {
        let work = &plan.work;
        let broken = broken(plan, &server, &client);
        let arrived = messages(work, &server, &client);
        let seconds = seconds(work, &server, &client);
        let has_rates = work.up_size() > 0 && seconds > 0.0;
        let processor = sides(&server, &client, |report| nanos(report.spent.processor));
        let count: u64 = arrived.iter().map(|(_, count)| count).sum();
        let has_cost = has_rates && count > 0;
        Self {
            seconds,
            rates: has_rates.then(|| rates(plan, arrived, seconds, &server, &client)),
            cpu_ns_per_message: has_cost.then(|| processor.over(float(count))),
            busy: sides(&server, &client, busy),
            rss_bytes_per_client: resident(work, &server),
            connects: connects(work, &server, &client, processor),
            up: way(plan, &client, &server, work.up_size()),
            down: way(plan, &server, &client, work.down_size()),
            latency: Latency::of(latencies(work, &server, &client)),
            workers: sides(&server, &client, |report| report.workers.clone()),
            drops: sum(client.drops, server.drops),
            broken,
        }
    }
}

impl Sides<f64> {
    fn over(self, count: f64) -> Self {
        Self { client: self.client / count, server: self.server / count }
    }
}

fn sides<T>(server: &Report, client: &Report, of: impl Fn(&Report) -> T) -> Sides<T> {
    Sides { client: of(client), server: of(server) }
}

/// What became of the messages from one side to the other; `None` if there are none of that way.
fn way(plan: &Plan, from: &Report, to: &Report, size: usize) -> Option<Way> {
    if size == 0 {
        return None;
    }
    let counts = to.counts;
    let missing = from.sent.saturating_sub(counts.arrived);
    let is_ordered = plan.work.class() != crate::Class::Unreliable;
    let lost = if is_ordered { counts.skipped } else { missing };
    Some(Way {
        sent: from.sent,
        refused: from.refused,
        missed: from.missed,
        arrived: counts.arrived,
        lost,
        under_way: missing.saturating_sub(lost),
        repeated: counts.repeated,
        overtaken: counts.overtaken,
    })
}

/// Sizes and counts of the messages that came in time: what the rates are of.
fn messages(work: &Work, server: &Report, client: &Report) -> [(usize, u64); 2] {
    let (up, down) = ((work.up_size(), server.in_time), (work.down_size(), client.in_time));
    if let Work::Echo { .. } = work { [(0, 0), down] } else { [up, down] }
}

fn rates(
    plan: &Plan,
    arrived: [(usize, u64); 2],
    seconds: f64,
    server: &Report,
    client: &Report,
) -> Rates {
    let bytes: f64 = arrived.iter().map(|(size, count)| float(*size as u64) * float(*count)).sum();
    let count: f64 = arrived.iter().map(|(_, count)| float(*count)).sum();
    let (sent, came) = match plan.work {
        // What was asked, against what was answered.
        Work::Echo { .. } => (client.sent, client.counts.arrived),
        Work::Flow { .. } | Work::Game(_) | Work::Transfer { .. } | Work::Connect | Work::Idle => {
            (client.sent + server.sent, server.counts.arrived + client.counts.arrived)
        }
    };
    let size = plan.work.up_size() as u64;
    let window = client.flow.as_ref().and_then(|flow| flow.window);
    let bulk = handed(client)
        .map(|handed| Bulk { bytes: handed.bytes, seconds: handed.time.as_secs_f64() });
    Rates {
        messages_per_second: count / seconds,
        bytes_per_second: bulk.map_or(bytes / seconds, Bulk::per_second),
        delivered_share: if sent == 0 { 1.0 } else { float(came) / float(sent) },
        window_bytes: window.map(|messages| messages * size),
        bulk,
    }
}

fn seconds(work: &Work, server: &Report, client: &Report) -> f64 {
    match work {
        Work::Connect => client.sessions.joined_after.as_secs_f64(),
        Work::Flow { .. } => server.spent.time.as_secs_f64(),
        Work::Echo { .. } | Work::Game(_) | Work::Transfer { .. } | Work::Idle => {
            client.spent.time.as_secs_f64()
        }
    }
}

impl Bulk {
    fn per_second(self) -> f64 {
        float(self.bytes) / self.seconds.max(1e-6)
    }
}

fn handed(client: &Report) -> Option<&Handed> {
    client.flow.as_ref()?.handed.as_ref()
}

fn busy(report: &Report) -> f64 {
    let time = report.spent.time.as_secs_f64();
    if time > 0.0 { report.spent.processor.as_secs_f64() / time } else { 0.0 }
}

/// Of a work with clients enough that the process's own buffers do not tell.
fn resident(work: &Work, server: &Report) -> Option<f64> {
    let is_of_buffers =
        matches!(work, Work::Flow { .. } | Work::Echo { .. } | Work::Transfer { .. });
    if is_of_buffers || server.sessions.joined == 0 {
        return None;
    }
    let (before, after) = server.resident?;
    Some(float(after.saturating_sub(before)) / float(server.sessions.joined))
}

fn connects(
    work: &Work,
    server: &Report,
    client: &Report,
    processor: Sides<f64>,
) -> Option<Connects> {
    let joined = float(client.sessions.joined);
    if !matches!(work, Work::Connect) || joined == 0.0 {
        return None;
    }
    let Sides { client: client_cpu_ns, server: server_cpu_ns } = processor.over(joined);
    let per_second = joined / seconds(work, server, client);
    Some(Connects { per_second, server_cpu_ns, client_cpu_ns })
}

fn latencies(work: &Work, server: &Report, client: &Report) -> Vec<crate::Bucket> {
    let side = if matches!(work, Work::Flow { .. }) { server } else { client };
    side.latencies.clone()
}

fn sum(mut drops: BTreeMap<String, u64>, more: BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    for (reason, count) in more {
        *drops.entry(reason).or_default() += count;
    }
    drops
}

/// What was promised and did not hold.
fn broken(plan: &Plan, server: &Report, client: &Report) -> Vec<String> {
    let mut broken = Vec::new();
    let mut say = |count: u64, words: &str| {
        if count > 0 {
            broken.push(format!("{count} {words}"));
        }
    };
    let (up, down) = (server.counts, client.counts);
    say(up.skipped, "messages lost that were to arrive");
    say(up.repeated, "messages repeated or out of order that were to arrive once and in order");
    say(up.malformed + down.malformed, "messages that nobody sent");
    // A client that leaves is seen by both; whoever sees more is right.
    say(server.sessions.left.max(client.sessions.left), "clients left");
    let why = client.sessions.why_not.as_deref().unwrap_or("no reason is known");
    say(client.sessions.failed, &format!("clients could not join: {why}"));
    if let Work::Transfer { .. } = plan.work {
        let fault = match handed(client) {
            None => Some("it did not end"),
            Some(handed) => handed.fault.as_deref(),
        };
        broken.extend(fault.map(|fault| format!("the transfer: {fault}")));
        return broken;
    }
    if plan.work.class() != crate::Class::Unreliable {
        let stalled = client.flow.as_ref().is_some_and(|flow| flow.is_stalled);
        let under_way = client.sent.saturating_sub(up.arrived + up.skipped);
        say(if stalled { under_way } else { 0 }, "messages that were to arrive and no longer move");
    }
    broken
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
const fn float(count: u64) -> f64 {
    count as f64
}

fn nanos(time: Duration) -> f64 {
    time.as_secs_f64() * 1e9
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Class,
        books::Counts,
        line::{Flow, Sessions},
        meter::Spent,
    };

    fn report(processor: u64, in_time: u64, arrived: u64) -> Report {
        let spent =
            Spent { time: Duration::from_secs(2), processor: Duration::from_millis(processor) };
        let counts = Counts { arrived, ..Counts::default() };
        Report { spent, in_time, counts, ..Report::default() }
    }

    fn flow(class: Class, server: Report, client: Report) -> Measured {
        Measured::of(&Plan::new(Work::Flow { class, size: 100, rate: None }), server, client)
    }

    #[test]
    fn a_flow_is_counted_where_it_arrives() {
        let client = Report { sent: 1_100, refused: 3, ..report(400, 0, 0) };
        let measured = flow(Class::Unreliable, report(1_000, 1_000, 1_045), client);
        let rates = measured.rates.unwrap();
        assert_eq!((rates.messages_per_second, rates.bytes_per_second), (500.0, 50_000.0));
        assert_eq!(rates.delivered_share, 0.95);
        let cpu = measured.cpu_ns_per_message.unwrap();
        assert_eq!((cpu.client, cpu.server), (400_000.0, 1_000_000.0));
        assert_eq!((measured.busy.client, measured.busy.server), (0.2, 0.5));
        let way = Way { sent: 1_100, refused: 3, arrived: 1_045, lost: 55, ..Way::default() };
        assert_eq!((measured.up, measured.down), (Some(way), None));
        assert!(measured.broken.is_empty());
    }

    #[test]
    fn what_was_promised_and_did_not_come_is_told() {
        let counts = Counts { arrived: 90, skipped: 2, repeated: 1, ..Counts::default() };
        let server = Report { counts, ..report(1, 90, 90) };
        let mut client = Report { sent: 100, ..report(1, 0, 0) };
        let measured = flow(Class::Reliable, server.clone(), client.clone());
        let way = measured.up.unwrap();
        assert_eq!((way.lost, way.under_way, way.repeated), (2, 8, 1));
        assert_eq!(measured.broken.len(), 2, "{:?}", measured.broken);
        client.flow = Some(Flow { is_stalled: true, ..Flow::default() });
        client.sessions = Sessions { left: 1, ..Sessions::default() };
        let broken = flow(Class::Reliable, server, client).broken;
        assert_eq!(broken.len(), 4, "{broken:?}");
        assert!(broken.iter().any(|line| line.starts_with("8 messages")), "{broken:?}");
    }

    #[test]
    fn an_echo_counts_what_came_back_and_a_match_both_ways() {
        let client = Report { sent: 210, ..report(1, 200, 200) };
        let server = Report { sent: 205, ..report(1, 190, 205) };
        let echo = Plan::new(Work::Echo { size: 64, rate: 100.0 });
        let rates = Measured::of(&echo, server.clone(), client.clone()).rates.unwrap();
        assert_eq!(rates.messages_per_second, 100.0);
        assert!((rates.delivered_share - 200.0 / 210.0).abs() < 1e-9);
        let game = Plan::new(Work::Game(crate::Game::default()));
        let rates = Measured::of(&game, server, client).rates.unwrap();
        assert_eq!(rates.messages_per_second, 195.0);
        assert_eq!(rates.bytes_per_second, (190.0 * 64.0 + 200.0 * 600.0) / 2.0);
        assert!((rates.delivered_share - 405.0 / 415.0).abs() < 1e-9);
    }

    #[test]
    fn a_transfer_is_as_fast_as_its_bytes_and_has_its_fault_told() {
        let game = crate::Game::BESIDE;
        let plan = Plan::new(Work::Transfer { bytes: 1_000, game });
        let time = Duration::from_secs(4);
        let handed = Handed { bytes: 1_000, time, fault: None };
        let server = Report { sent: 100, ..report(1, 100, 100) };
        let flow = Flow { handed: Some(handed), ..Flow::default() };
        let mut client = Report { sent: 100, flow: Some(flow), ..report(1, 99, 99) };
        let measured = Measured::of(&plan, server.clone(), client.clone());
        let rates = measured.rates.unwrap();
        assert_eq!((rates.bytes_per_second, rates.delivered_share), (250.0, 0.995));
        assert!(measured.broken.is_empty());
        let fault = Some("what arrived has another checksum".into());
        client.flow =
            Some(Flow { handed: Some(Handed { fault, ..Handed::default() }), ..Flow::default() });
        let broken = Measured::of(&plan, server.clone(), client.clone()).broken;
        assert_eq!(broken, ["the transfer: what arrived has another checksum"]);
        client.flow = None;
        assert_eq!(Measured::of(&plan, server, client).broken, ["the transfer: it did not end"]);
    }

    #[test]
    fn joining_has_its_own_figures_and_no_others() {
        let joined_after = Duration::from_millis(500);
        let sessions = Sessions { joined: 50, joined_after, ..Sessions::default() };
        let client = Report { sessions: sessions.clone(), ..report(100, 0, 0) };
        let resident = Some((1_000_000, 1_500_000));
        let server = Report { sessions, resident, ..report(50, 0, 0) };
        let measured = Measured::of(&Plan::new(Work::Connect), server, client);
        let connects = measured.connects.unwrap();
        assert_eq!((connects.per_second, connects.server_cpu_ns), (100.0, 1_000_000.0));
        assert_eq!(measured.rss_bytes_per_client, Some(10_000.0));
        assert!(measured.rates.is_none() && measured.cpu_ns_per_message.is_none());
        assert!(measured.up.is_none() && measured.down.is_none());
    }

    #[test]
    fn who_could_not_join_is_counted_beside_those_who_did() {
        let why_not = Some("refused".to_owned());
        let sessions = Sessions { joined: 48, failed: 2, why_not, ..Sessions::default() };
        let client = Report { sessions, ..report(100, 0, 0) };
        let measured = Measured::of(&Plan::new(Work::Connect), Report::default(), client);
        assert_eq!(measured.broken, ["2 clients could not join: refused"]);
        assert!(measured.connects.is_some());
    }
}
