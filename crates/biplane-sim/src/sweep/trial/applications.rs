//! What the applications of a run do: send what is due, look at their sessions, echo calls.

use core::time::Duration;
use std::time::Instant;

use biplane_proto::{Call, Event, Reply, SendError, SendOptions};
use biplane_wire::{ChannelId, ChannelKind};
use bytes::Bytes;

use super::Trial;
use crate::{SessionBreach, Side, Work, stamp};

/// Stalls of the control connection in a sweep are shorter than this.
const REQUEST_DEADLINE: Duration = Duration::from_secs(60);
/// Of so many messages the notice is asked for, where the channel offers it.
const NOTED: f64 = 0.25;
/// So many messages of data channels come after the commands before them.
const AFTER_COMMANDS: f64 = 0.1;

impl Trial {
    /// Once a virtual second, the figures of every session go into the words of a replay.
    fn remark(&mut self) {
        if self.plan.in_words && self.remarks_at <= self.world.now() {
            self.remarks_at += Duration::from_secs(1);
            self.world.remark_figures();
        }
    }

    /// Goes on until `until`, the applications looking at their sessions as often as they do.
    pub(super) fn go_on(&mut self, until: Instant) {
        let every = self.conditions.takes_every;
        if every.is_zero() {
            while self.world.step(until) {
                self.watch_ordeal();
                self.tend_all();
            }
            return;
        }
        while self.world.now() < until {
            while self.world.step(until.min(self.tick)) {
                self.watch_ordeal();
            }
            if self.tick <= self.world.now() {
                self.tick += every;
                self.tend_all();
            }
        }
    }

    pub(super) fn tend_all(&mut self) {
        self.remark();
        for side in self.world.sides() {
            self.tend(side);
        }
    }

    /// One look of an application at its session: events, answers, messages.
    fn tend(&mut self, side: Side) {
        let now = self.world.now();
        while let Some(event) = self.world.poll_event(side) {
            self.oracle.event(now, side, &event);
            self.react(side, event);
        }
        for answered in self.world.take_answers(side) {
            // A session that has to end answers nothing more.
            if answered.outcome.is_ok() || !self.is_doomed() {
                self.oracle.answered(now, side, &answered);
            }
        }
        let mut taken = self.world.take_all(side);
        let has_read = !taken.is_empty();
        self.hear(side, &taken);
        if self.left.contains_key(&side) {
            // What a session says of its channels is not believed once it is over.
            taken.extend(self.take_whatever(side));
        }
        for (channel, message) in &taken {
            self.oracle.taken(now, side, *channel, message);
        }
        if has_read {
            self.oracle.drained(now, side, true);
        }
    }

    fn take_whatever(&mut self, side: Side) -> Vec<(ChannelId, Bytes)> {
        let channels: Vec<_> = self.world.protocol().kinds().map(|(id, _)| id).collect();
        let world = &mut self.world;
        let taken = channels.into_iter().map(|id| world.take(side, id).map(|bytes| (id, bytes)));
        taken.flatten().collect()
    }

    fn react(&mut self, side: Side, event: Event) {
        match event {
            Event::Called(call) => self.answer(side, &call),
            Event::Left(reason) => {
                self.left.entry(side).or_insert(reason);
            }
            Event::Planes(_) => self.counts.plane_changes += 1,
            Event::Readable | Event::Writable | Event::Noted(..) | _ => {}
        }
    }

    /// Echoes a call, backwards.
    fn answer(&mut self, side: Side, call: &Call) {
        let echo: Bytes = call.payload.iter().rev().copied().collect();
        self.oracle.replied(side, call.id, echo.clone());
        if let Err(error) = self.world.reply(side, call.id, Reply::Answer(echo)) {
            let breach = SessionBreach::Refused(error);
            self.oracle.session_breach(self.world.now(), side, breach);
        }
    }

    /// Sends what is due at `side`.
    pub(super) fn work(&mut self, side: Side) {
        let now = self.world.now();
        let work = self.traffic.get_mut(&side).map(|traffic| traffic.work(now));
        // Time goes on for an application whose session is over; it sends nothing more.
        if self.world.session(side).is_none_or(biplane_proto::Session::is_closed) {
            // Nothing of it is due any more, or time would stand still for that.
            self.traffic.remove(&side);
            return;
        }
        for work in work.into_iter().flatten() {
            match work {
                Work::Message(channel, len) => self.send(now, side, channel, len),
                Work::Request(kind, len) => self.ask(side, kind, len),
                Work::Flush => self.world.flush(side),
            }
        }
    }

    fn send(&mut self, now: Instant, side: Side, channel: ChannelId, len: usize) {
        let index = self.oracle.next_index(side, channel);
        let bytes = stamp(index, len, &mut self.rng);
        let how = self.draw_options(side, channel);
        let sent = self.world.send_with(side, channel, bytes.clone(), how);
        self.counts.refused += u64::from(sent == Err(SendError::QueueFull));
        self.oracle.sent(now, side, channel, (bytes, sent));
        if sent.is_ok() && how.notice.is_some() {
            self.oracle.noted(side, channel);
        }
        if sent.is_ok() && how.after_commands {
            self.oracle.sent_after(side, channel);
        }
    }

    /// What is asked of a message beside its channel's promise.
    fn draw_options(&mut self, side: Side, channel: ChannelId) -> SendOptions {
        let config = self.world.protocol().channels.get(channel.index());
        let (Some(config), Some(traffic)) = (config, self.traffic.get_mut(&side)) else {
            return SendOptions::default();
        };
        let noted = config.notify && traffic.options().chance(NOTED);
        let data = config.kind != ChannelKind::Command;
        SendOptions {
            notice: noted.then(|| self.oracle.next_token(side)),
            after_commands: data && traffic.options().chance(AFTER_COMMANDS),
        }
    }

    fn ask(&mut self, side: Side, kind: u8, len: usize) {
        let mut payload = vec![0; len];
        self.rng.fill(&mut payload);
        let payload = Bytes::from(payload);
        match self.world.request(side, kind, payload.clone(), REQUEST_DEADLINE) {
            Ok(id) => self.oracle.asked(side, id, kind, payload),
            Err(SendError::QueueFull) => self.counts.refused += 1,
            Err(error) => {
                let breach = SessionBreach::Refused(error);
                self.oracle.session_breach(self.world.now(), side, breach);
            }
        }
    }
}
