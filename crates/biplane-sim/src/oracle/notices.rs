//! The delivery notices that one side asked for: one each, and true.

use std::{collections::BTreeMap, time::Instant};

use biplane_proto::Notice;
use biplane_wire::{ChannelId, ChannelKind};

use crate::NoticeBreach;

/// What one side asked for, and what it was told.
#[derive(Debug, Default)]
pub(super) struct Notices {
    /// By token; tokens count from 0.
    asked: Vec<Asked>,
    open: u64,
    /// Channels of which a false `Delivered` was told: more tell nothing new.
    told: BTreeMap<ChannelId, u64>,
}

/// A message whose sender wants to know.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) channel: ChannelId,
    /// Which of its channel.
    pub(super) index: u64,
    pub(super) kind: ChannelKind,
    /// Whether messages of its channel have a lifetime.
    pub(super) lives: bool,
    /// What was told of it, and when.
    pub(super) told: Option<(Instant, Notice)>,
}

impl Asked {
    /// Whether this may become of it while its session lives.
    const fn may_be(&self, notice: Notice) -> bool {
        match notice {
            Notice::Delivered => true,
            Notice::Superseded => !self.kind.is_reliable(),
            Notice::Lost | Notice::Expired => !self.kind.is_reliable() || self.lives,
        }
    }
}

impl Notices {
    /// The token of the next message.
    pub(super) const fn next_token(&self) -> u64 {
        self.asked.len() as u64
    }

    pub(super) fn ask(&mut self, asked: Asked) {
        self.open += 1;
        self.asked.push(asked);
    }

    /// How many have not come.
    pub(super) const fn open(&self) -> u64 {
        self.open
    }

    /// A notice came; `taken` says whether a message of a channel was.
    pub(super) fn tell(
        &mut self,
        now: Instant,
        token: u64,
        notice: Notice,
        taken: impl FnOnce(ChannelId, u64) -> bool,
    ) -> Result<(), NoticeBreach> {
        let place = usize::try_from(token).unwrap_or(usize::MAX);
        let asked = self.asked.get_mut(place).ok_or(NoticeBreach::Invented { token })?;
        if asked.told.is_some() {
            return Err(NoticeBreach::Repeated { token });
        }
        asked.told = Some((now, notice));
        self.open -= 1;
        if notice == Notice::Delivered && !taken(asked.channel, asked.index) {
            let told = self.told.entry(asked.channel).or_default();
            *told += 1;
            return if *told == 1 { Err(NoticeBreach::Untaken { token }) } else { Ok(()) };
        }
        Ok(())
    }

    /// The run is over, and the session left then: what is wrong with all that was told.
    pub(super) fn finish(
        &self,
        left: Option<Instant>,
        taken: impl Fn(ChannelId, u64) -> bool,
    ) -> impl Iterator<Item = NoticeBreach> {
        (0..).zip(&self.asked).filter_map(move |(token, asked)| {
            let Some((at, notice)) = asked.told else {
                return Some(NoticeBreach::Missing { token });
            };
            let never_left = matches!(notice, Notice::Expired | Notice::Superseded);
            if never_left && taken(asked.channel, asked.index) {
                return Some(NoticeBreach::Taken { token });
            }
            let at_the_end = notice == Notice::Lost && left == Some(at);
            let possible = at_the_end || asked.may_be(notice);
            (!possible).then_some(NoticeBreach::Impossible { token, notice })
        })
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    fn asked(kind: ChannelKind) -> Notices {
        let mut notices = Notices::default();
        let channel = ChannelId::new(0).unwrap();
        notices.ask(Asked { channel, index: 0, kind, lives: false, told: None });
        notices
    }

    #[test]
    fn each_is_told_once_and_truly() {
        let now = Instant::now();
        let mut notices = asked(ChannelKind::Unreliable);
        let tell = |notices: &mut Notices, token, notice, taken| {
            notices.tell(now, token, notice, |_, _| taken)
        };
        let delivered = Notice::Delivered;
        assert_eq!(
            tell(&mut notices, 7, delivered, true),
            Err(NoticeBreach::Invented { token: 7 })
        );
        let missing = NoticeBreach::Missing { token: 0 };
        assert_eq!(notices.finish(None, |_, _| true).collect::<Vec<_>>(), [missing]);
        assert_eq!(tell(&mut notices, 0, delivered, true), Ok(()));
        assert_eq!(
            tell(&mut notices, 0, Notice::Lost, true),
            Err(NoticeBreach::Repeated { token: 0 })
        );
        assert_eq!(
            tell(&mut asked(ChannelKind::Command), 0, delivered, false),
            Err(NoticeBreach::Untaken { token: 0 })
        );
    }

    #[test]
    fn what_cannot_become_of_a_message_is_found_in_the_end() {
        let now = Instant::now();
        let later = now + Duration::from_secs(1);
        for (kind, notice, left, taken, wrong) in [
            (ChannelKind::Command, Notice::Lost, later, false, true),
            (ChannelKind::Command, Notice::Lost, now, false, false),
            (ChannelKind::ReliableOrdered, Notice::Expired, now, false, true),
            (ChannelKind::Unreliable, Notice::Lost, later, true, false),
            (ChannelKind::Unreliable, Notice::Superseded, later, true, true),
            (ChannelKind::Sequenced, Notice::Superseded, later, false, false),
        ] {
            let mut notices = asked(kind);
            notices.tell(now, 0, notice, |_, _| taken).unwrap();
            let found = notices.finish(Some(left), |_, _| taken).count();
            assert_eq!(found, usize::from(wrong), "{kind} {notice:?}");
        }
    }
}
