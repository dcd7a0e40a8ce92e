//! A8.2: receivers beyond the first cost nothing while there is little to do, and help when there
//! is much.

use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::super::scene;
use super::super::{Gate, Run, Seeds, Wanted, document};

pub(super) const GATE: Gate = Gate {
    id: "A8.2",
    title: "the second receiver works when there is much to do, and only then",
    seeds: Seeds::NONE,
    needs: None,
    builds: &[scene::LOBBY, scene::CLI],
    timeout: Duration::from_secs(240),
    measure: elastic,
};

/// What each of two handles of a flow that is as fast as it goes.
const SHARE_MIN: f64 = 0.1;
const BOTS: u64 = 20;
/// What the second handles of what twenty bots send.
const SHARE_MAX: f64 = 0.01;
/// Its processor time meanwhile, in seconds.
const CPU_MAX: f64 = 0.1;
/// What a message costs with two receivers, as a multiple of what it costs with one.
const COST_MAX: f64 = 1.1;
/// In the short form others may have the processors.
const COST_MAX_QUICK: f64 = 2.0;
/// Of a processor's time in `/proc`, a second.
const TICKS: f64 = 100.0;

fn elastic(run: &mut Run) -> Result<()> {
    busy(run)?;
    let rounds = run.form(3, 1);
    let mut costs = [Vec::new(), Vec::new()];
    for _ in 0..rounds {
        for (receivers, costs) in [1, 2].into_iter().zip(&mut costs) {
            costs.extend(light(run, receivers)?);
        }
    }
    let [one, two] = costs.map(|costs| document::median(&costs));
    let cost = one.zip(two).map(|(one, two)| two / one);
    let most = run.form(COST_MAX, COST_MAX_QUICK);
    run.judge("20 bots: a message's cost, 2 ÷ 1 receivers", Wanted::AtMost(most), cost);
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

/// Twenty bots on so many receivers; what a datagram cost the server, in seconds.
fn light(run: &mut Run, receivers: u64) -> Result<Option<f64>> {
    let lasts = run.form(10, 4);
    let flags = format!("--listen 127.0.0.1:0 --receivers {receivers}");
    let (server, link) = scene::serve(run, &flags)?;
    let mut bots = run.start(&scene::bots(&link, BOTS, lasts + 4))?;
    run.stderr_line(&mut bots, "joined: ")?;
    thread::sleep(Duration::from_secs(1));
    let before = times(server.id())?;
    thread::sleep(Duration::from_secs(lasts));
    let after = times(server.id())?;
    let bots = run.wait(bots)?;
    let server = run.terminate(server)?;
    run.document("bots", &bots)?;
    let told = run.document("server", &server)?;

    if receivers == 2 {
        let shares = shares(&told);
        let least = shares.iter().copied().reduce(f64::min);
        run.judge("20 bots: the second's share", Wanted::AtMost(SHARE_MAX), least);
        let spent: Vec<f64> = before.iter().zip(&after).map(|(then, now)| now - then).collect();
        run.judge("20 bots: receivers", Wanted::Exactly(2.into()), spent.len());
        let least = spent.into_iter().reduce(f64::min);
        run.judge("20 bots: seconds of the second's", Wanted::AtMost(CPU_MAX), least);
    }
    Ok(cost(&told))
}

/// What a server's datagram cost it.
fn cost(told: &Value) -> Option<f64> {
    let figure = |path| document::at(told, path).as_f64();
    let datagrams = figure("datagrams.received")? + figure("datagrams.sent")?;
    Some(figure("cpu_seconds")? / datagrams)
}

/// The share of each receiver.
fn shares(told: &Value) -> Vec<f64> {
    let receivers = document::at(told, "receivers");
    let of = |receiver: &Value| document::at(receiver, "datagrams").as_f64();
    let all: Vec<f64> = receivers.as_array().into_iter().flatten().filter_map(of).collect();
    let sum: f64 = all.iter().sum();
    all.into_iter().map(|datagrams| datagrams / sum).collect()
}

/// The processor time of each receiver of a process, in seconds.
fn times(process: u32) -> Result<Vec<f64>> {
    let folder = format!("/proc/{process}/task");
    let mut times = Vec::new();
    for thread in fs::read_dir(&folder).context(folder)? {
        let file = thread?.path().join("stat");
        let stat = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        times.extend(time(&stat));
    }
    Ok(times)
}

/// What a thread's `stat` says of its time, if it is a receiver's.
fn time(stat: &str) -> Option<f64> {
    let (head, rest) = stat.rsplit_once(") ")?;
    let name = head.split_once('(')?.1;
    // Fields 14 and 15 of proc(5), user and system; the third is the first of `rest`.
    let mut ticks = rest.split(' ').skip(11).map_while(|field| field.parse::<f64>().ok());
    name.starts_with("biplane-recv").then_some((ticks.next()? + ticks.next()?) / TICKS)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_receivers_time_is_found_by_its_name() {
        let stat = |name| format!("7 ({name}) S 1 7 7 0 -1 4194368 99 0 0 0 25 75 0 0 20 0 9 0 1");
        assert_eq!(time(&stat("biplane-recv-1")), Some(1.0));
        assert_eq!(time(&stat("biplane-send-0")), None);
        assert_eq!(time("7 (biplane-recv-0) S"), None);
    }

    #[test]
    fn shares_are_of_all_that_was_received() {
        let receivers = json!([{"datagrams": 30}, {"datagrams": 10}]);
        assert_eq!(shares(&json!({"receivers": receivers})), [0.75, 0.25]);
        assert!(shares(&json!({})).is_empty());
        let datagrams = json!({"received": 60, "sent": 40});
        let told = json!({"datagrams": datagrams, "cpu_seconds": 1.0});
        assert_eq!(cost(&told), Some(0.01));
        assert_eq!(cost(&json!({})), None);
    }
}
