//! What the two sides settle on, and the session that is made of it or goes on by it.

use core::{any::Any, time::Duration};
use std::{io, net::SocketAddr, sync::Arc};

use biplane_proto::{Agreement, Role, Session, SessionConfig, Setup};
use biplane_wire::{Aead, Parameters, ReceiveId};

use super::tls;
use crate::{
    ProtocolSpec, Slot, clock,
    hub::Hub,
    limits,
    slot::{About, Attached},
    slots::{Reservation, random},
};

/// What stands beside the agreement when a session begins.
pub(super) struct Beginning {
    pub(super) role: Role,
    pub(super) agreement: Agreement,
    pub(super) secret: [u8; 32],
    /// The peer's TCP address.
    pub(super) remote: SocketAddr,
    /// Where its packets go, if that is known.
    pub(super) udp: Option<SocketAddr>,
    pub(super) handshake_rtt: Duration,
    /// Which of the listener's protocols it is.
    pub(super) protocol: usize,
    pub(super) app: Option<Arc<dyn Any + Send + Sync>>,
    /// What this side decides for it.
    pub(super) config: SessionConfig,
}

/// What this side says of itself.
pub(super) fn parameters(role: Role, receive_id: ReceiveId, config: &SessionConfig) -> Parameters {
    let mut parameters = Parameters::new(receive_id);
    config.announce_quiet(role, &mut parameters);
    parameters.max_datagram = small(config.max_datagram);
    parameters.reliable_ack_delay_ms = ms(limits::RELIABLE_ACK_DELAY);
    parameters.unreliable_ack_delay_ms = ms(limits::UNRELIABLE_ACK_DELAY);
    parameters.initial_credit = limits::CHANNEL_CREDIT;
    parameters.control_window = small(limits::CONTROL_QUEUE_BYTES);
    parameters
}

fn ms(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// What this side seals with, dearest first: AES where the processor has it.
pub(super) fn aeads() -> [Aead; 2] {
    if has_aes() {
        [Aead::Aes128Gcm, Aead::ChaCha20Poly1305]
    } else {
        [Aead::ChaCha20Poly1305, Aead::Aes128Gcm]
    }
}

fn has_aes() -> bool {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    return std::arch::is_x86_feature_detected!("aes");
    #[cfg(target_arch = "aarch64")]
    return std::arch::is_aarch64_feature_detected!("aes");
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
    return false;
}

/// The secret of a session's data plane.
pub(super) fn secret<Data>(
    connection: &rustls::ConnectionCommon<Data>,
    agreement: &Agreement,
) -> io::Result<[u8; 32]> {
    connection
        .export_keying_material([0; 32], tls::EXPORTER, Some(&agreement.context))
        .map_err(io::Error::other)
}

/// What a proof that is made or taken on this connection is bound to.
pub(super) fn binding<Data>(connection: &rustls::ConnectionCommon<Data>) -> io::Result<[u8; 32]> {
    connection.export_keying_material([0; 32], tls::RESUME_EXPORTER, None).map_err(io::Error::other)
}

/// The same of a proof that attaches a connection.
pub(super) fn attach_binding<Data>(
    connection: &rustls::ConnectionCommon<Data>,
) -> io::Result<[u8; 32]> {
    connection.export_keying_material([0; 32], tls::ATTACH_EXPORTER, None).map_err(io::Error::other)
}

/// Makes the session and puts it into its place, keys and all: packets may come from now on.
/// Returns its first control connection.
pub(super) fn begin(
    hub: &Arc<Hub>,
    spec: &ProtocolSpec,
    reservation: Reservation,
    beginning: Beginning,
) -> io::Result<Attached> {
    let Beginning { role, agreement, secret, remote, udp, handshake_rtt, protocol, app, config } =
        beginning;
    let now = clock::now();
    let about = About {
        id: hub.slots().number(),
        name: agreement.local.session,
        remote,
        protocol,
        app,
        epoch: hub.work().epoch(),
    };
    let setup = Setup {
        role,
        agreement,
        secret,
        channels: spec.channels.clone(),
        requests: spec.description.requests.len(),
        config,
        seed: random().ok_or_else(|| io::Error::other("the system gives no random bytes"))?,
        first_packet: hub.first_packet(),
        remote: udp,
        handshake_rtt,
    };
    let session = Session::new(now, setup).in_step_with(about.epoch.0);
    let slot = Slot::new(about, session, hub);
    let attached = slot.begin(now, reservation);
    tracing::info!(session = %slot.id(), %remote, "session began");
    Ok(attached)
}
