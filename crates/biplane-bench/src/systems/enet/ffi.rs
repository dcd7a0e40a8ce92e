//! ENet's C interface, and a safe face of the part that is used.
//!
//! The layouts are those of ENet 1.3, `include/enet/enet.h`: only the beginnings of a host and a
//! peer, which are made and freed by ENet alone.

use std::{
    cell::Cell,
    ffi::{c_int, c_uint, c_void},
    fmt,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    os::fd::BorrowedFd,
    ptr::{self, NonNull},
    rc::Rc,
    sync::LazyLock,
};

use anyhow::{Context as _, Result, bail, ensure};

const RELIABLE: u32 = 1;
const UNRELIABLE_FRAGMENT: u32 = 1 << 3;

const CONNECT: c_uint = 1;
const DISCONNECT: c_uint = 2;
const RECEIVE: c_uint = 3;

const OPTION_RECEIVE_BUFFER: c_int = 3;
const OPTION_SEND_BUFFER: c_int = 4;

/// `ENetAddress`: the host in network byte order, the port in the machine's.
#[repr(C)]
#[derive(Clone, Copy)]
struct RawAddress {
    host: u32,
    port: u16,
}

/// The beginning of `ENetHost`.
#[repr(C)]
struct RawHost {
    socket: c_int,
    address: RawAddress,
    incoming_bandwidth: u32,
    outgoing_bandwidth: u32,
    bandwidth_throttle_epoch: u32,
    mtu: u32,
}

/// The beginning of `ENetPeer`.
#[repr(C)]
struct RawPeer {
    dispatch_list: [*mut c_void; 2],
    host: *mut RawHost,
    outgoing_peer_id: u16,
    incoming_peer_id: u16,
}

/// `ENetPacket`.
#[repr(C)]
struct RawPacket {
    reference_count: usize,
    flags: u32,
    data: *mut u8,
    data_length: usize,
    free_callback: Option<unsafe extern "C" fn(*mut Self)>,
    user_data: *mut c_void,
}

/// `ENetEvent`.
#[repr(C)]
struct RawEvent {
    kind: c_uint,
    peer: *mut RawPeer,
    channel: u8,
    data: u32,
    packet: *mut RawPacket,
}

unsafe extern "C" {
    fn enet_initialize() -> c_int;
    fn enet_linked_version() -> u32;
    fn enet_socket_get_address(socket: c_int, address: *mut RawAddress) -> c_int;
    fn enet_socket_set_option(socket: c_int, option: c_int, value: c_int) -> c_int;
    fn enet_packet_create(data: *const c_void, length: usize, flags: u32) -> *mut RawPacket;
    fn enet_packet_destroy(packet: *mut RawPacket);
    fn enet_host_create(
        address: *const RawAddress,
        peers: usize,
        channels: usize,
        incoming_bandwidth: u32,
        outgoing_bandwidth: u32,
    ) -> *mut RawHost;
    fn enet_host_destroy(host: *mut RawHost);
    fn enet_host_connect(
        host: *mut RawHost,
        address: *const RawAddress,
        channels: usize,
        data: u32,
    ) -> *mut RawPeer;
    fn enet_host_service(host: *mut RawHost, event: *mut RawEvent, timeout: u32) -> c_int;
    fn enet_host_check_events(host: *mut RawHost, event: *mut RawEvent) -> c_int;
    fn enet_host_flush(host: *mut RawHost);
    fn enet_peer_send(peer: *mut RawPeer, channel: u8, packet: *mut RawPacket) -> c_int;
    fn enet_peer_throttle_configure(
        peer: *mut RawPeer,
        interval: u32,
        acceleration: u32,
        deceleration: u32,
    );
    fn enet_peer_disconnect_now(peer: *mut RawPeer, data: u32);
}

/// The version of the library that was linked, such as 1.3.17.
pub(super) fn version() -> String {
    // SAFETY: it takes nothing, and returns a constant.
    let [patch, minor, major, _] = unsafe { enet_linked_version() }.to_le_bytes();
    format!("{major}.{minor}.{patch}")
}

/// A peer of a host, for as long as the host lives.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct PeerId(pub(super) u16);

/// What a host has to tell.
#[derive(Debug)]
pub(super) enum Event {
    Connected(PeerId),
    Disconnected(PeerId),
    Received(PeerId, Received),
}

/// A socket and its peers.
pub(super) struct Host {
    raw: NonNull<RawHost>,
    /// By [`PeerId`]: those that have been heard of. ENet keeps all peers of a host in one array,
    /// which it makes and frees with the host, so none of these dangles.
    peers: Vec<Option<NonNull<RawPeer>>>,
}

impl Host {
    /// A host for so many peers: on a free port of 127.0.0.1 if it is to be connected to.
    pub(super) fn new(peers: usize, channels: u8, is_server: bool) -> Result<Self> {
        static INITIALIZED: LazyLock<c_int> = LazyLock::new(|| {
            // SAFETY: called once, before anything else.
            unsafe { enet_initialize() }
        });
        ensure!(*INITIALIZED == 0, "ENet could not be initialized");
        let free = RawAddress { host: u32::from_ne_bytes(Ipv4Addr::LOCALHOST.octets()), port: 0 };
        let address = if is_server { &raw const free } else { ptr::null() };
        // SAFETY: the address is null or valid for the call.
        let raw = unsafe { enet_host_create(address, peers, channels.into(), 0, 0) };
        let raw = NonNull::new(raw).context("ENet could not open a host")?;
        Ok(Self { raw, peers: vec![None; peers] })
    }

    fn raw(&self) -> &RawHost {
        // SAFETY: `raw` is a live host, of which ENet has initialized this beginning, and nobody
        // writes to it during a call that borrows `self`.
        unsafe { self.raw.as_ref() }
    }

    pub(super) fn socket(&self) -> BorrowedFd<'_> {
        // SAFETY: the host's socket is open for as long as the host lives.
        unsafe { BorrowedFd::borrow_raw(self.raw().socket) }
    }

    pub(super) fn address(&self) -> Result<SocketAddr> {
        let mut address = RawAddress { host: 0, port: 0 };
        // SAFETY: the socket is open, and the address is valid for the call.
        let got = unsafe { enet_socket_get_address(self.raw().socket, &raw mut address) };
        ensure!(got == 0, "ENet does not say where its host is");
        let host = Ipv4Addr::from(address.host.to_ne_bytes());
        Ok(SocketAddrV4::new(host, address.port).into())
    }

    /// The longest datagram of peers that connect from now on, in bytes. 576 to 4,096.
    pub(super) fn set_mtu(&mut self, mtu: u16) {
        // SAFETY: `raw` is a live host, and `self` is borrowed alone.
        unsafe { self.raw.as_mut() }.mtu = mtu.clamp(576, 4096).into();
    }

    /// Asks for socket buffers of so many bytes.
    pub(super) fn set_buffers(&mut self, receive: usize, send: usize) -> Result<()> {
        for (option, bytes) in [(OPTION_RECEIVE_BUFFER, receive), (OPTION_SEND_BUFFER, send)] {
            let bytes = c_int::try_from(bytes)?;
            // SAFETY: the socket is open, and the options take an `int`.
            let set = unsafe { enet_socket_set_option(self.raw().socket, option, bytes) };
            ensure!(set == 0, "the socket's buffers could not be set");
        }
        Ok(())
    }

    /// Begins to connect.
    pub(super) fn connect(&mut self, to: SocketAddr, channels: u8) -> Result<()> {
        let SocketAddr::V4(to) = to else { bail!("ENet 1.3 knows IPv4 alone") };
        let address = RawAddress { host: u32::from_ne_bytes(to.ip().octets()), port: to.port() };
        // SAFETY: `raw` is a live host, and the address is valid for the call.
        let peer =
            unsafe { enet_host_connect(self.raw.as_ptr(), &raw const address, channels.into(), 0) };
        self.know(peer).context("no peer is free")?;
        Ok(())
    }

    /// Sends and receives once without waiting, and returns the first event.
    pub(super) fn service(&mut self) -> Result<Option<Event>> {
        let mut event = no_event();
        // SAFETY: `raw` is a live host, and the event is valid for the call.
        let got = unsafe { enet_host_service(self.raw.as_ptr(), &raw mut event, 0) };
        ensure!(got >= 0, "ENet's service failed: {}", std::io::Error::last_os_error());
        Ok(self.event(&event))
    }

    /// The next event of those that have come.
    pub(super) fn check_events(&mut self) -> Result<Option<Event>> {
        let mut event = no_event();
        // SAFETY: `raw` is a live host, and the event is valid for the call.
        let got = unsafe { enet_host_check_events(self.raw.as_ptr(), &raw mut event) };
        ensure!(got >= 0, "ENet's events failed");
        Ok(self.event(&event))
    }

    fn event(&mut self, event: &RawEvent) -> Option<Event> {
        let packet = NonNull::new(event.packet).map(Received);
        let peer = self.know(event.peer)?;
        match event.kind {
            CONNECT => Some(Event::Connected(peer)),
            DISCONNECT => Some(Event::Disconnected(peer)),
            RECEIVE => Some(Event::Received(peer, packet?)),
            _ => None,
        }
    }

    /// Which peer of this host that is; `None` if it is null.
    fn know(&mut self, peer: *mut RawPeer) -> Option<PeerId> {
        let peer = NonNull::new(peer)?;
        // SAFETY: ENet names peers of this host alone, which live as long as it does, and this
        // beginning of theirs is initialized.
        let id = unsafe { peer.as_ref() }.incoming_peer_id;
        *self.peers.get_mut(usize::from(id))? = Some(peer);
        Some(PeerId(id))
    }

    fn peer(&self, id: PeerId) -> Option<*mut RawPeer> {
        Some(self.peers.get(usize::from(id.0)).copied().flatten()?.as_ptr())
    }

    /// Queues a message, which may be lost.
    pub(super) fn send(&mut self, to: PeerId, channel: u8, message: &[u8]) -> bool {
        self.send_packet(to, channel, create(message, UNRELIABLE_FRAGMENT))
    }

    /// Queues a message, and counts its bytes in `queued` until all of it has been acked.
    pub(super) fn send_reliable(
        &mut self,
        to: PeerId,
        channel: u8,
        message: &[u8],
        queued: &Rc<Cell<usize>>,
    ) -> bool {
        let Some(mut packet) = create(message, RELIABLE) else { return false };
        queued.set(queued.get() + message.len());
        // SAFETY: the packet is ours alone until it is sent.
        let raw = unsafe { packet.as_mut() };
        raw.user_data = Rc::into_raw(Rc::clone(queued)).cast_mut().cast();
        raw.free_callback = Some(uncount);
        self.send_packet(to, channel, Some(packet))
    }

    fn send_packet(&mut self, to: PeerId, channel: u8, packet: Option<NonNull<RawPacket>>) -> bool {
        let (Some(peer), Some(packet)) = (self.peer(to), packet) else { return false };
        // SAFETY: the peer is one of this host, and the packet has not been sent before.
        let is_queued = unsafe { enet_peer_send(peer, channel, packet.as_ptr()) } == 0;
        if !is_queued {
            // SAFETY: ENet did not take it, so it is still ours.
            unsafe { enet_packet_destroy(packet.as_ptr()) };
        }
        is_queued
    }

    /// How fast what is unreliable is let through more, and less, as the round trip varies.
    pub(super) fn set_throttle(&mut self, of: PeerId, (interval, up, down): (u32, u32, u32)) {
        if let Some(peer) = self.peer(of) {
            // SAFETY: the peer is one of this host.
            unsafe { enet_peer_throttle_configure(peer, interval, up, down) };
        }
    }

    /// Sends what is queued.
    pub(super) fn flush(&mut self) {
        // SAFETY: `raw` is a live host.
        unsafe { enet_host_flush(self.raw.as_ptr()) };
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("socket", &self.raw().socket).finish_non_exhaustive()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        for peer in self.peers.iter().flatten() {
            // SAFETY: the peer is one of this host. It may have gone, which ENet ignores.
            unsafe { enet_peer_disconnect_now(peer.as_ptr(), 0) };
        }
        // SAFETY: `raw` is a live host, and nothing uses it after this.
        unsafe { enet_host_destroy(self.raw.as_ptr()) };
    }
}

/// A message that came.
pub(super) struct Received(NonNull<RawPacket>);

impl Received {
    pub(super) fn bytes(&self) -> &[u8] {
        // SAFETY: the packet is ours until it is dropped.
        let packet = unsafe { self.0.as_ref() };
        if packet.data.is_null() {
            return &[];
        }
        // SAFETY: `data` holds so many bytes, and nobody writes to them.
        unsafe { std::slice::from_raw_parts(packet.data, packet.data_length) }
    }
}

impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Received({} bytes)", self.bytes().len())
    }
}

impl Drop for Received {
    fn drop(&mut self) {
        // SAFETY: ENet has handed the packet over, and nothing uses it after this.
        unsafe { enet_packet_destroy(self.0.as_ptr()) };
    }
}

fn no_event() -> RawEvent {
    RawEvent { kind: 0, peer: ptr::null_mut(), channel: 0, data: 0, packet: ptr::null_mut() }
}

/// A packet of ours with a copy of the message; `None` without memory.
fn create(message: &[u8], flags: u32) -> Option<NonNull<RawPacket>> {
    // SAFETY: ENet copies so many bytes, which are there.
    NonNull::new(unsafe { enet_packet_create(message.as_ptr().cast(), message.len(), flags) })
}

/// Takes a packet's bytes off the count that it was sent with.
unsafe extern "C" fn uncount(packet: *mut RawPacket) {
    // SAFETY: ENet calls this once, with a live packet that `send_reliable` has set up.
    let packet = unsafe { &*packet };
    // SAFETY: the pointer came from `Rc::into_raw` of an `Rc<Cell<usize>>`, for this packet alone.
    let queued = unsafe { Rc::from_raw(packet.user_data.cast::<Cell<usize>>()) };
    queued.set(queued.get().saturating_sub(packet.data_length));
}
