//! A7.2: on links whose capacity changes, the default has nearly what a window has that goes by loss,
//! and a fraction of its queue.

use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use super::super::{Gate, Needs, Run, Seeds, Wanted, capacity, document, told};

pub(super) const GATE: Gate = Gate {
    id: "A7.2",
    title: "on changing links the default has 80 % of the rate and a third of the queue",
    seeds: Seeds { full: 3, quick: 1 },
    needs: Needs::NONE,
    builds: &[told::SIM],
    timeout: Duration::from_secs(900),
    measure: links,
};

const SECONDS: (u64, u64) = (120, 40);
const LEAST_SHARE: f64 = 0.8;
const MOST_WAIT: f64 = 1.0 / 3.0;
const OTHERS: [&str; 2] = ["cubic", "new-reno"];

/// A step and a saw-tooth from each seed, and the recorded links where there are any.
fn links(run: &mut Run) -> Result<()> {
    for seed in 0..run.seeds() {
        for (name, file) in made(seed)? {
            link(run, &format!("{name} of seed {seed}"), &file)?;
        }
    }
    let recorded = run.traces()?;
    if recorded.is_empty() {
        run.note("no recorded links here: --traces names their folder".to_owned());
    }
    for file in recorded {
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned());
        link(run, &name.unwrap_or_default(), &file.display().to_string())?;
    }
    Ok(())
}

/// Files of links that `seed` decides.
fn made(seed: u64) -> Result<[(&'static str, String); 2]> {
    let draw = |place: u64, low: f64, high: f64| {
        // SplitMix64: any number is as good as another here.
        let mixed = (seed * 16 + place + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        low + (high - low) * ((mixed >> 40) as f64 / (1_u64 << 24) as f64)
    };
    let (high, low) = (draw(0, 5.0, 12.0), draw(1, 0.8, 2.0));
    let (half, period) = (draw(2, 6.0, 12.0), draw(3, 8.0, 16.0));
    let step = move |at: f64| if at / half % 2.0 < 1.0 { high } else { low };
    let saw = move |at: f64| low + (high - low) * (at / period % 1.0);
    Ok([
        ("step", capacity::write(&format!("step-{seed}"), 120, step)?),
        ("saw-tooth", capacity::write(&format!("saw-tooth-{seed}"), 120, saw)?),
    ])
}

fn link(run: &mut Run, name: &str, file: &str) -> Result<()> {
    let own = ask(run, "delay-aware", file)?;
    for other in OTHERS {
        let theirs = ask(run, other, file)?;
        let rate = ratio(&own, &theirs, |told| {
            document::at(&document::named(told, "flows", flow(told)?), "mbit_per_second").as_f64()
        });
        run.judge(format!("{name}: rate, of {other}'s"), Wanted::AtLeast(LEAST_SHARE), rate);
        let wait = ratio(&own, &theirs, |told| document::at(told, "wait_ms.p95").as_f64());
        run.judge(format!("{name}: wait, of {other}'s"), Wanted::AtMost(MOST_WAIT), wait);
    }
    Ok(())
}

/// The name of the one flow there is.
fn flow(told: &Value) -> Option<&str> {
    told.get("flows")?.get(0)?.get("name")?.as_str()
}

fn ratio(own: &Value, theirs: &Value, of: impl Fn(&Value) -> Option<f64>) -> Option<f64> {
    let theirs = of(theirs).filter(|theirs| *theirs > 0.0)?;
    Some(of(own)? / theirs)
}

fn ask(run: &mut Run, flow: &str, file: &str) -> Result<Value> {
    let seconds = run.form(SECONDS.0, SECONDS.1);
    let link = format!("delay=30ms,queue=1MB,trace-up={file}");
    told::sim(run, &format!("rate --link {link} --flows {flow} --seconds {seconds} --settled 1"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_ratio_to_nothing_is_none() {
        let told = |rate: f64| json!({"flows": [{"name": "cubic", "mbit_per_second": rate}]});
        let rate = |told: &Value| {
            document::at(&document::named(told, "flows", flow(told)?), "mbit_per_second").as_f64()
        };
        assert_eq!(ratio(&told(4.0), &told(5.0), rate), Some(0.8));
        assert_eq!(ratio(&told(4.0), &told(0.0), rate), None);
        assert_eq!(ratio(&json!({}), &told(5.0), rate), None);
    }
}
