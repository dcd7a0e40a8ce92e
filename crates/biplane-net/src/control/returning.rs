//! A client that comes back to its session, on the server: its claim, and the welcome.
//!
//! It was admitted when it joined, and is not counted again; so neither admission, maintenance nor
//! the limit on sessions is asked. Whatever does not hold has one answer, which does not tell a name
//! that is unknown from a proof that is worth nothing.

use std::io;

use biplane_proto::{Accepting, ResumeClaim};

use super::{
    greeting::{Heard, Stranger, Tls, Welcomed, no_aead, out_of_order, part},
    house::{Accepted, House},
    metered::Meter,
    terms,
};
use crate::{
    clock,
    slot::Attached,
    slots::{NoPlace, Reservation},
};

/// Why a session does not go on over the connection.
enum Untaken {
    /// There is none of that name, it is over, or the proof does not hold.
    NoSession,
    /// The answer to write.
    NoAead(Vec<u8>),
    /// TLS exports nothing.
    Broken(io::Error),
}

/// Has the session that `claim` names go on over the connection, if the claim holds.
pub(super) async fn take_back(
    house: &House,
    heard: Heard,
    claim: ResumeClaim,
    meter: &Meter,
) -> Result<Welcomed, Stranger> {
    let Heard { stream, remote, accepted, early, .. } = heard;
    let reservation = match house.hub.slots().reserve_another() {
        Ok(reservation) => reservation,
        // It asks for no place.
        Err(NoPlace::Full | NoPlace::NoRandomness) => {
            return Err(out_of_order(house, stream).await);
        }
    };
    match take_up(house, &stream, accepted, &claim, reservation) {
        Ok((attached, welcome)) => {
            meter.open();
            house.hub.counters().resumed();
            tracing::debug!(session = %attached.slot().id(), %remote, "session resumed");
            Ok(Welcomed { stream, attached, welcome, early })
        }
        Err(Untaken::NoSession) => {
            house.hub.counters().refused();
            part(house, stream, &Accepting::resume_refusal()).await;
            Err(Stranger::NoSession)
        }
        Err(Untaken::NoAead(answer)) => Err(no_aead(house, stream, &answer).await),
        Err(Untaken::Broken(error)) => Err(Stranger::Gone(error)),
    }
}

/// All in one hold of the session's lock: the old connection is displaced, and its keys and the new
/// one's receive id are in place before the welcome is written, which is the first that the new one
/// carries.
fn take_up(
    house: &House,
    stream: &Tls,
    accepted: Accepted,
    claim: &ResumeClaim,
    reservation: Reservation,
) -> Result<(Attached, Vec<u8>), Untaken> {
    let Accepted { accepting, protocol } = accepted;
    let tls = stream.get_ref().1;
    let binding = terms::binding(tls).map_err(Untaken::Broken)?;
    let slot = house.hub.slots().find(&claim.session).filter(|slot| slot.protocol() == protocol);
    let slot = slot.ok_or(Untaken::NoSession)?;
    let (now, receive_id) = (clock::now(), reservation.receive_id());
    slot.resume(now, reservation, |session| {
        let parameters =
            session.accept_resume(now, claim, &binding, receive_id).ok_or(Untaken::NoSession)?;
        let welcomed = accepting.welcome(&terms::aeads(), parameters);
        let (welcome, agreement) = welcomed.map_err(Untaken::NoAead)?;
        let secret = terms::secret(tls, &agreement).map_err(Untaken::Broken)?;
        let epoch = session.resume(now, &agreement, &secret).ok_or(Untaken::NoSession)?;
        Ok((epoch, welcome))
    })
}
