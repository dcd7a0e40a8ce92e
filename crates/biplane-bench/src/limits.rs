//! Why a system did not use all of its processor in work as fast as it goes, where that is known.

use biplane_load::{Class, Tuning};

use crate::workload::Workload;

/// What limits it, in words.
pub(crate) fn known(workload: Workload, system: &str, tuning: Tuning) -> Option<&'static str> {
    let (class, _) = workload.messages()?;
    match (system, tuning) {
        ("rusty_enet", Tuning::Documented) => Some("it sleeps 10 ms between two services"),
        ("renet", Tuning::Documented) => Some("it sends 60,000 bytes a tick, and sleeps 16 ms"),
        ("laminar", Tuning::Documented) => Some("it sleeps 1 ms between two polls"),
        ("enet" | "rusty_enet", _) if class != Class::Unreliable => {
            Some("at most 64 KiB of reliable messages in flight: its window's end")
        }
        ("laminar", Tuning::Tuned) if class != Class::Unreliable => {
            Some("it waits for reports: at most 512 reliable packets in flight")
        }
        (_, Tuning::Documented) if class == Class::Unreliable => {
            Some("the kernel's receive buffer: what does not fit is lost, and the window shrinks")
        }
        _ => None,
    }
}

#[test]
fn a_peer_that_sleeps_says_so_and_one_that_has_no_reason_says_nothing() {
    let said = |system, tuning| known(Workload::Unreliable64, system, tuning);
    assert!(said("renet", Tuning::Documented).is_some_and(|limit| limit.contains("16 ms")));
    assert_eq!(said("renet", Tuning::Tuned), None);
    assert_eq!(known(Workload::Idle, "renet", Tuning::Documented), None);
}
