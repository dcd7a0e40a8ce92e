//! `biplane probe`: one step a line as it is taken, and after the first that fails what to do.

mod advice;
mod document;

use std::{
    io::{IsTerminal, stdout},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow, bail};
use biplane::{Client, Diagnosis, DiagnosisConfig, Link, Pending, Planes, Protocol, Step, Trouble};

use self::document::{Document, Line};
use crate::{
    cli::Probe,
    live::Live,
    output,
    system::{self, Stop},
};

/// How often a signal is looked for.
const LOOK: Duration = Duration::from_millis(20);
/// How long a path may be asked.
const RANGE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// Runs the command; what did not hold.
pub(crate) fn run(probe: &Probe) -> Result<Vec<String>> {
    let link: Link = probe.join.parse().map_err(|error| anyhow!("--join: {error}"))?;
    if !(RANGE.0..=RANGE.1).contains(&probe.lasting) {
        bail!("--for is 1s to 60s");
    }
    system::raise_open_files();
    let stop = Stop::on_signals()?;
    let (teller, told) = channel();
    let config = DiagnosisConfig::default()
        .lasting(probe.lasting)
        .any_protocol()
        .on_step(move |report| drop(teller.send(Line::of(report))));
    // It knows nobody's protocol, so it is told the server's.
    let protocol = Protocol::new("biplane probe", 1);
    let diagnosing = Client::diagnose_with(&link, &protocol, config);
    let (lines, diagnosis) = Watching::new(probe).watch(&told, diagnosing, &stop);
    match &diagnosis {
        Some(diagnosis) => conclude(probe, diagnosis)?,
        None if probe.json => output::json(&Document::cut_short(lines))?,
        None => {}
    }
    Ok(diagnosis.map_or_else(|| vec!["interrupted".to_owned()], |diagnosis| failed(&diagnosis)))
}

/// What is told meanwhile, and where.
struct Watching {
    is_json: bool,
    marks: [&'static str; 2],
    live: Live,
    start: Instant,
    lines: Vec<Line>,
}

impl Watching {
    fn new(probe: &Probe) -> Self {
        let is_for_people = !probe.json && stdout().is_terminal();
        Self {
            is_json: probe.json,
            marks: if is_for_people { ["✓", "✗"] } else { ["ok    ", "failed"] },
            live: Live::on_terminal(),
            start: Instant::now(),
            lines: Vec::new(),
        }
    }

    /// Tells each step until the last, or until a signal: then there is no diagnosis.
    fn watch(
        mut self,
        told: &Receiver<Line>,
        mut diagnosing: Pending<Diagnosis>,
        stop: &Stop,
    ) -> (Vec<Line>, Option<Diagnosis>) {
        while !stop.is_raised() {
            match told.recv_timeout(LOOK) {
                Ok(line) => self.tell(line),
                Err(RecvTimeoutError::Timeout) => self.show(),
                // The last step was told; what is left is to say goodbye to the server.
                Err(RecvTimeoutError::Disconnected) => std::thread::sleep(LOOK),
            }
            if let Some(diagnosis) = diagnosing.try_take() {
                told.try_iter().for_each(|line| self.tell(line));
                return (self.lines, Some(diagnosis));
            }
        }
        self.live.clear();
        (self.lines, None)
    }

    fn tell(&mut self, line: Line) {
        self.live.clear();
        let [held, failed] = self.marks;
        let mark = if line.ok == Some(true) { held } else { failed };
        let name = line.name;
        let detail = line.detail.as_deref().unwrap_or_default();
        // Nothing is lost that the end does not tell.
        output::beside(self.is_json, &format!("{mark} {name:<9}  {detail}")).ok();
        self.lines.push(line);
    }

    fn show(&mut self) {
        let next = Step::ALL.get(self.lines.len()).copied().unwrap_or(Step::Loss);
        let seconds = self.start.elapsed().as_secs();
        self.live.show(Instant::now(), || format!("{next} … {seconds} s"));
    }
}

/// Says what is to be done, or how it flies; or all of it as JSON.
fn conclude(probe: &Probe, diagnosis: &Diagnosis) -> Result<()> {
    let trouble = diagnosis.first_trouble();
    if let Some((_, Trouble::Connect(error))) = trouble
        && error.step().is_none()
    {
        bail!("{error}");
    }
    let advice = trouble.map(|(step, trouble)| advice::on(step, trouble));
    let last = match (advice, diagnosis.planes) {
        (Some(advice), _) => advice,
        (None, planes) => {
            let longest = diagnosis.mtu.unwrap_or_default();
            format!(
                "a session flies on {}, in datagrams of up to {longest} bytes",
                in_words(planes)
            )
        }
    };
    if probe.json {
        output::tell(&format!("\n{last}"));
        return output::json(&Document::of(diagnosis));
    }
    output::say(format_args!("\n{last}"))
}

const fn in_words(planes: Option<Planes>) -> &'static str {
    match planes {
        Some(Planes::Both) => "both planes",
        Some(Planes::ControlOnly) => "TCP alone",
        Some(Planes::DataOnly) => "UDP alone",
        Some(_) | None => "neither plane",
    }
}

/// The names of the steps that did not hold.
fn failed(diagnosis: &Diagnosis) -> Vec<String> {
    let failed = diagnosis.steps.iter().filter(|report| report.outcome.held() == Some(false));
    failed.map(|report| report.step.to_string()).collect()
}
