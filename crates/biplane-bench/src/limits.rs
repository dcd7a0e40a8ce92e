//! Why a system did not use all of its processor in work as fast as it goes, where that is known.

use biplane_load::{Class, Tuning};

use crate::workload::Workload;

/// Where more than one message in so many was lost, losses set the rate.
const RARE: f64 = 1000.0;

/// What limits it, in words, given the share of its messages that came.
pub(crate) fn known(
    workload: Workload,
    system: &str,
    tuning: Tuning,
    delivered: Option<f64>,
) -> Option<&'static str> {
    let (class, _) = workload.messages()?;
    let is_lossy = delivered.is_some_and(|share| share < 1.0 - 1.0 / RARE);
    match (system, tuning) {
        ("rusty_enet", Tuning::Documented) => Some("it sleeps 10 ms between two services"),
        ("renet", Tuning::Documented) => Some("it sends 60,000 bytes a tick, and sleeps 16 ms"),
        ("enet", Tuning::Documented) if class == Class::Unreliable => {
            Some("it waits for its socket, 10 ms at most, between two services")
        }
        ("laminar", Tuning::Documented) => Some("it sleeps 1 ms between two polls"),
        ("enet" | "rusty_enet", _) if class != Class::Unreliable => {
            Some("at most 64 KiB of reliable messages in flight: its window's end")
        }
        ("laminar", Tuning::Tuned) if class != Class::Unreliable => {
            Some("it waits for reports: at most 128 reliable messages unreported")
        }
        _ if class == Class::Unreliable && is_lossy => {
            Some("what is lost: it halves the window of the benchmark")
        }
        _ => None,
    }
}

#[test]
fn a_peer_that_sleeps_says_so_and_one_that_has_no_reason_says_nothing() {
    let said = |system, tuning, share| known(Workload::Unreliable64, system, tuning, Some(share));
    assert!(said("renet", Tuning::Documented, 1.0).is_some_and(|limit| limit.contains("16 ms")));
    assert_eq!(said("renet", Tuning::Tuned, 1.0), None);
    assert!(said("quinn", Tuning::Documented, 0.99).is_some());
    assert_eq!(said("quinn", Tuning::Documented, 0.9995), None);
    assert_eq!(known(Workload::Idle, "renet", Tuning::Documented, None), None);
}
