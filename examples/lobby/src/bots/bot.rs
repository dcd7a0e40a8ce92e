//! A bot between and in its sessions: it joins, and joins again when a session ends without its
//! doing.

use std::time::{Duration, Instant};

use biplane::{Client, ConnectError, Pending, Planes};

use super::{
    Step,
    backoff::Backoff,
    online::{Online, State},
    persona::Persona,
    tally::Tally,
};

/// One bot.
#[derive(Debug)]
pub(super) struct Bot {
    pub(super) persona: Persona,
    stage: Stage,
    backoff: Backoff,
    /// When it first asked to join.
    knocked_at: Option<Instant>,
    has_joined: bool,
    /// When its last session ended without its doing, until it is back.
    lost_at: Option<Instant>,
    /// A session ended without its doing since its planes were asked for.
    was_lost: bool,
}

#[derive(Debug)]
enum Stage {
    Away { until: Instant },
    Joining(Pending<Result<Client, ConnectError>>),
    Online(Box<Online>),
    Done,
}

impl Bot {
    /// A bot that starts to join at `start`.
    pub(super) fn new(persona: Persona, start: Instant) -> Self {
        Self {
            persona,
            stage: Stage::Away { until: start },
            backoff: Backoff::default(),
            knocked_at: None,
            has_joined: false,
            lost_at: None,
            was_lost: false,
        }
    }

    /// One tick of its life.
    ///
    /// # Errors
    ///
    /// Why it could not join, if nobody ever did: then the run makes no sense.
    pub(super) fn step(&mut self, step: &Step<'_>, tally: &mut Tally) -> Result<(), ConnectError> {
        match &mut self.stage {
            Stage::Away { .. } if step.is_closing => self.stage = Stage::Done,
            Stage::Away { until } if step.now >= *until => {
                self.knocked_at.get_or_insert(step.now);
                self.stage = Stage::Joining(step.connect());
            }
            Stage::Joining(_) => return self.try_to_join(step, tally),
            Stage::Online(online) => match online.step(step, &mut self.persona, tally) {
                State::Flying => {}
                State::Finished => self.end(step.now, tally, Stage::Done),
                State::Broken => self.lose(step, tally),
            },
            Stage::Away { .. } | Stage::Done => {}
        }
        Ok(())
    }

    /// Looks whether it was admitted; may be called more often than once a tick.
    ///
    /// # Errors
    ///
    /// Why it could not join, if nobody ever did: then the run makes no sense.
    pub(super) fn try_to_join(
        &mut self,
        step: &Step<'_>,
        tally: &mut Tally,
    ) -> Result<(), ConnectError> {
        let Stage::Joining(session) = &mut self.stage else { return Ok(()) };
        match session.try_take() {
            None if step.is_closing => self.stage = Stage::Done,
            None => {}
            Some(Ok(client)) => self.admitted(client, step.now, tally),
            Some(Err(error)) => return self.refused(error, step, tally),
        }
        Ok(())
    }

    /// Whether it waits for admission.
    pub(super) const fn is_joining(&self) -> bool {
        matches!(self.stage, Stage::Joining(_))
    }

    /// Whether it will never do anything again.
    pub(super) const fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Done)
    }

    /// Whether the server has yet to say what it saw of the bot's commands.
    pub(super) fn asks(&self) -> bool {
        matches!(&self.stage, Stage::Online(online) if online.asks())
    }

    /// What it flies on; neither plane, if it has no session.
    pub(super) fn planes(&self) -> Planes {
        match &self.stage {
            Stage::Online(online) => online.planes(),
            Stage::Away { .. } | Stage::Joining(_) | Stage::Done => Planes::Lost,
        }
    }

    /// The worst that it has flown on since this was asked last; neither plane, if a session of its
    /// own ended meanwhile.
    pub(super) fn take_worst_planes(&mut self) -> Planes {
        let was_lost = std::mem::take(&mut self.was_lost);
        match &mut self.stage {
            Stage::Online(online) if was_lost => {
                online.take_worst();
                Planes::Lost
            }
            Stage::Online(online) => online.take_worst(),
            Stage::Away { .. } | Stage::Joining(_) | Stage::Done => Planes::Lost,
        }
    }

    /// Adds a sample of its round trip.
    pub(super) fn sample(&self, tally: &mut Tally) {
        if let Stage::Online(online) = &self.stage {
            online.sample(tally);
        }
    }

    /// Time is up: whatever it was doing.
    pub(super) fn stop(&mut self, now: Instant, tally: &mut Tally) {
        self.end(now, tally, Stage::Done);
    }

    fn admitted(&mut self, client: Client, now: Instant, tally: &mut Tally) {
        self.backoff.reset();
        if !self.has_joined {
            self.has_joined = true;
            let knocked_at = self.knocked_at.unwrap_or(now);
            tally.entries.joined(now, now.saturating_duration_since(knocked_at));
        }
        if let Some(lost_at) = self.lost_at.take() {
            tally.entries.rejoined(now.saturating_duration_since(lost_at));
        }
        self.stage = Stage::Online(Box::new(Online::new(client, now, &self.persona)));
    }

    fn refused(
        &mut self,
        error: ConnectError,
        step: &Step<'_>,
        tally: &mut Tally,
    ) -> Result<(), ConnectError> {
        let mut asked = None;
        if let ConnectError::Refused { retry_after, .. } = &error {
            asked = *retry_after;
            tally.entries.rejected();
        } else if tally.entries.count() == 0 && !step.is_closing {
            // Nobody has ever been there: there is nothing to come back to.
            return Err(error);
        }
        tracing::info!(%error, "a bot could not join");
        self.wait(step.now, asked);
        Ok(())
    }

    fn lose(&mut self, step: &Step<'_>, tally: &mut Tally) {
        tally.entries.disconnected();
        self.lost_at = Some(step.now);
        self.was_lost = true;
        self.end(step.now, tally, Stage::Done);
        self.wait(step.now, None);
    }

    fn wait(&mut self, now: Instant, asked: Option<Duration>) {
        let wait = self.backoff.next(self.persona.brain.chance(), asked);
        self.stage = Stage::Away { until: now + wait };
    }

    fn end(&mut self, now: Instant, tally: &mut Tally, stage: Stage) {
        if let Stage::Online(online) = &self.stage {
            online.settle(now, tally);
        }
        self.stage = stage;
    }
}
