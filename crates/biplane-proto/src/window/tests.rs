//! What a window takes, in small steps and beside a set.

mod model;

use core::time::Duration;

use super::*;

fn commit(window: &mut ReplayWindow, now: Instant, number: u64) -> Result<(), DropReason> {
    window.commit(now, PacketNumber(number))
}

#[test]
fn takes_each_number_once() {
    let now = Instant::now();
    let mut window = ReplayWindow::new(PacketNumber(0));
    assert_eq!(commit(&mut window, now, 5), Ok(()));
    assert_eq!(commit(&mut window, now, 5), Err(DropReason::Replayed));
    assert_eq!(commit(&mut window, now, 3), Ok(()));
    assert_eq!(commit(&mut window, now, 3), Err(DropReason::Replayed));
    assert_eq!(window.largest(), PacketNumber(5));
}

#[test]
fn what_fell_below_the_floor_is_late() {
    let now = Instant::now();
    let mut window = ReplayWindow::new(PacketNumber(0));
    commit(&mut window, now, limits::WINDOW_MIN + 9).unwrap();
    assert_eq!(window.floor(), PacketNumber(10));
    assert_eq!(commit(&mut window, now, 9), Err(DropReason::Late));
    assert_eq!(commit(&mut window, now, 10), Ok(()));
}

#[test]
fn numbers_before_the_first_are_late() {
    let mut window = ReplayWindow::new(PacketNumber(100));
    assert_eq!(window.commit(Instant::now(), PacketNumber(99)), Err(DropReason::Late));
}

#[test]
fn grows_with_the_flow_and_keeps_what_it_knew() {
    let start = Instant::now();
    let mut window = ReplayWindow::new(PacketNumber(0));
    for number in (0..5_000).filter(|number| number % 7 != 0) {
        let now = start + Duration::from_micros(40 * number);
        commit(&mut window, now, number).unwrap();
    }
    let now = start + Duration::from_secs(1);
    assert!(window.capacity() >= 2_048);
    for number in window.floor().0..5_000 {
        let expected = if number % 7 == 0 { Ok(()) } else { Err(DropReason::Replayed) };
        assert_eq!(commit(&mut window, now, number), expected, "{number}");
    }
}
