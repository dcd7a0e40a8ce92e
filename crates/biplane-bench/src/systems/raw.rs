//! Plain UDP, in three forms: what the system under us can do without any protocol.

use anyhow::Result;
use biplane_load::{Class, Means, Served, Side, System};

use super::udp::{self, Clear, Datagrams, Packing};

/// One form of plain UDP.
#[derive(Debug)]
pub(crate) struct Raw {
    name: &'static str,
    packing: Packing,
    /// How messages become datagrams, and datagrams system calls.
    form: &'static str,
}

/// A datagram a message, a system call a datagram.
pub(crate) const RAW: Raw = Raw {
    name: "raw",
    packing: Packing::Single,
    form: "sendmsg a datagram; recvmmsg of up to 32, where GRO finds nothing",
};

/// A datagram a message, up to 64 of them a system call.
pub(crate) const RAW_GSO: Raw = Raw {
    name: "raw_gso",
    packing: Packing::Runs,
    form: "a datagram a message; GSO and GRO in runs of up to 64",
};

/// As many messages a datagram as fit 1,452 bytes, as many datagrams a system call as it takes.
pub(crate) const RAW_GSO_COALESCED: Raw = Raw {
    name: "raw_gso_coalesced",
    packing: Packing::CoalescedRuns,
    form: "as many messages a datagram as fit 1,452 bytes; GSO and GRO",
};

impl System for Raw {
    fn name(&self) -> &'static str {
        self.name
    }

    fn version(&self) -> String {
        format!("quinn-udp {}", super::versions::of("quinn-udp"))
    }

    fn is_encrypted(&self) -> bool {
        false
    }

    fn settings(&self, means: &Means) -> String {
        format!("{}; {}", self.form, udp::settings(means.tuning))
    }

    fn longest(&self, class: Class) -> Option<usize> {
        (class == Class::Unreliable).then_some(udp::LONGEST)
    }

    fn serve(&self, means: &Means) -> Result<Served> {
        let (side, address) = Datagrams::serve(means, self.packing, Clear)?;
        Ok(Served { side: Box::new(side), address: address.to_string() })
    }

    fn join(&self, means: &Means, address: &str) -> Result<Box<dyn Side>> {
        Ok(Box::new(Datagrams::join(means, self.packing, Clear, address)?))
    }
}

#[test]
fn each_form_does_what_every_system_must() {
    for form in [RAW, RAW_GSO, RAW_GSO_COALESCED] {
        super::conformance::is_kept_by(&form);
    }
}
