//! Sessions that are resumed again and again, and servers that are started anew: every seal of the
//! run is compared with all before it.

use core::time::Duration;
use std::time::Instant;

use biplane_proto::{Planes, Session};
use biplane_sim::{
    Broken, Canary, CanaryKind, ClientConfig, ContractBreach, Protocol, Side, WiresConfig, World,
};
use bytes::Bytes;

const SEED: u64 = 6;
const LATENCY: Duration = Duration::from_millis(5);
/// Everything that is waited for happens within this.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two losses.
const REST: Duration = Duration::from_millis(100);

/// What came of them.
#[derive(Debug, Default)]
pub(crate) struct Cycles {
    pub(crate) resumes: u64,
    pub(crate) restarts: u64,
    /// Pairs of key and nonce that were compared.
    pub(crate) nonces: u64,
    /// Those of them that were used twice.
    pub(crate) repeated: u64,
    /// Everything that was broken, in words.
    pub(crate) breaches: Vec<String>,
}

impl Cycles {
    pub(crate) const fn hold(&self) -> bool {
        self.repeated == 0 && self.breaches.is_empty()
    }
}

/// Resumes one session `count` times, then starts its server anew `count` times.
pub(crate) fn go_through(start: Instant, count: u64, canary: Option<CanaryKind>) -> Cycles {
    let mut world = World::new(start, SEED, Protocol::of_every_kind());
    world.count_nonces();
    let mut cycles = Cycles::default();
    let first = join(&mut world, canary);
    for _ in 0..count {
        cycles.resumes += u64::from(resume(&mut world, first));
    }
    for _ in 0..count {
        world.restart(0);
        let client = join(&mut world, canary);
        cycles.restarts += u64::from(flies(&world, client));
    }
    let repeats = |what: &Broken| *what == Broken::Contract(ContractBreach::NonceRepeated);
    let breaches = world.breaches();
    cycles.repeated = breaches.iter().filter(|breach| repeats(&breach.what)).count() as u64;
    cycles.breaches = breaches.iter().map(ToString::to_string).collect();
    cycles.nonces = world.nonces();
    cycles
}

/// Whether sessions that all begin with one secret are found out.
pub(crate) fn canary_is_caught(start: Instant, count: u64) -> bool {
    go_through(start, count, None).hold()
        && go_through(start, count, Some(CanaryKind::Recalls)).repeated > 0
}

/// A client joins, and both ends say something.
fn join(world: &mut World, canary: Option<CanaryKind>) -> usize {
    let mut config = ClientConfig::new(WiresConfig::clean(LATENCY));
    let channel = world.protocol().channel("unreliable");
    let canary = canary.zip(channel);
    let canary = canary.map(|(kind, channel)| Canary { kind, channel, after: 0 });
    (config.client.canary, config.server.canary) = (canary, canary);
    let client = world.connect(config);
    world.run_until(PATIENCE, |world| flies(world, client));
    speak(world, client);
    client
}

/// The client's session goes on over another connection; whether it does.
fn resume(world: &mut World, client: usize) -> bool {
    let (now, before) = (world.now(), world.resumes(client));
    if let Some(wires) = world.wires_mut(client) {
        wires.kill_control(now);
    }
    let resumed = world.run_until(PATIENCE, |world| world.resumes(client) > before);
    speak(world, client);
    resumed
}

fn speak(world: &mut World, client: usize) {
    let Some(channel) = world.protocol().channel("unreliable") else { return };
    for side in [Side::Client(client), Side::Server(client)] {
        // A session that does not take it does not fly, which is seen elsewhere.
        world.send(side, channel, Bytes::from_static(b"something to seal")).ok();
        world.flush(side);
    }
    world.run_for(REST);
    for side in [Side::Client(client), Side::Server(client)] {
        world.take_all(side);
    }
}

fn flies(world: &World, client: usize) -> bool {
    let planes = |side| world.session(side).map(Session::planes);
    [Side::Client(client), Side::Server(client)]
        .iter()
        .all(|side| planes(*side) == Some(Planes::Both))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_nonce_comes_twice_unless_a_session_recalls_another_ones_secret() {
        let cycles = go_through(Instant::now(), 3, None);
        assert!(cycles.hold(), "{cycles:?}");
        assert_eq!((cycles.resumes, cycles.restarts), (3, 3));
        assert!(cycles.nonces > 30, "{cycles:?}");
        assert!(canary_is_caught(Instant::now(), 2));
    }
}
