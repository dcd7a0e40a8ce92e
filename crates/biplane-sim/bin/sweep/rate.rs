//! What flows through one narrow place get, in words or as JSON.

use core::{fmt::Write, time::Duration};
use std::time::Instant;

use biplane_proto::Congestion;
use biplane_sim::{Flow, FlowFigures, Profile, RateFigures, RatePlan, Second, Spread, rate};

use crate::{
    args::{Command, MISUSE, number},
    json::Object,
};

const CONTROLLERS: [(&str, Congestion); 3] = [
    ("delay-aware", Congestion::DelayAware),
    ("cubic", Congestion::Cubic),
    ("new-reno", Congestion::NewReno),
];
/// A day: more than anybody waits for.
const LONGEST: u64 = 86_400;

/// What is to be tried.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rate {
    plan: RatePlan,
    /// The flows as they were asked for.
    names: Vec<String>,
    seed: u64,
    json: bool,
}

/// Reads what stands after `rate`.
pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Command, String> {
    let (mut link, mut flows) =
        ("delay=25ms,rate=1mbit,queue=64KiB".to_owned(), "delay-aware+game".to_owned());
    let (mut seconds, mut settled, mut seed, mut json) = (60, 5, 0, false);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--link" => link = text(&argument, arguments.next())?,
            "--flows" => flows = text(&argument, arguments.next())?,
            "--seconds" => seconds = number(&argument, arguments.next(), 1..=LONGEST)?,
            "--settled" => settled = number(&argument, arguments.next(), 0..=LONGEST)?,
            "--first" => seed = number(&argument, arguments.next(), 0..=u64::MAX)?,
            "--json" => json = true,
            "--help" | "-h" => return Ok(Command::Help),
            other => return Err(format!("unknown argument `{other}`; {MISUSE}")),
        }
    }
    if settled >= seconds {
        return Err("--settled leaves nothing of --seconds".to_owned());
    }
    let names: Vec<_> = flows.split(',').map(ToOwned::to_owned).collect();
    let plan = RatePlan {
        profile: link.parse::<Profile>().map_err(|wrong| format!("--link: {wrong}"))?,
        flows: names.iter().map(|name| flow(name)).collect::<Result<_, _>>()?,
        length: Duration::from_secs(seconds),
        settled: Duration::from_secs(settled),
    };
    Ok(Command::Rate(Box::new(Rate { plan, names, seed, json })))
}

fn text(of: &str, value: Option<String>) -> Result<String, String> {
    value.ok_or_else(|| format!("{of} lacks a value"))
}

/// `delay-aware`, `cubic+game+from=5`.
fn flow(text: &str) -> Result<Flow, String> {
    let mut words = text.split('+');
    let name = words.next().unwrap_or_default();
    let known = CONTROLLERS.iter().find(|(known, _)| *known == name);
    let (_, congestion) =
        known.ok_or_else(|| format!("--flows: `{name}` is no controller; {MISUSE}"))?;
    let (begins, ends) = (Duration::ZERO, Duration::MAX);
    let congestion = *congestion;
    let mut flow = Flow { congestion, begins, ends, rests_at: None, bulk: true, game: false };
    for word in words {
        let at = |value: &str| {
            number("--flows", Some(value.to_owned()), 0..=LONGEST).map(Duration::from_secs)
        };
        match word.split_once('=') {
            None if word == "game" => flow.game = true,
            None if word == "game-only" => (flow.game, flow.bulk) = (true, false),
            Some(("from", value)) => flow.begins = at(value)?,
            Some(("until", value)) => flow.ends = at(value)?,
            Some(("rest", value)) => flow.rests_at = Some(at(value)?),
            _ => return Err(format!("--flows: unknown word `{word}`; {MISUSE}")),
        }
    }
    Ok(flow)
}

impl Rate {
    /// Runs it, and tells what came of it.
    pub(crate) fn told(&self, start: Instant) -> String {
        let figures = rate(start, self.seed, &self.plan);
        if self.json { self.to_json(&figures) } else { self.to_text(&figures) }
    }

    fn to_json(&self, figures: &RateFigures) -> String {
        let flows = self.names.iter().zip(&figures.flows).map(|(name, flow)| flow_json(name, flow));
        let timeline =
            figures.timeline.iter().enumerate().map(|(t, second)| second_json(t, second));
        Object::new()
            .text("link", &self.plan.profile.to_string())
            .value("seconds", &self.plan.length.as_secs())
            .value("wait_ms", &spread_json(figures.waits))
            .value("jain", &figures.jain())
            .list("flows", flows)
            .list("timeline", timeline)
            .end()
            + "\n"
    }

    fn to_text(&self, figures: &RateFigures) -> String {
        let mut told = match figures.waits {
            Some(Spread { p50, p95, max }) => format!(
                "packets wait for {p50:?} in the median, {p95:?} at 95 %, {max:?} at the most\n"
            ),
            None => "no packet passes a narrow place\n".to_owned(),
        };
        for (name, flow) in self.names.iter().zip(&figures.flows) {
            let FlowFigures { goodput, packets: (sent, lost), burst, .. } = flow;
            let mbit = goodput / 1e6;
            let game = match flow.game {
                Some(game) => format!("game updates {:?} at 95 %", game.p95),
                None => "no game updates".to_owned(),
            };
            // Writing to a string cannot fail.
            writeln!(
                told,
                "{name}: {mbit:.3} mbit/s; {game}; {sent} packets, {lost} lost, {burst} at once"
            )
            .ok();
        }
        told
    }
}

fn flow_json(name: &str, flow: &FlowFigures) -> String {
    Object::new()
        .text("name", name)
        .value("mbit_per_second", &(flow.goodput / 1e6))
        .value("game_ms", &spread_json(flow.game))
        .value("updates_sent", &flow.updates.0)
        .value("updates_taken", &flow.updates.1)
        .value("packets_sent", &flow.packets.0)
        .value("packets_lost", &flow.packets.1)
        .value("burst", &flow.burst)
        .value("burst_after_rest", &flow.burst_after_rest)
        .end()
}

/// Null of nothing, which no bound is met by.
fn spread_json(spread: Option<Spread>) -> String {
    spread.map_or_else(null, |Spread { p50, p95, max }| {
        Object::new()
            .value("p50", &millis(p50))
            .value("p95", &millis(p95))
            .value("max", &millis(max))
            .end()
    })
}

fn second_json(t: usize, second: &Second) -> String {
    Object::new()
        .value("t", &t)
        .value("wait_ms", &second.wait.map_or_else(null, |wait| millis(wait).to_string()))
        .value("mbit_per_second", &(second.goodput / 1e6))
        .end()
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn null() -> String {
    "null".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flows_are_read_and_what_is_none_is_told() {
        let read = flow("cubic+game+from=5+until=20").unwrap();
        assert_eq!(read.congestion, Congestion::Cubic);
        assert_eq!((read.begins.as_secs(), read.ends.as_secs()), (5, 20));
        assert!(read.bulk && read.game);
        assert!(!flow("new-reno+game-only").unwrap().bulk);
        for wrong in ["vegas", "cubic+fast", "cubic+from=soon", "cubic+from=-1"] {
            assert!(flow(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_nothing_was_measured_of_is_null() {
        let told = flow_json("cubic", &FlowFigures::default());
        assert!(told.contains(r#""game_ms":null,"updates_sent":0"#), "{told}");
        let told = second_json(3, &Second::default());
        assert!(told.starts_with(r#"{"t":3,"wait_ms":null,"#), "{told}");
    }
}
