//! Plain UDP with segmentation offload: as many messages a datagram as fit 1,452
//! bytes, as many datagrams a system call as it takes.

use anyhow::Result;
use biplane_load::{Class, Means, Served, Side, System};

use super::udp::{self, Clear, Datagrams, Packing};

#[derive(Debug)]
pub(crate) struct RawGsoCoalesced;

impl System for RawGsoCoalesced {
    fn name(&self) -> &'static str {
        "raw_gso_coalesced"
    }

    fn version(&self) -> String {
        format!("quinn-udp {}", super::versions::of("quinn-udp"))
    }

    fn is_encrypted(&self) -> bool {
        false
    }

    fn settings(&self, means: &Means) -> String {
        let buffers = udp::settings(means.tuning);
        format!("as many messages a datagram as fit 1,452 bytes; GSO and GRO; {buffers}")
    }

    fn longest(&self, class: Class) -> Option<usize> {
        (class == Class::Unreliable).then_some(udp::LONGEST)
    }

    fn serve(&self, means: &Means) -> Result<Served> {
        let (side, address) = Datagrams::serve(means, Packing::CoalescedRuns, Clear)?;
        Ok(Served { side: Box::new(side), address: address.to_string() })
    }

    fn join(&self, means: &Means, address: &str) -> Result<Box<dyn Side>> {
        Ok(Box::new(Datagrams::join(means, Packing::CoalescedRuns, Clear, address)?))
    }
}

#[test]
fn it_does_what_every_system_must() {
    super::conformance::is_kept_by(&RawGsoCoalesced);
}
