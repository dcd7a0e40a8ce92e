//! What happened in all runs that were judged.

use core::{fmt, time::Duration};

use biplane_sim::{Datagrams, Drain, OrdealFigures, Outcome, Traffic, Wraps};

use crate::json::Object;

/// The sums over the figures of runs, and the worst of some.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    virtual_time: Duration,
    sent: u64,
    taken: [u64; Traffic::KINDS.len()],
    refused: u64,
    datagrams: Datagrams,
    /// The longest that everything owed took to come, as a share of what it may take.
    slowest_drain: f64,
    passed: Wraps,
    resumes: u64,
    ordeal: OrdealFigures,
}

impl Totals {
    pub(crate) fn add(&mut self, outcome: &Outcome) {
        let figures = &outcome.figures;
        self.virtual_time += outcome.virtual_time;
        self.sent += figures.sent;
        for (sum, taken) in self.taken.iter_mut().zip(figures.taken) {
            *sum += taken;
        }
        self.refused += figures.refused;
        self.datagrams.add(&figures.datagrams);
        let Drain { took, bound, .. } = figures.drain;
        if !bound.is_zero() {
            let share = took.as_secs_f64() / bound.as_secs_f64();
            self.slowest_drain = self.slowest_drain.max(share);
        }
        self.passed.packets += figures.passed.packets;
        self.passed.messages += figures.passed.messages;
        self.passed.records += figures.passed.records;
        self.passed.requests += figures.passed.requests;
        self.resumes += figures.resumes;
        self.ordeal.add(&figures.ordeal);
    }

    fn messages(&self) -> u64 {
        self.taken.iter().sum()
    }

    /// Adds them to a report.
    pub(crate) fn add_to(&self, document: Object) -> Object {
        let drops = self.datagrams.drops.iter().filter(|(_, count)| *count > 0);
        let drops =
            drops.fold(Object::new(), |all, (reason, count)| all.value(reason.name(), &count));
        let taken = Traffic::KINDS.iter().zip(&self.taken);
        let taken = taken.fold(Object::new(), |all, (kind, count)| all.value(kind.name(), count));
        let Wraps { packets, messages, records, requests } = &self.passed;
        let passed = Object::new()
            .value("packets", packets)
            .value("messages", messages)
            .value("records", records)
            .value("requests", requests);
        document
            .value("virtual_seconds", &self.virtual_time.as_secs_f64())
            .value("messages_sent", &self.sent)
            .value("messages", &self.messages())
            .value("messages_taken", &taken.end())
            .value("refused", &self.refused)
            .value("packets", &self.datagrams.sent)
            .value("loss", &self.datagrams.loss())
            .value("datagrams", &self.datagrams.arrived)
            .value("datagrams_replayed", &self.datagrams.replayed)
            .value("drops", &drops.end())
            .value("slowest_drain", &self.slowest_drain)
            .value("wraps_passed", &passed.end())
            .value("resumes", &self.resumes)
            .value("heals", &self.ordeal.heals)
            .value("ended", &self.ordeal.ended)
            .value("slowest_resume", &self.ordeal.slowest_resume.as_secs_f64())
            .value("slowest_heal", &self.ordeal.slowest_heal.as_secs_f64())
            .value("moves", &self.ordeal.moves)
            .value("moves_followed", &self.ordeal.followed)
            .value("questions", &self.ordeal.questions.asked)
            .value("forged", &self.ordeal.questions.forged)
            .value("questions_to_forged", &self.ordeal.questions.of_victims)
            .value("longest_pause", &self.ordeal.pause.share())
            .value("narrowed", &self.ordeal.narrows.narrowed)
            .value("noticed", &self.ordeal.narrows.noticed)
            .value("slowest", &self.ordeal.narrows.slowest.as_secs_f64())
            .value("longest_beyond_grace", &self.ordeal.beyond_grace.as_secs_f64())
            .value("longest_half_open", &self.ordeal.half_open.as_secs_f64())
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sent, refused, .. } = self;
        let Datagrams { sent: packets, arrived: datagrams, .. } = self.datagrams;
        let messages = self.messages();
        write!(f, "{:.0} virtual seconds, ", self.virtual_time.as_secs_f64())?;
        write!(f, "{sent} messages sent, {messages} taken, {refused} refused, ")?;
        write!(f, "{packets} packets, {datagrams} datagrams, {} resumes, ", self.resumes)?;
        write!(f, "drained in {:.0} % of the time allowed at the most", self.slowest_drain * 100.0)
    }
}
