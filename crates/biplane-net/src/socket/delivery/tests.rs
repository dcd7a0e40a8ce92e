//! A kernel that errs by plan.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::Mutex,
    sync::atomic::{AtomicUsize, Ordering},
};

use biplane_proto::Path;

use super::*;
use crate::socket::ReceiveBuffers;

const EIO: i32 = 5;
const ENOBUFS: i32 = 105;
const EINVAL: i32 = 22;
const ENETUNREACH: i32 = 101;
const EMSGSIZE: i32 = 90;

/// Answers each send with the next of its plan, then with success.
#[derive(Debug, Default)]
struct Planned {
    plan: Mutex<VecDeque<io::Error>>,
    taken: Mutex<Vec<Vec<u8>>>,
    renewed: AtomicUsize,
    waited: AtomicUsize,
}

impl Planned {
    fn failing(errors: impl IntoIterator<Item = i32>) -> Self {
        let plan = errors.into_iter().map(io::Error::from_raw_os_error).collect();
        Self { plan: Mutex::new(plan), ..Self::default() }
    }

    fn taken(&self) -> Vec<Vec<u8>> {
        self.taken.lock().unwrap().clone()
    }

    fn renewed(&self) -> usize {
        self.renewed.load(Ordering::SeqCst)
    }
}

impl DatagramSocket for Planned {
    fn recv(&self, _: &mut ReceiveBuffers) -> io::Result<()> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn send(&self, run: Run<'_>) -> io::Result<()> {
        if let Some(error) = self.plan.lock().unwrap().pop_front() {
            return Err(error);
        }
        let datagrams = run.singles().map(|single| single.bytes.to_vec());
        self.taken.lock().unwrap().extend(datagrams);
        Ok(())
    }

    fn max_segments(&self) -> usize {
        64
    }

    fn renew(&self) {
        self.renewed.fetch_add(1, Ordering::SeqCst);
    }

    fn wait_writable(&self, _: Duration) -> bool {
        self.waited.fetch_add(1, Ordering::SeqCst);
        true
    }
}

const BYTES: [u8; 25] = *b"aaaaaaaaaabbbbbbbbbbccccc";

fn run() -> Run<'static> {
    let remote = SocketAddr::from(([127, 0, 0, 1], 9));
    Run { path: Path { remote, local: None }, bytes: &BYTES, segment: 10, ecn: None }
}

fn whole() -> Vec<Vec<u8>> {
    BYTES.chunks(10).map(<[u8]>::to_vec).collect()
}

#[test]
fn a_run_that_offload_refuses_goes_out_singly_with_the_same_bytes() {
    for error in [EIO, EINVAL, EMSGSIZE] {
        let socket = Planned::failing([error]);
        let delivery = deliver(&socket, run(), Duration::ZERO);
        assert_eq!(delivery, Delivery { sent: 3, bytes: 25, split: true, ..Delivery::default() });
        assert_eq!(socket.taken(), whole());
        assert_eq!(socket.renewed(), 0, "offload was at fault");
    }
}

#[test]
fn a_destination_that_refuses_singles_too_is_forgotten() {
    let socket = Planned::failing([EINVAL, EINVAL, EINVAL, EINVAL]);
    let delivery = deliver(&socket, run(), Duration::ZERO);
    assert_eq!(delivery, Delivery { unsent: 3, split: true, ..Delivery::default() });
    assert_eq!(socket.renewed(), 1);
}

#[test]
fn a_single_datagram_that_errs_blames_its_destination() {
    let socket = Planned::failing([EINVAL]);
    let single = Run { bytes: b"one", segment: 3, ..run() };
    let delivery = deliver(&socket, single, Duration::ZERO);
    assert_eq!(delivery, Delivery { unsent: 1, ..Delivery::default() });
    assert_eq!(socket.renewed(), 1);
}

#[test]
fn the_length_that_an_interface_does_not_carry_is_told() {
    let socket = Planned::failing([EINVAL, EMSGSIZE, EMSGSIZE]);
    let delivery = deliver(&socket, run(), Duration::ZERO);
    let told = Delivery { sent: 1, bytes: 5, unsent: 2, too_big: Some(10), split: true };
    assert_eq!(delivery, told);
    let socket = Planned::failing([EINVAL, EMSGSIZE, EINVAL, EMSGSIZE]);
    assert_eq!(deliver(&socket, run(), Duration::ZERO).too_big, Some(5), "the shortest");
}

#[test]
fn a_probe_that_is_too_long_for_the_interface_costs_nobody_anything() {
    let socket = Planned::failing([EMSGSIZE]);
    let probe = Run { bytes: &BYTES, segment: BYTES.len(), ..run() };
    let delivery = deliver(&socket, probe, Duration::ZERO);
    let told = Delivery { unsent: 1, too_big: Some(BYTES.len()), ..Delivery::default() };
    assert_eq!((delivery, socket.renewed()), (told, 0));
}

#[test]
fn no_route_is_counted_and_nothing_else() {
    let socket = Planned::failing([ENETUNREACH]);
    let delivery = deliver(&socket, run(), Duration::ZERO);
    assert_eq!(delivery, Delivery { unsent: 3, ..Delivery::default() });
    assert_eq!(socket.renewed(), 0);
}

#[test]
fn a_full_kernel_is_waited_for_and_nothing_is_lost() {
    const EAGAIN: i32 = 11;
    let socket = Planned::failing([EAGAIN, EIO, EAGAIN, EAGAIN, ENOBUFS]);
    let delivery = deliver(&socket, run(), Duration::from_secs(1));
    assert_eq!(delivery, Delivery { sent: 3, bytes: 25, split: true, ..Delivery::default() });
    assert_eq!(socket.taken(), whole());
    assert_eq!(socket.waited.load(Ordering::SeqCst), 3);
}

#[test]
fn patience_ends() {
    const EAGAIN: i32 = 11;
    let socket = Planned::failing([EAGAIN]);
    let delivery = deliver(&socket, run(), Duration::ZERO);
    assert_eq!(delivery.unsent, 3);
}
