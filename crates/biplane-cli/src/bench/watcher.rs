//! Shows how a run is going, ends it on a signal, and holds the link that it goes over.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, Result};
use biplane::Link;
use biplane_link::{Relay, RelayConfig, RelayStats};
use biplane_load::{Plan, Progress, Stage, Watch, Work};
use biplane_sim::Profile;
use indicatif::{ProgressBar, ProgressStyle};

use super::summary::{count, rate};
use crate::system::Stop;

const STYLE: &str = "{wide_bar} {msg}";

/// Watches one run.
#[derive(Debug)]
pub(super) struct Watcher {
    plan: Plan,
    profile: Option<Profile>,
    relay: Option<Relay>,
    stop: Stop,
    bar: ProgressBar,
}

impl Watcher {
    /// The bar is on standard error, and there only where that is a terminal.
    pub(super) fn new(plan: &Plan, profile: Option<Profile>, stop: Stop) -> Self {
        let bar = ProgressBar::new(millis(plan.time));
        if let Ok(style) = ProgressStyle::with_template(STYLE) {
            bar.set_style(style);
        }
        Self { plan: *plan, profile, relay: None, stop, bar }
    }

    /// Takes the bar away, and the link; what that carried.
    pub(super) fn end(self) -> Option<RelayStats> {
        self.bar.finish_and_clear();
        self.relay.map(Relay::stop)
    }
}

impl Watch for Watcher {
    fn progress(&mut self, progress: Progress) {
        let Progress { elapsed, joined, messages, .. } = progress;
        let clients = self.plan.clients;
        let joining = || format!("{joined} of {clients} clients have joined");
        let message = match progress.stage {
            Stage::Joining => joining(),
            Stage::Working if matches!(self.plan.work, Work::Connect) => joining(),
            Stage::Working => {
                self.bar.set_position(millis(elapsed));
                format!("{:.1} s, {}/s", elapsed.as_secs_f64(), count(rate(messages, elapsed)))
            }
            _ => "what is under way".to_owned(),
        };
        self.bar.set_message(message);
    }

    fn served(&mut self, address: &str) -> Result<String> {
        let Some(profile) = self.profile.take() else { return Ok(address.to_owned()) };
        let link: Link = address.parse()?;
        let to = SocketAddr::new(link.host.parse()?, link.port);
        let config = RelayConfig::new(SocketAddr::new(to.ip(), 0), to).profile(profile);
        let relay = Relay::start(&config).context("the link")?;
        let here = relay.address();
        self.relay = Some(relay);
        Ok(Link { host: here.ip().to_string(), port: here.port(), ..link }.to_string())
    }

    fn is_stopped(&mut self) -> bool {
        self.stop.is_raised()
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
