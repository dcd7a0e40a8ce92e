//! Plain UDP: a datagram a message, a system call a datagram.

use anyhow::Result;
use biplane_load::{Class, Means, Served, Side, System};

use super::udp::{self, Clear, Datagrams, Packing};

#[derive(Debug)]
pub(crate) struct Raw;

impl System for Raw {
    fn name(&self) -> &'static str {
        "raw"
    }

    fn version(&self) -> String {
        format!("quinn-udp {}", super::versions::of("quinn-udp"))
    }

    fn is_encrypted(&self) -> bool {
        false
    }

    fn settings(&self, means: &Means) -> String {
        let buffers = udp::settings(means.tuning);
        format!("sendmsg a datagram; recvmmsg of up to 32, where GRO finds nothing; {buffers}")
    }

    fn longest(&self, class: Class) -> Option<usize> {
        (class == Class::Unreliable).then_some(udp::LONGEST)
    }

    fn serve(&self, means: &Means) -> Result<Served> {
        let (side, address) = Datagrams::serve(means, Packing::Single, Clear)?;
        Ok(Served { side: Box::new(side), address: address.to_string() })
    }

    fn join(&self, means: &Means, address: &str) -> Result<Box<dyn Side>> {
        Ok(Box::new(Datagrams::join(means, Packing::Single, Clear, address)?))
    }
}

#[test]
fn it_does_what_every_system_must() {
    super::conformance::is_kept_by(&Raw);
}
