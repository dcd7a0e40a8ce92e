//! Stands between a client and a server on both planes, counts what TCP carries, and cuts it: now,
//! or after the k-th byte of a connection.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use biplane_net::Link;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket},
    sync::{Notify, watch},
};

use crate::patience::eventually;

/// What a side may say that is not carried.
const RECEIVE_BUFFER: usize = 32 * 1024;
/// The same where it carries slowly: the least there is, so that it is not far behind.
const SLOW_BUFFER: usize = 2 * 1024;

/// How a connection ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Cut {
    /// Both sides are told that nothing more comes.
    Fin,
    /// Both sides are told that there is no connection.
    Reset,
    /// The client is told; the server's half stays open, and says nothing any more.
    HalfOpen,
    /// Nobody is told anything, and nothing is carried any more.
    Freeze,
}

/// One forwarder, for one client at a time.
pub(crate) struct Forwarder {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// How the connections that there are shall end: the last order.
    cut: watch::Sender<Cut>,
    over: Notify,
}

struct State {
    server: SocketAddr,
    /// Nobody gets through: connections end as soon as they come.
    shut: bool,
    /// Bytes that the connections to come carry a second, in all; `None`: as many as come.
    rate: Option<f64>,
    /// After how many bytes the next connections are cut, and how.
    plan: VecDeque<(usize, Cut)>,
    /// What each connection has carried, in the order in which they came.
    carried: Vec<Arc<AtomicUsize>>,
    /// Halves that stay open until the server closes them.
    half_open: usize,
    /// Datagrams of the client's, the latest of each receive id.
    up: Vec<Vec<u8>>,
}

impl Forwarder {
    pub(crate) fn to(server: SocketAddr) -> Self {
        let (tcp, near) = bind_both();
        let port = tcp.local_addr().unwrap().port();
        let udp = [near, std::net::UdpSocket::bind("127.0.0.1:0").unwrap()];
        let state = State {
            server,
            shut: false,
            rate: None,
            plan: VecDeque::new(),
            carried: Vec::new(),
            half_open: 0,
            up: Vec::new(),
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            cut: watch::channel(Cut::Fin).0,
            over: Notify::new(),
        });
        let theirs = Arc::clone(&shared);
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                tcp.set_nonblocking(true).unwrap();
                let udp = udp.map(|udp| {
                    udp.set_nonblocking(true).unwrap();
                    UdpSocket::from_std(udp).unwrap()
                });
                tokio::spawn(pass(udp, Arc::clone(&theirs)));
                let accepting = accept(TcpListener::from_std(tcp).unwrap(), Arc::clone(&theirs));
                tokio::select! {
                    () = accepting => {}
                    () = theirs.over.notified() => {}
                }
            });
        });
        Self { port, shared }
    }

    /// `link`, through here.
    pub(crate) fn on_the_way_to(&self, link: Link) -> Link {
        Link { port: self.port, ..link }
    }

    /// The connections to come are cut after so many bytes of both directions, each by its own plan.
    pub(crate) fn plan(&self, cuts: impl IntoIterator<Item = (usize, Cut)>) {
        self.shared.state().plan.extend(cuts);
    }

    /// The connections to come carry so many bytes a second.
    pub(crate) fn slow_down(&self, rate: f64) {
        self.shared.state().rate = Some(rate);
    }

    /// Cuts the connections that there are.
    pub(crate) fn cut(&self, how: Cut) {
        self.shared.cut.send_replace(how);
    }

    /// Lets no connection through from now on, or lets them through again.
    pub(crate) fn shut(&self, is_shut: bool) {
        self.shared.state().shut = is_shut;
    }

    /// Connections and datagrams go to another server from now on.
    pub(crate) fn lead_to(&self, server: SocketAddr) {
        self.shared.state().server = server;
    }

    /// What each connection has carried so far, in bytes of both directions.
    pub(crate) fn carried(&self) -> Vec<usize> {
        let state = self.shared.state();
        state.carried.iter().map(|carried| carried.load(Ordering::SeqCst)).collect()
    }

    /// How many connections it holds that were not cut and have not ended.
    pub(crate) fn open(&self) -> usize {
        let state = self.shared.state();
        // Who carries for one counts as it goes.
        state.carried.iter().filter(|carried| Arc::strong_count(carried) > 1).count()
    }

    /// How many halves the server holds whose other half is gone.
    pub(crate) fn half_open(&self) -> usize {
        self.shared.state().half_open
    }

    /// The client's latest datagram under each receive id, in the order in which the ids appeared.
    pub(crate) fn up(&self) -> Vec<Vec<u8>> {
        self.shared.state().up.clone()
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.shared.over.notify_one();
    }
}

/// TCP and UDP at one port.
fn bind_both() -> (std::net::TcpListener, std::net::UdpSocket) {
    eventually("a port that is free for both", || {
        let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let udp = std::net::UdpSocket::bind(tcp.local_addr().unwrap()).ok()?;
        Some((tcp, udp))
    })
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

/// The receive id of a datagram.
fn id(datagram: &[u8]) -> Option<&[u8]> {
    datagram.get(1..5)
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((mut client, _)) = listener.accept().await {
        let mut order = shared.cut.subscribe();
        order.mark_unchanged();
        let (server, plan, rate, carried) = {
            let mut state = shared.state();
            if state.shut {
                continue;
            }
            let carried = Arc::new(AtomicUsize::new(0));
            state.carried.push(Arc::clone(&carried));
            (state.server, state.plan.pop_front(), state.rate, carried)
        };
        let Ok(mut server) = TcpStream::connect(server).await else { continue };
        for stream in [&client, &server] {
            stream.set_nodelay(true).unwrap();
            // Whoever is not read notices it soon.
            let room = if rate.is_some() { SLOW_BUFFER } else { RECEIVE_BUFFER };
            socket2::SockRef::from(stream).set_recv_buffer_size(room).unwrap();
        }
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let how = carry([&mut client, &mut server], (plan, rate), &carried, order).await;
            end([client, server], how, &shared).await;
        });
    }
}

/// Carries bytes until the connection is cut by its plan or by order, or ends by itself; how it ends.
async fn carry(
    [client, server]: [&mut TcpStream; 2],
    (plan, rate): (Option<(usize, Cut)>, Option<f64>),
    carried: &AtomicUsize,
    mut order: watch::Receiver<Cut>,
) -> Cut {
    let most = if rate.is_some() { SLOW_BUFFER / 4 } else { 16 * 1024 };
    let [mut up, mut down] = [(); 2].map(|()| vec![0; most]);
    let (mut left, planned) = plan.unwrap_or((usize::MAX, Cut::Fin));
    loop {
        let (from, to) = tokio::select! {
            read = client.read(&mut up) => (read.map(|len| up.get(..len).unwrap()), &mut *server),
            read = server.read(&mut down) => (read.map(|len| down.get(..len).unwrap()), &mut *client),
            _ = order.changed() => return *order.borrow(),
        };
        // One that ends by itself ends for both.
        let Some(bytes) = from.ok().filter(|bytes| !bytes.is_empty()) else { return Cut::Fin };
        let bytes = bytes.get(..bytes.len().min(left)).unwrap();
        if to.write_all(bytes).await.is_err() {
            return Cut::Fin;
        }
        left -= bytes.len();
        carried.fetch_add(bytes.len(), Ordering::SeqCst);
        if let Some(rate) = rate {
            tokio::time::sleep(Duration::from_secs_f64(bytes.len() as f64 / rate)).await;
        }
        if left == 0 {
            return planned;
        }
    }
}

async fn end([client, mut server]: [TcpStream; 2], how: Cut, shared: &Shared) {
    match how {
        Cut::Fin => {}
        Cut::Reset => {
            for stream in [&client, &server] {
                socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO)).unwrap();
            }
        }
        Cut::HalfOpen => {
            drop(client);
            shared.state().half_open += 1;
            // What the server says is lost; only its end is awaited.
            while server.read(&mut [0; 1_024]).await.is_ok_and(|len| len > 0) {}
            shared.state().half_open -= 1;
        }
        Cut::Freeze => core::future::pending().await,
    }
}

/// Passes datagrams on: `[towards the client, towards the server]`.
async fn pass([near, far]: [UdpSocket; 2], shared: Arc<Shared>) {
    let [mut up, mut down] = [[0; 2_000]; 2];
    let mut client = None;
    loop {
        tokio::select! {
            Ok((len, from)) = near.recv_from(&mut up) => {
                client = Some(from);
                let datagram = up.get(..len).unwrap();
                let server = shared.state().note(datagram);
                far.send_to(datagram, server).await.ok();
            }
            Ok((len, _)) = far.recv_from(&mut down) => {
                if let Some(client) = client {
                    near.send_to(down.get(..len).unwrap(), client).await.ok();
                }
            }
            else => {}
        }
    }
}

impl State {
    /// Keeps a datagram of the client's, and says where it goes.
    fn note(&mut self, datagram: &[u8]) -> SocketAddr {
        match self.up.iter_mut().find(|kept| id(kept) == id(datagram)) {
            Some(kept) => datagram.clone_into(kept),
            None => self.up.push(datagram.to_vec()),
        }
        self.server
    }
}
