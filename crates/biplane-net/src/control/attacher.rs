//! A client's attached connection: there while transfers are under way, and another when it breaks.

use std::sync::Arc;

use biplane_proto::{Dialing, redial};
use tokio::time::timeout;

use super::{
    attached::{self, Attachment},
    block::Block,
    dialer::{Tls, ask, attempt, broken, shake_hands},
    resumer::{Origin, Patience},
    terms,
};
use crate::{ConnectError, Slot, Step, clock, slots::random};

/// Attaches connections to a session whenever it wants one, for as long as it lives.
pub(super) async fn keep(slot: Arc<Slot>, origin: Arc<Origin>) {
    let mut patience = Patience::default();
    let keeping = async {
        loop {
            slot.bulk().wanted().await;
            let share = random().map_or(0, u32::from_ne_bytes);
            clock::rest(patience.next(clock::now(), share)).await;
            // What a try takes is for a moment.
            let trying = Box::pin(timeout(redial::patience(origin.rtt), dial(&slot, &origin)));
            let session = slot.id();
            match trying.await {
                Ok(Ok(Some(attachment))) => {
                    patience.on_connected(clock::now());
                    attached::run(attachment).await;
                }
                Ok(Ok(None)) => return,
                Ok(Err(error)) => tracing::debug!(%session, %error, "no attached connection"),
                Err(_) => tracing::debug!(%session, "no attached connection in time"),
            }
        }
    };
    tokio::select! {
        () = keeping => {}
        () = slot.connections().done() => {}
    }
}

/// A connection that is attached; none if there is nothing to attach it to.
async fn dial(slot: &Arc<Slot>, origin: &Origin) -> Result<Option<Attachment<Tls>>, ConnectError> {
    let Origin { remote, link, description, .. } = origin;
    let broken = |source| broken(Step::Admission, *remote, source);
    let mut stream = shake_hands(attempt(*remote).await?, link).await?;
    let binding = terms::attach_binding(stream.get_ref().1).map_err(broken)?;
    let Some(parameters) = slot.with(|_, session| session.begin_attach(&binding)) else {
        return Ok(None);
    };
    let dialing = Dialing::attach(description.clone(), terms::aeads().to_vec(), parameters);
    let Block { bytes, rest: early } = ask(&mut stream, dialing.hello(), *remote).await?;
    dialing.handle_answer(&bytes)?;
    let number = slot.bulk().attach();
    let (slot, first) = (Arc::clone(slot), Vec::new());
    Ok(Some(Attachment { stream, slot, number, first, early, lingers: true }))
}
