//! A8.2: receivers beyond the first cost nothing while there is little to do, and help when there
//! is much.

use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::super::scene;
use super::super::{Gate, Needs, Run, Seeds, Wanted, document};

pub(super) const GATE: Gate = Gate {
    id: "A8.2",
    title: "the second receiver works when there is much to do, and only then",
    seeds: Seeds::NONE,
    needs: Needs::NONE,
    builds: &[scene::LOBBY, scene::CLI],
    timeout: Duration::from_secs(360),
    measure: elastic,
};

/// What each of two handles of a flow that is as fast as it goes.
const SHARE_MIN: f64 = 0.1;
const BOTS: u64 = 20;
/// What the second handles of what twenty bots send.
const SHARE_MAX: f64 = 0.01;
/// Its processor time meanwhile, in seconds.
const CPU_MAX: f64 = 0.1;
/// What the same load costs with two receivers, as a multiple of what it costs with one.
const COST_MAX: f64 = 1.1;
/// In the short form others may have the processors.
const COST_MAX_QUICK: f64 = 2.0;
fn elastic(run: &mut Run) -> Result<()> {
    busy(run)?;
    let rounds = run.form(5, 1);
    let mut costs = [Vec::new(), Vec::new()];
    for _ in 0..rounds {
        for (receivers, costs) in [1, 2].into_iter().zip(&mut costs) {
            costs.push(light(run, receivers)?);
        }
    }
    let [one, two] = costs.map(|costs| document::median(&costs));
    let cost = one.zip(two).map(|(one, two)| two / one);
    let most = run.form(COST_MAX, COST_MAX_QUICK);
    run.judge("20 bots: processor time, 2 ÷ 1 receivers", Wanted::AtMost(most), cost);
    Ok(())
}

/// A flow as fast as it goes.
fn busy(run: &mut Run) -> Result<()> {
    let seconds = run.form(5, 2);
    let bench = run.finish(&format!(
        "target/release/biplane bench unreliable --size 64 --receivers 2 --seconds {seconds} --json"
    ))?;
    let told = run.document("flow", &bench)?;
    let shares = shares(&told);
    run.judge("flow: receivers", Wanted::Exactly(2.into()), shares.len());
    for (number, share) in shares.into_iter().enumerate() {
        let name = format!("flow: share of receivers[{number}]");
        run.judge(name, Wanted::AtLeast(SHARE_MIN), share);
    }
    Ok(())
}

/// Twenty bots on so many receivers; the processor time of the server a second, in seconds.
fn light(run: &mut Run, receivers: u64) -> Result<f64> {
    let lasts = run.form(10, 4);
    let flags = format!("--listen 127.0.0.1:0 --receivers {receivers}");
    let (server, link) = scene::serve(run, &flags)?;
    let mut bots = run.start(&scene::bots(&link, BOTS, lasts + 4))?;
    run.stderr_line(&mut bots, "joined: ")?;
    thread::sleep(Duration::from_secs(1));
    let before = Times::of(server.id())?;
    thread::sleep(Duration::from_secs(lasts));
    let spent = Times::of(server.id())?.since(&before);
    let bots = run.wait(bots)?;
    let server = run.terminate(server)?;
    run.document("bots", &bots)?;
    let told = run.document("server", &server)?;

    if receivers == 2 {
        let shares = shares(&told);
        let least = shares.iter().copied().reduce(f64::min);
        run.judge("20 bots: the second's share", Wanted::AtMost(SHARE_MAX), least);
        run.judge("20 bots: receivers", Wanted::Exactly(2.into()), spent.receivers.len());
        let least = spent.receivers.iter().copied().reduce(f64::min);
        run.judge("20 bots: seconds of the second's", Wanted::AtMost(CPU_MAX), least);
    }
    Ok(spent.all / lasts as f64)
}

/// The share of each receiver.
fn shares(told: &Value) -> Vec<f64> {
    let receivers = document::at(told, "receivers");
    let of = |receiver: &Value| document::at(receiver, "datagrams").as_f64();
    let all: Vec<f64> = receivers.as_array().into_iter().flatten().filter_map(of).collect();
    let sum: f64 = all.iter().sum();
    all.into_iter().map(|datagrams| datagrams / sum).collect()
}

/// Processor time of a process, in seconds.
#[derive(Debug, Default, PartialEq)]
struct Times {
    all: f64,
    receivers: Vec<f64>,
}

impl Times {
    fn of(process: u32) -> Result<Self> {
        let folder = format!("/proc/{process}/task");
        let mut times = Self::default();
        for thread in fs::read_dir(&folder).context(folder)? {
            let folder = thread?.path();
            let file = |name: &str| {
                let file = folder.join(name);
                fs::read_to_string(&file).with_context(|| file.display().to_string())
            };
            times.add(&file("comm")?, &file("schedstat")?);
        }
        Ok(times)
    }

    /// Adds a thread: its name, and what `schedstat` says of it, nanoseconds first.
    fn add(&mut self, name: &str, schedstat: &str) {
        let ns = schedstat.split(' ').next().and_then(|ns| ns.parse::<f64>().ok());
        let time = ns.unwrap_or_default() / 1e9;
        self.all += time;
        if name.starts_with("biplane-recv") {
            self.receivers.push(time);
        }
    }

    /// What was spent since then, by the same threads.
    fn since(&self, before: &Self) -> Self {
        let pairs = self.receivers.iter().zip(&before.receivers);
        let receivers = pairs.map(|(now, then)| now - then).collect();
        Self { all: self.all - before.all, receivers }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn receivers_are_told_from_others_by_their_names() {
        let (mut then, mut now) = (Times::default(), Times::default());
        then.add("biplane-recv-0\n", "1000000000 5 1\n");
        then.add("biplane-send-0\n", "0 0 0\n");
        now.add("biplane-recv-0\n", "3000000000 6 2\n");
        now.add("biplane-send-0\n", "500000000 0 0\n");
        assert_eq!(now.since(&then), Times { all: 2.5, receivers: vec![2.0] });
    }

    #[test]
    fn shares_are_of_all_that_was_received() {
        let receivers = json!([{"datagrams": 30}, {"datagrams": 10}]);
        assert_eq!(shares(&json!({"receivers": receivers})), [0.75, 0.25]);
        assert!(shares(&json!({})).is_empty());
    }
}
