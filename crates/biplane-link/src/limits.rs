//! Every cap of the relay.

use std::time::Duration;

/// UDP flows at the most; for another, the one that has been quiet for longest is forgotten.
pub(crate) const FLOWS: usize = 4_096;
/// A flow on which nothing came so long is forgotten, as by a NAT.
pub(crate) const FLOW_IDLE: Duration = Duration::from_secs(120);
/// How often idle flows are looked for.
pub(crate) const FLOW_SWEEP: Duration = Duration::from_secs(5);
/// TCP connections at the most; another is reset.
pub(crate) const CONNECTIONS: usize = 2_048;
/// Connections accepted, or batches of datagrams read, before others have a turn.
pub(crate) const TURN: usize = 16;
/// How long a connection waits whose SYN never arrives: as long as Linux repeats one.
pub(crate) const KNOCK: Duration = Duration::from_secs(127);
/// How long a connection waits for anything else that never arrives, likewise (`tcp_retries2`).
pub(crate) const SILENCE: Duration = Duration::from_secs(924);
/// After so long without a byte the system looks whether the other end of a socket is still there.
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(120);
/// Bytes read from a TCP connection before others have a turn.
pub(crate) const READ: usize = 32 * 1024;
/// Bytes of all TCP connections under way at the most; beyond it nobody is read.
pub(crate) const TCP_UNDER_WAY: u64 = 256 << 20;
/// When a connection that found no room of the kind that nobody announces tries again.
pub(crate) const RETRY: Duration = Duration::from_millis(5);
/// How long nobody is accepted after the system ran out of descriptors.
pub(crate) const BACKOFF: Duration = Duration::from_millis(100);
/// Room that UDP sockets ask the kernel for, in bytes.
pub(crate) const SOCKET_BUFFER: usize = 4 << 20;
/// The same where the kernel's own limit may be passed.
#[cfg(target_os = "linux")]
pub(crate) const SOCKET_BUFFER_OF_ROOT: usize = 32 << 20;
/// How long the target has to accept a connection when the relay starts.
pub(crate) const PROBE: Duration = Duration::from_secs(3);
/// What falls due within this much of a wake-up is one wake-up: 20,000 a second at the most.
pub(crate) const SLACK: Duration = Duration::from_micros(50);
/// How often the thread wakes without a reason, so that figures stay fresh.
pub(crate) const HEARTBEAT: Duration = Duration::from_millis(200);
/// Free ports looked at for one that both TCP and UDP can have.
pub(crate) const PORTS: usize = 32;
