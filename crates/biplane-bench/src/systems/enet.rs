//! ENet, the C library: <http://enet.bespin.org>.

#[cfg(has_enet)]
#[expect(unsafe_code, reason = "a C library is called in no other way")]
mod ffi;
#[cfg(has_enet)]
mod node;

use anyhow::Result;
#[cfg(not(has_enet))]
use anyhow::bail;
use biplane_load::{Class, Means, Served, Side, System, Tuning};

use super::node::{Pace, paces};

#[derive(Debug)]
pub(crate) struct Enet;

impl System for Enet {
    fn name(&self) -> &'static str {
        "enet"
    }

    fn version(&self) -> String {
        version()
    }

    fn is_encrypted(&self) -> bool {
        false
    }

    fn settings(&self, means: &Means) -> String {
        let driven = paces(means, Pace::Events).drives("service");
        let tuned = match means.tuning {
            Tuning::Documented => "; defaults (socket buffers 256 KiB asked)",
            Tuning::Tuned => {
                "; mtu 1452 (1392), throttle never falls, socket buffers 8/4 MiB asked"
            }
        };
        format!("{driven}{tuned}; a host a client; at most 256 KiB of reliable messages queued")
    }

    fn longest(&self, _class: Class) -> Option<usize> {
        Some(1 << 20)
    }

    fn serve(&self, means: &Means) -> Result<Served> {
        serve(means)
    }

    fn join(&self, means: &Means, address: &str) -> Result<Box<dyn Side>> {
        join(means, address)
    }
}

#[cfg(has_enet)]
use node::{join, serve, version};

#[cfg(not(has_enet))]
fn version() -> String {
    "absent".to_owned()
}

#[cfg(not(has_enet))]
fn serve(_means: &Means) -> Result<Served> {
    bail!("ENet was not built: its sources, those of the crate enet-sys, were not there")
}

#[cfg(not(has_enet))]
fn join(means: &Means, _address: &str) -> Result<Box<dyn Side>> {
    serve(means).map(|served| served.side)
}

#[cfg(has_enet)]
#[test]
fn it_does_what_every_system_must() {
    super::conformance::is_kept_by(&Enet);
}

#[cfg(has_enet)]
#[test]
fn it_carries_a_reliable_flow() {
    super::flow::is_carried_by(&Enet);
}
