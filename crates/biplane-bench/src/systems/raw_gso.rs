//! Plain UDP with segmentation offload: a datagram a message, up to 64 of them a system call.

use anyhow::Result;
use biplane_load::{Class, Means, Served, Side, System};

use super::udp::{self, Clear, Datagrams, Packing};

#[derive(Debug)]
pub(crate) struct RawGso;

impl System for RawGso {
    fn name(&self) -> &'static str {
        "raw_gso"
    }

    fn version(&self) -> String {
        format!("quinn-udp {}", super::versions::of("quinn-udp"))
    }

    fn is_encrypted(&self) -> bool {
        false
    }

    fn settings(&self, means: &Means) -> String {
        let buffers = udp::settings(means.tuning);
        format!("a datagram a message; GSO and GRO in runs of up to 64; {buffers}")
    }

    fn longest(&self, class: Class) -> Option<usize> {
        (class == Class::Unreliable).then_some(udp::LONGEST)
    }

    fn serve(&self, means: &Means) -> Result<Served> {
        let (side, address) = Datagrams::serve(means, Packing::Runs, Clear)?;
        Ok(Served { side: Box::new(side), address: address.to_string() })
    }

    fn join(&self, means: &Means, address: &str) -> Result<Box<dyn Side>> {
        Ok(Box::new(Datagrams::join(means, Packing::Runs, Clear, address)?))
    }
}

#[test]
fn it_does_what_every_system_must() {
    super::conformance::is_kept_by(&RawGso);
}
