//! What an application can take of a session's events, as told without the session's lock.
//!
//! Most that happens is that messages can be read, over and over. That is taken here: the session,
//! for whose lock nobody asks then, hears of it from whoever holds the lock next.

use biplane_proto::Session;

use crate::sync::atomic::{AtomicU64, Ordering};

const NOTHING: u64 = 0;
/// Messages can be read, and nothing else happened.
const READABLE: u64 = 1;
/// The same, and it was taken.
const TAKEN: u64 = 2;
const MORE: u64 = 3;

/// Whether there is something.
#[derive(Debug, Default)]
pub(super) struct News(AtomicU64);

/// What was found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Found {
    /// There is nothing.
    Nothing,
    /// Messages can be read; that is taken.
    Readable,
    /// The session knows.
    More,
}

impl News {
    /// Says what `session`, whose lock is held, has now. What was taken under this hold of the lock is
    /// told once more: whoever took it may have looked for messages before these came.
    pub(super) fn follow(&self, session: &Session) {
        let news = match (session.has_event(), session.is_just_readable()) {
            (false, _) => NOTHING,
            (true, true) => READABLE,
            (true, false) => MORE,
        };
        self.0.store(news, Ordering::Release);
    }

    /// Has `session`, whose lock was just taken, know of what was taken.
    pub(super) fn hand_on(&self, session: &mut Session) {
        if self.0.load(Ordering::Acquire) == TAKEN {
            let event = session.poll_event();
            debug_assert!(matches!(event, Some(biplane_proto::Event::Readable)), "{event:?}");
            self.0.store(NOTHING, Ordering::Release);
        }
    }

    /// Whether something can be taken.
    pub(super) fn is_there(&self) -> bool {
        !matches!(self.0.load(Ordering::Acquire), NOTHING | TAKEN)
    }

    /// Takes what can be taken.
    pub(super) fn take(&self) -> Found {
        match self.0.load(Ordering::Acquire) {
            NOTHING | TAKEN => Found::Nothing,
            READABLE => {
                let taken =
                    self.0.compare_exchange(READABLE, TAKEN, Ordering::AcqRel, Ordering::Acquire);
                if taken.is_ok() { Found::Readable } else { Found::More }
            }
            _ => Found::More,
        }
    }
}
