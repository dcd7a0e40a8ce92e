//! What a server tells at its end.

use std::time::Instant;

use super::LobbyServer;
use crate::{
    figures,
    pace::Ticks,
    report::{Process, Resident, ServerReport, Tick},
    system,
};

/// The report of a server that has closed; its ticks ended at `over`.
pub(super) fn report(server: &LobbyServer, ticks: &Ticks, over: Instant) -> ServerReport {
    let stats = server.server.stats();
    ServerReport {
        seconds: over.saturating_duration_since(server.began).as_secs_f64(),
        sessions: figures::sessions(&stats),
        datagrams: figures::dropped(&stats),
        receivers: figures::receivers(&stats),
        senders: figures::senders(&stats),
        commands: server.lobby.commands(),
        tick: Tick {
            rate_hz: ticks.rate_hz(over),
            p99_ms: ticks.p99_ms(),
            over_budget: ticks.over_budget(),
        },
        process: Process {
            cpu_seconds: system::cpu_time().as_secs_f64(),
            rss_bytes: Resident::between(server.memory, system::memory()),
            // Those that the library contained went through the hook as well.
            panics: system::panics(),
        },
        timeline: server.history.moments().to_vec(),
    }
}
