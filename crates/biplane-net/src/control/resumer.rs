//! A client's session, seen through: when its control connection is lost, or takes nothing, another
//! takes its place.
//!
//! The server is dialed where it was first reached, at once and then with back-off, for as long as
//! the session may be resumed. A connection that takes nothing is left alone until TLS stands on the
//! one beside it.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use biplane_proto::{Accepting, Agreement, Dialing, JoinError, redial};
use biplane_wire::{Description, Parameters, ReceiveId};
use tokio::time::timeout;

use super::{
    attacher,
    block::Block,
    connection::{self, Connection},
    dialer::{Welcomed, ask, attempt, broken, no_randomness, shake_hands},
    presence::Presence,
    spawn, terms,
};
use crate::{
    ConnectError, Link, Slot, Step, clock,
    hub::Hub,
    limits,
    slot::{Attached, Standing},
    slots::{Reservation, random},
};

/// Where a session came from, and will come from again.
pub(super) struct Origin {
    /// The address that answered first.
    pub(super) remote: SocketAddr,
    /// A round trip to it.
    pub(super) rtt: Duration,
    pub(super) link: Link,
    pub(super) description: Description,
}

/// Keeps a session connected.
struct Resumer {
    hub: Arc<Hub>,
    slot: Arc<Slot>,
    origin: Arc<Origin>,
    presence: Presence,
    patience: Patience,
}

/// How long to wait before the next try.
#[derive(Debug, Default)]
pub(super) struct Patience {
    /// Tries since a connection lasted.
    tries: u32,
    /// When the last of them began.
    tried: Option<Instant>,
    /// When the last connection began, if no other was wanted since.
    began: Option<Instant>,
}

/// Serves a new session's connection, and those that take its place, until none will any more.
pub(super) async fn see_through(
    hub: Arc<Hub>,
    welcomed: Welcomed,
    origin: Origin,
    presence: Presence,
) {
    let slot = Arc::clone(welcomed.attached.slot());
    let origin = Arc::new(origin);
    drop(tokio::spawn(attacher::keep(Arc::clone(&slot), Arc::clone(&origin))));
    let mut resumer = Resumer { hub, slot, origin, presence, patience: Patience::default() };
    resumer.serve(welcomed);
    while resumer.slot.connections().lacks_one().await {
        let pause = resumer.patience.next(clock::now(), random().map_or(0, u32::from_ne_bytes));
        // What a try takes is for a moment, a session for long.
        let replacing = Box::pin(resumer.replace(pause));
        let welcomed = tokio::select! {
            welcomed = replacing => welcomed,
            () = resumer.slot.connections().done() => return,
        };
        if let Some(welcomed) = welcomed {
            resumer.serve(welcomed);
        }
    }
}

impl Resumer {
    /// Serves a connection, beside everything else.
    fn serve(&mut self, Welcomed { stream, attached, early }: Welcomed) {
        self.patience.on_connected(clock::now());
        let present = self.presence.enter();
        let meter = Arc::clone(stream.get_ref().0.meter());
        let connection = Connection { stream, attached, meter, first: Vec::new(), early };
        spawn(&self.hub, connection::run(connection, present));
    }

    /// Tries once, after `pause`, unless the session has recovered by then.
    async fn replace(&self, pause: Duration) -> Option<Welcomed> {
        clock::rest(pause).await;
        if self.slot.connections().standing() == Standing::Served {
            return None;
        }
        let (session, remote) = (self.slot.id(), self.origin.remote);
        match timeout(redial::patience(self.origin.rtt), self.dial()).await {
            Ok(Ok(welcomed)) => welcomed,
            Ok(Err(error)) => {
                tracing::debug!(%session, %remote, %error, "no other control connection");
                None
            }
            Err(_) => {
                tracing::debug!(%session, %remote, "no other control connection in time");
                None
            }
        }
    }

    /// Another connection, which is the session's then; none if the session has no use for it.
    async fn dial(&self) -> Result<Option<Welcomed>, ConnectError> {
        let Origin { remote, link, description, .. } = &*self.origin;
        let broken = |source| broken(Step::Admission, *remote, source);
        let mut stream = shake_hands(attempt(*remote).await?, link).await?;
        let binding = terms::binding(stream.get_ref().1).map_err(broken)?;
        let reservation = self.hub.slots().reserve_another().map_err(|_| no_randomness())?;
        let Some(parameters) = self.give_up_the_last(&binding, reservation.receive_id()) else {
            return Ok(None);
        };
        let dialing = Dialing::resume(description.clone(), terms::aeads().to_vec(), parameters);
        let Block { bytes, rest: early } = ask(&mut stream, dialing.hello(), *remote).await?;
        let Some(agreement) = self.agree(&dialing, &bytes)? else { return Ok(None) };
        let secret = terms::secret(stream.get_ref().1, &agreement).map_err(broken)?;
        let attached = self.go_on(reservation, &agreement, &secret);
        Ok(attached.map(|attached| Welcomed { stream, attached, early }))
    }

    /// What the hello says, if another connection is wanted still.
    fn give_up_the_last(&self, binding: &[u8; 32], receive_id: ReceiveId) -> Option<Parameters> {
        self.slot.with(|now, session| {
            let is_wanted = session.control_is_lost() || session.wants_replacement();
            is_wanted.then(|| session.begin_resume(now, binding, receive_id)).flatten()
        })
    }

    /// What the answer says; nothing if the server knows the session no more, which ends it.
    fn agree(&self, dialing: &Dialing, answer: &[u8]) -> Result<Option<Agreement>, JoinError> {
        match dialing.handle_answer(answer) {
            Ok(agreement) => Ok(Some(agreement)),
            Err(JoinError::Refused { code: Accepting::NO_SUCH_SESSION, text, .. }) => {
                self.slot.with(|now, session| session.handle_resume_refused(now, &text));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn go_on(
        &self,
        reservation: Reservation,
        agreement: &Agreement,
        secret: &[u8; 32],
    ) -> Option<Attached> {
        let now = clock::now();
        let resumed = self.slot.resume(now, reservation, |session| {
            session.resume(now, agreement, secret).map(|epoch| (epoch, ())).ok_or(())
        });
        let (attached, ()) = resumed.ok()?;
        self.hub.counters().resumed();
        tracing::debug!(session = %self.slot.id(), "session resumed");
        Some(attached)
    }
}

impl Patience {
    /// A connection stands.
    pub(super) const fn on_connected(&mut self, now: Instant) {
        self.began = Some(now);
    }

    /// The pause before the next try, counted from the beginning of the last. One that lasted is
    /// replaced at once; what breaks again and again is tried ever more rarely. `random` spreads
    /// those who lost theirs together.
    pub(super) fn next(&mut self, now: Instant, random: u32) -> Duration {
        let lasted = |began| now.saturating_duration_since(began) >= limits::RESUME_BACK_OFF.1;
        if self.began.take().is_some_and(lasted) {
            self.tries = 0;
        }
        let distance = redial::distance(self.tries, f64::from(random) / f64::from(u32::MAX));
        let due = self.tried.filter(|_| self.tries > 0).unwrap_or(now) + distance;
        self.tries = self.tries.saturating_add(1);
        self.tried = Some(due.max(now));
        due.saturating_duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pauses in a row, each try taking no time; with the least of what is random, or the most.
    fn pauses(count: usize, random: u32) -> Vec<u128> {
        let (mut now, mut patience) = (Instant::now(), Patience::default());
        let mut pause = || {
            let pause = patience.next(now, random);
            now += pause;
            pause.as_millis()
        };
        (0..count).map(|_| pause()).collect()
    }

    #[test]
    fn the_first_try_comes_at_once_and_the_others_ever_later_up_to_two_seconds() {
        assert_eq!(pauses(6, 0), [0, 125, 250, 500, 1_000, 1_000]);
        assert_eq!(pauses(6, u32::MAX), [50, 250, 500, 1_000, 2_000, 2_000]);
        assert_eq!(pauses(100, u32::MAX).last(), Some(&2_000));
    }

    #[test]
    fn a_try_that_took_long_is_followed_by_the_next_at_once() {
        let (now, mut patience) = (Instant::now(), Patience::default());
        patience.next(now, 0);
        assert_eq!(patience.next(now + limits::RESUME_TRY, u32::MAX), Duration::ZERO);
    }

    #[test]
    fn after_a_connection_that_lasted_the_first_try_comes_at_once_again() {
        let began = Instant::now();
        let mut patience = Patience { tries: 3, tried: Some(began), began: Some(began) };
        let long = limits::RESUME_BACK_OFF.1;
        assert_eq!(patience.next(began + long, 0), Duration::ZERO);
        let began = began + long;
        patience.began = Some(began);
        let soon = began + Duration::from_millis(10);
        assert!(patience.next(soon, 0) > Duration::from_millis(100), "it broke soon");
    }
}
