//! A client's node.

use std::{
    net::{SocketAddr, UdpSocket},
    os::fd::{AsFd as _, BorrowedFd},
    time::Instant,
};

use anyhow::Result;
use biplane_load::{Class, Heard, Means, Peer, Tuning};
use renet::RenetClient;
use renet_netcode::{
    ClientAuthentication, ConnectToken, NETCODE_KEY_BYTES, NetcodeClientTransport,
    NetcodeTransportError,
};

use super::{
    super::node::{self, Node},
    Clock, PROTOCOL, channel, config, paces, takes, unix_time,
};

/// How long a token is good for, and when a silent peer is given up: both as the library does for
/// clients without tokens, in seconds.
const EXPIRES: u64 = 300;
const TIMEOUT: i32 = 15;

/// What a matchmaker would hand the client `id`.
pub(super) fn token(
    id: u64,
    server: SocketAddr,
    key: &[u8; NETCODE_KEY_BYTES],
) -> Result<ConnectToken> {
    let now = unix_time()?;
    Ok(ConnectToken::generate(now, PROTOCOL, EXPIRES, id, TIMEOUT, vec![server], None, key)?)
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Joining,
    Joined,
    Left,
}

/// One client.
#[derive(Debug)]
pub(super) struct ClientNode {
    client: RenetClient,
    transport: NetcodeClientTransport,
    socket: UdpSocket,
    tuning: Tuning,
    clock: Clock,
    state: State,
}

impl ClientNode {
    pub(super) fn new(means: &Means, connect_token: ConnectToken) -> Result<Self> {
        let socket = node::bind(means.tuning)?;
        let secure = ClientAuthentication::Secure { connect_token };
        Ok(Self {
            client: RenetClient::new(config(means.tuning)),
            transport: NetcodeClientTransport::new(unix_time()?, secure, socket.try_clone()?)?,
            socket,
            tuning: means.tuning,
            clock: Clock::new(paces(means).clients),
            state: State::Joining,
        })
    }

    fn hear_state(&mut self, is_gone: bool, hear: &mut dyn FnMut(Heard<'_>)) {
        if is_gone || self.client.is_disconnected() {
            self.state = State::Left;
            hear(Heard::Left(0));
        } else if self.state == State::Joining && self.client.is_connected() {
            self.state = State::Joined;
            hear(Heard::Joined(0));
        }
    }

    /// Hands out all messages; whether there were any.
    fn hear_messages(&mut self, hear: &mut dyn FnMut(Heard<'_>)) -> bool {
        let mut came = false;
        for class in [Class::Unreliable, Class::Reliable] {
            let (channel, _) = channel(class, self.tuning);
            while let Some(message) = self.client.receive_message(channel) {
                came = true;
                hear(Heard::Message(0, &message));
            }
        }
        came
    }

    /// Sends what is queued. A full socket loses it, as the network might; a session that has ended
    /// is heard of at the next step.
    fn send_packets(&mut self) {
        drop(self.transport.send_packets(&mut self.client));
    }
}

impl Node for ClientNode {
    fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    fn step(&mut self, now: Instant, hear: &mut dyn FnMut(Heard<'_>)) -> Result<()> {
        if self.state == State::Left {
            return Ok(());
        }
        let elapsed = self.clock.step(now);
        self.client.update(elapsed);
        let updated = self.transport.update(elapsed, &mut self.client);
        let is_gone = updated.is_err_and(|error| !matches!(error, NetcodeTransportError::IO(_)));
        self.hear_state(is_gone, hear);
        let came = self.hear_messages(hear);
        if self.clock.sends_after_step(now, came) {
            self.send_packets();
        }
        Ok(())
    }

    fn send(&mut self, _to: Peer, class: Class, message: &[u8]) -> Result<bool> {
        if self.state != State::Joined {
            return Ok(false);
        }
        let (channel, memory) = channel(class, self.tuning);
        let room = self.client.channel_available_memory(channel);
        let takes = takes(class, memory, room, message.len());
        if takes {
            self.clock.owes = true;
            self.client.send_message(channel, message.to_vec());
        }
        Ok(takes)
    }

    fn flush(&mut self, now: Instant) -> Result<()> {
        if self.clock.sends_at_flush(now) {
            self.send_packets();
        }
        Ok(())
    }
}

impl Drop for ClientNode {
    fn drop(&mut self) {
        self.transport.disconnect();
    }
}
