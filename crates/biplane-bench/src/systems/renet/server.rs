//! The server's node.

use std::{
    collections::HashMap,
    net::{SocketAddr, UdpSocket},
    os::fd::{AsFd as _, BorrowedFd},
    time::Instant,
};

use anyhow::Result;
use biplane_load::{Class, Heard, Means, Peer, Tuning};
use renet::{ClientId, RenetServer, ServerEvent};
use renet_netcode::{
    NETCODE_KEY_BYTES, NetcodeServerTransport, ServerAuthentication, ServerConfig,
};

use super::{
    super::node::{self, Node},
    Clock, PROTOCOL, channel, config, paces, takes, unix_time,
};

/// A server, and its clients in the order in which they joined.
#[derive(Debug)]
pub(super) struct ServerNode {
    server: RenetServer,
    transport: NetcodeServerTransport,
    socket: UdpSocket,
    tuning: Tuning,
    clock: Clock,
    joined: Vec<Option<ClientId>>,
    numbers: HashMap<ClientId, Peer>,
}

impl ServerNode {
    pub(super) fn new(means: &Means, private_key: [u8; NETCODE_KEY_BYTES]) -> Result<Self> {
        let socket = node::bind(means.tuning)?;
        let config_of_transport = ServerConfig {
            current_time: unix_time()?,
            max_clients: means.clients,
            protocol_id: PROTOCOL,
            public_addresses: vec![socket.local_addr()?],
            authentication: ServerAuthentication::Secure { private_key },
        };
        Ok(Self {
            server: RenetServer::new(config(means.tuning)),
            transport: NetcodeServerTransport::new(config_of_transport, socket.try_clone()?)?,
            socket,
            tuning: means.tuning,
            clock: Clock::new(paces(means).server),
            joined: Vec::new(),
            numbers: HashMap::new(),
        })
    }

    pub(super) fn address(&self) -> Result<SocketAddr> {
        Ok(self.socket.local_addr()?)
    }

    fn hear_events(&mut self, hear: &mut dyn FnMut(Heard<'_>)) {
        while let Some(event) = self.server.get_event() {
            match event {
                ServerEvent::ClientConnected { client_id } => {
                    let number = self.joined.len();
                    self.joined.push(Some(client_id));
                    self.numbers.insert(client_id, number);
                    hear(Heard::Joined(number));
                }
                ServerEvent::ClientDisconnected { client_id, .. } => {
                    let Some(number) = self.numbers.remove(&client_id) else { continue };
                    if let Some(joined) = self.joined.get_mut(number) {
                        *joined = None;
                    }
                    hear(Heard::Left(number));
                }
            }
        }
    }

    /// Hands out all messages; whether there were any.
    fn hear_messages(&mut self, hear: &mut dyn FnMut(Heard<'_>)) -> bool {
        let mut came = false;
        for (number, id) in self.joined.iter().enumerate() {
            let Some(id) = *id else { continue };
            for class in [Class::Unreliable, Class::Reliable] {
                let (channel, _) = channel(class, self.tuning);
                while let Some(message) = self.server.receive_message(id, channel) {
                    came = true;
                    hear(Heard::Message(number, &message));
                }
            }
        }
        came
    }
}

impl Node for ServerNode {
    fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    fn step(&mut self, now: Instant, hear: &mut dyn FnMut(Heard<'_>)) -> Result<()> {
        let elapsed = self.clock.step(now);
        self.server.update(elapsed);
        self.transport.update(elapsed, &mut self.server)?;
        self.hear_events(hear);
        let came = self.hear_messages(hear);
        if self.clock.sends_after_step(now, came) {
            self.transport.send_packets(&mut self.server);
        }
        Ok(())
    }

    fn send(&mut self, to: Peer, class: Class, message: &[u8]) -> Result<bool> {
        let Some(Some(id)) = self.joined.get(to).copied() else { return Ok(false) };
        let (channel, memory) = channel(class, self.tuning);
        let room = self.server.channel_available_memory(id, channel);
        let takes = takes(class, memory, room, message.len());
        if takes {
            self.clock.owes = true;
            self.server.send_message(id, channel, message.to_vec());
        }
        Ok(takes)
    }

    fn flush(&mut self, now: Instant) -> Result<()> {
        if self.clock.sends_at_flush(now) {
            self.transport.send_packets(&mut self.server);
        }
        Ok(())
    }
}

impl Drop for ServerNode {
    fn drop(&mut self) {
        self.transport.disconnect_all(&mut self.server);
    }
}
