//! Accepts connections, whatever happens to single ones: the loop never ends.

use std::{io, net::SocketAddr, sync::Arc};

use biplane_proto::digest;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};

use super::{contained, greeting, presence::Presence, tls, warnings::Throttle};
use crate::{
    Admission, BindError, Fault, IdentityError, ListenConfig, ProtocolSpec, clock, hub::Hub,
    limits, os,
};

/// Failures in a row after which even those of single connections are waited out.
const FAILURES: u32 = 16;

/// What every greeting needs.
pub(super) struct House {
    pub(super) hub: Arc<Hub>,
    pub(super) protocol: ProtocolSpec,
    pub(super) digest: [u8; 32],
    pub(super) tls: Arc<rustls::ServerConfig>,
    pub(super) admission: Admission,
    pub(super) presence: Presence,
    pub(super) strangers: Throttle,
    pub(super) mismatches: Throttle,
    unadmitted: Arc<Semaphore>,
}

impl House {
    pub(super) fn new(
        hub: &Arc<Hub>,
        config: ListenConfig,
        presence: Presence,
    ) -> Result<Self, BindError> {
        let tls = tls::server(&config.identity)
            .map_err(|error| IdentityError::Make(error.to_string().into()))?;
        Ok(Self {
            hub: Arc::clone(hub),
            digest: digest(&config.protocol.description),
            protocol: config.protocol,
            tls: Arc::new(tls),
            admission: config.admission,
            presence,
            strangers: Throttle::default(),
            mismatches: Throttle::default(),
            unadmitted: Arc::new(Semaphore::new(limits::UNADMITTED)),
        })
    }
}

/// Accepts until the endpoint closes.
pub(super) async fn listen(listener: TcpListener, house: Arc<House>) {
    let mut failures = 0;
    loop {
        match listener.accept().await {
            Ok((stream, remote)) => {
                failures = 0;
                receive(&house, stream, remote);
            }
            Err(error) => {
                failures += 1;
                back_off(&house, error, failures).await;
            }
        }
    }
}

/// One connection's failure is its own; the system's want is waited out.
async fn back_off(house: &House, error: io::Error, failures: u32) {
    if failures < FAILURES && !os::is_out_of_resources(&error) {
        tracing::debug!(%error, "a connection was not accepted");
        return;
    }
    let (first, most) = limits::ACCEPT_BACK_OFF;
    if failures == FAILURES {
        house.hub.report(Fault::Listener(error));
    }
    let doubled = first.saturating_mul(1 << failures.saturating_sub(1).min(8));
    clock::rest(doubled.min(most)).await;
}

fn receive(house: &Arc<House>, stream: TcpStream, remote: SocketAddr) {
    // Closed without a word: whoever fills this place has none to answer with.
    let Ok(place) = Arc::clone(&house.unadmitted).try_acquire_owned() else {
        tracing::debug!(%remote, "too many connections wait to be admitted");
        return;
    };
    let house = Arc::clone(house);
    drop(tokio::spawn(async move {
        let hub = Arc::clone(&house.hub);
        contained(&hub, greeting::greet(house, stream, remote, place)).await
    }));
}
