//! A client that attaches a connection to its session, on the server.
//!
//! As with a resume, whatever does not hold has one answer.

use std::sync::Arc;

use biplane_proto::{Accepting, AttachClaim};
use biplane_wire::{Parameters, ReceiveId};

use super::{
    attached::Attachment,
    greeting::{Heard, Stranger, Tls, no_aead, part},
    house::{Accepted, House},
    metered::Meter,
    terms,
};

/// Attaches the connection to the session that `claim` names, if the claim holds.
pub(super) async fn take_on(
    house: &House,
    heard: Heard,
    claim: AttachClaim,
    meter: &Meter,
) -> Result<Attachment<Tls>, Stranger> {
    let Heard { stream, remote, accepted, early, .. } = heard;
    let Accepted { accepting, protocol } = accepted;
    let binding = terms::attach_binding(stream.get_ref().1).map_err(Stranger::Gone)?;
    let slot = house.hub.slots().find(&claim.session).filter(|slot| slot.protocol() == protocol);
    let slot = slot.filter(|slot| slot.with(|_, session| session.accept_attach(&claim, &binding)));
    let Some(slot) = slot else {
        house.hub.counters().refused();
        part(house, stream, &Accepting::resume_refusal()).await;
        return Err(Stranger::NoAttachment);
    };
    // Of these only the AEAD list was asked for, and nothing is sealed by it here.
    let parameters = Parameters::new(ReceiveId(0));
    let first = match accepting.welcome(&terms::aeads(), parameters) {
        Ok((welcome, _)) => welcome,
        Err(answer) => return Err(no_aead(house, stream, &answer).await),
    };
    meter.open();
    tracing::debug!(session = %slot.id(), %remote, "connection attached");
    let number = slot.bulk().attach();
    Ok(Attachment { stream, slot: Arc::clone(&slot), number, first, early, lingers: false })
}
