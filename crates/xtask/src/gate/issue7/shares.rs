//! A7.4: who has which share of a narrow place, in virtual time and beside the kernel's TCP.

use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use super::super::{
    Gate, Needs, Run, Seeds, Wanted, document,
    scene::{self, Link},
    told,
};
use crate::tool;

pub(super) const GATE: Gate = Gate {
    id: "A7.4",
    title: "two default sessions share evenly; one keeps its part beside NewReno and beside TCP",
    seeds: Seeds::NONE,
    needs: Needs::in_full(&tool::TUN),
    builds: &[told::SIM, scene::CLI, "cargo build --release --locked -p biplane --examples"],
    timeout: Duration::from_secs(900),
    measure: shares,
};

/// 10 mbit/s and a round trip of 40 ms, with queues of one and of four times what that holds.
const LINKS: [&str; 2] =
    ["delay=20ms,rate=10mbit,queue=50kB", "delay=20ms,rate=10mbit,queue=200kB"];
const PROGRAM: &str = "target/release/examples/beside_tcp";

/// The part that is kept beside a window of ours that goes by loss, and beside the kernel's.
const BESIDE: [(&str, f64); 2] = [("new-reno", 0.2), ("cubic", 0.1)];
const BESIDE_TCP: f64 = 0.1;
/// Who has nearly all is not fair either.
const MOST: f64 = 0.9;

fn shares(run: &mut Run) -> Result<()> {
    for link in LINKS {
        even(run, link)?;
        for (other, least) in BESIDE {
            beside(run, link, other, least)?;
        }
        if run.form(true, false) {
            beside_tcp(run, link)?;
        }
    }
    Ok(())
}

/// Two of our own, whoever comes first.
fn even(run: &mut Run, link: &str) -> Result<()> {
    for flows in ["delay-aware,delay-aware", "delay-aware,delay-aware+from=5"] {
        let told = ask(run, link, flows)?;
        let jain = document::at(&told, "jain");
        run.judge(format!("{link}: jain of {flows}"), Wanted::AtLeast(0.9), jain);
    }
    Ok(())
}

/// One beside a window that goes by loss, whoever comes first.
fn beside(run: &mut Run, link: &str, other: &str, least: f64) -> Result<()> {
    // Half a minute is too short for both to have had their turns.
    let least = run.form(least, least / 2.0);
    for (own, theirs) in [("", ""), ("", "+from=5"), ("+from=5", "")] {
        let flows = format!("delay-aware{own},{other}{theirs}");
        let told = ask(run, link, &flows)?;
        run.judge(format!("{link}: share of {flows}"), Wanted::AtLeast(least), share(&told, 0));
        run.judge(format!("{link}: share of {flows}"), Wanted::AtMost(MOST), share(&told, 0));
    }
    Ok(())
}

/// One beside a TCP connection of the kernel's, which goes by CUBIC, between namespaces.
fn beside_tcp(run: &mut Run, link: &str) -> Result<()> {
    const SECONDS: u64 = 60;
    let mut server = run.start(&format!("{PROGRAM} serve {SECONDS}"))?;
    let there = Link::parse(&run.stderr_line(&mut server, crate::scene::JOIN)?)?;
    let flags = format!("--tun --tun-congestion cubic --profile {link}");
    let (relay, here) = scene::relay(run, &there.address, &flags)?;
    let clients = run.finish(&format!("{PROGRAM} join {} {SECONDS}", there.at(&here)))?;
    run.exit("clients", &clients);
    let server = run.wait(server)?;
    let told = run.document("server", &server)?;
    run.terminate(relay)?;
    run.judge(
        format!("{link}: share beside TCP"),
        Wanted::AtLeast(BESIDE_TCP),
        document::at(&told, "share"),
    );
    let carried = document::at(&told, "udp_mbit_per_second").as_f64();
    let tcp = document::at(&told, "tcp_mbit_per_second").as_f64();
    let both = carried.zip(tcp).map(|(udp, tcp)| udp + tcp);
    run.judge(format!("{link}: mbit/s of both"), Wanted::AtLeast(7.0), both);
    run.note(format!("{link}: {told}"));
    Ok(())
}

/// A flow's part of what all got.
fn share(told: &Value, place: usize) -> Option<f64> {
    let flows = document::at(told, "flows");
    let rate = |flow| document::at(flow, "mbit_per_second").as_f64();
    let rates: Option<Vec<f64>> = flows.as_array()?.iter().map(rate).collect();
    let rates = rates?;
    Some(rates.get(place)? / rates.iter().sum::<f64>())
}

fn ask(run: &mut Run, link: &str, flows: &str) -> Result<Value> {
    let seconds = run.form(130, 40);
    told::sim(run, &format!("rate --link {link} --flows {flows} --seconds {seconds} --settled 10"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_share_is_of_what_all_got_together() {
        let told = json!({"flows": [{"mbit_per_second": 1.0}, {"mbit_per_second": 3.0}]});
        assert_eq!(share(&told, 0), Some(0.25));
        assert_eq!(share(&json!({"flows": []}), 0), None);
        assert_eq!(share(&json!({"flows": [{}]}), 0), None);
    }
}
