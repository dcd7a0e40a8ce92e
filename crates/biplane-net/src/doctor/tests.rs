//! Over a socket that does one thing wrong in ten thousand datagrams, that thing is found, and over
//! the system's own socket nothing is.

use super::*;

const PACE: Pace = Pace { warm_up: Duration::ZERO, measured: Duration::from_millis(150) };
/// Enough that a fault of one in ten thousand has happened some times.
const ENOUGH: u64 = 50_000;

/// Cells one after another until enough datagrams have been sent, over a socket with that fault.
fn examined(shape: (usize, usize, bool), trick: Option<Trick>) -> Examination {
    let fault = trick.map(|trick| Fault { trick, tally: Arc::new(AtomicU64::new(0)) });
    let mut found = Examination { is_complete: true, ..Examination::default() };
    for run in 0..200 {
        found.matrix.push(matrix::cell(shape, PACE, (run, fault.as_ref())).unwrap());
        if found.totals().sent >= ENOUGH {
            break;
        }
    }
    assert!(found.totals().sent >= ENOUGH, "{found:?}");
    found
}

fn shapes() -> impl Iterator<Item = (usize, usize, bool)> {
    [(1, 1, false), (4, 2, false), (2, 2, true)]
        .into_iter()
        .filter(|(.., reuseport)| !reuseport || cfg!(target_os = "linux"))
}

#[test]
fn the_systems_own_sockets_are_sound() {
    for shape in shapes() {
        let found = examined(shape, None);
        let Counts { torn, duplicated, lost, sent, delivered_once, .. } = found.totals();
        assert_eq!((torn, duplicated, lost), (0, 0, 0), "{shape:?}: {found:?}");
        assert_eq!(sent, delivered_once);
        assert!(found.is_sound());
    }
}

#[test]
fn one_reader_of_one_socket_sees_what_one_thread_sent_in_order() {
    let found = examined((1, 1, false), None);
    assert_eq!(found.symptoms(), []);
    assert_eq!((found.totals().reordered, found.totals().worst_displacement), (0, 0));
}

#[test]
fn what_is_repeated_is_found_and_unsound() {
    for shape in shapes() {
        let found = examined(shape, Some(Trick::Repeat));
        let Counts { duplicated, torn, sent, .. } = found.totals();
        assert!(duplicated >= 3 && duplicated <= sent / 5_000, "{shape:?}: {found:?}");
        assert_eq!(torn, 0);
        assert!(found.symptoms().contains(&Symptom::Duplicated) && !found.is_sound());
    }
}

#[test]
fn what_is_torn_is_found_and_unsound() {
    for shape in shapes() {
        let found = examined(shape, Some(Trick::Tear));
        let Counts { duplicated, torn, lost, sent, .. } = found.totals();
        assert!(torn >= 3 && torn <= sent / 5_000, "{shape:?}: {found:?}");
        assert_eq!((duplicated, lost), (0, 0), "torn is not lost: {found:?}");
        assert!(found.symptoms().contains(&Symptom::Torn) && !found.is_sound());
    }
}

#[test]
fn what_is_lost_is_counted_and_sound() {
    for shape in shapes() {
        let found = examined(shape, Some(Trick::Lose));
        let Counts { duplicated, torn, lost, sent, .. } = found.totals();
        assert!(lost >= 3 && lost <= sent / 5_000, "{shape:?}: {found:?}");
        assert_eq!((duplicated, torn), (0, 0));
        assert!(found.symptoms().contains(&Symptom::Lost) && found.is_sound());
    }
}

#[test]
fn what_is_reordered_is_counted_and_sound() {
    let found = examined((1, 1, false), Some(Trick::Reorder));
    let Counts { duplicated, torn, reordered_within_reader, worst_displacement, .. } =
        found.totals();
    assert!(reordered_within_reader >= 3, "{found:?}");
    assert_eq!((duplicated, torn, worst_displacement), (0, 0, 3), "{found:?}");
    assert!(found.symptoms().contains(&Symptom::Reordered) && found.is_sound());
}

#[test]
fn runs_of_datagrams_are_torn_and_repeated_too() {
    for (trick, symptom) in [(Trick::Tear, Symptom::Torn), (Trick::Repeat, Symptom::Duplicated)] {
        let fault = Fault { trick, tally: Arc::new(AtomicU64::new(0)) };
        let offload = Some(offload::examine(PACE, 0, Some(&fault)).unwrap());
        let found = Examination { offload, ..Examination::default() };
        assert_eq!(found.symptoms().first(), Some(&symptom), "{found:?}");
    }
}

#[test]
fn runs_of_datagrams_arrive_whole_and_once() {
    let found = offload::examine(PACE, 0, None).unwrap();
    let Counts { torn, duplicated, lost, sent, .. } = found.counts;
    assert_eq!((torn, duplicated, lost), (0, 0, 0), "{found:?}");
    assert!(sent > 0 && found.gso_segments >= 1 && found.gro_segments >= 1);
}

#[test]
fn who_watches_may_end_it_and_gets_what_is_there() {
    let mut left = 2;
    let found = examine(&DoctorConfig::default(), &mut |_| {
        left -= 1;
        if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })
    .unwrap();
    assert!(!found.is_complete && found.buffers.is_some() && found.matrix.is_empty());
    assert_eq!(found.soundness(), Soundness::NotShown);
}
