//! Receivers that wait, one of which does not come back.

use core::time::Duration;
use std::{net::UdpSocket, sync::mpsc, thread};

use super::*;
use crate::EndpointConfig;

type Post = super::Post<WatchedSocket>;

const PATIENCE: Duration = Duration::from_secs(20);

fn post() -> Arc<Post> {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let socket = UdpDatagrams::new(socket, &EndpointConfig::single()).unwrap();
    let poller = Poller::new(socket.socket()).unwrap();
    Arc::new(Post::new(WatchedSocket::new(Arc::new(socket), Arc::new(poller), None)))
}

/// The receiver `me` waits once; what it says when it woke.
fn waiting(post: &Arc<Post>, me: usize) -> mpsc::Receiver<()> {
    let (woke, woken) = mpsc::channel();
    let post = Arc::clone(post);
    thread::spawn(move || {
        post.wait(me);
        woke.send(()).unwrap();
    });
    woken
}

fn until(post: &Post, what: &str, so: impl Fn(&State) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !so(&lock(&post.state)) {
        assert!(Instant::now() < deadline, "waited for {what}");
        thread::yield_now();
    }
}

/// A leader on the socket, and one who sleeps.
fn crew(post: &Arc<Post>) -> [mpsc::Receiver<()>; 2] {
    let leader = waiting(post, 0);
    until(post, "a leader", |state| state.watched);
    let other = waiting(post, 1);
    until(post, "a sleeper", |state| state.asleep == 1);
    [leader, other]
}

fn traffic(post: &Post) {
    for _ in 0..2 * limits::WATCH_BATCHES {
        post.took_batch(clock::now(), 1);
    }
    until(post, "somebody on watch", |state| state.watch == Watch::Kept);
}

/// Under traffic the leader takes a batch and stays away, while more has come: the other stands in.
fn stand_in(post: &Arc<Post>) {
    let [leader, other] = crew(post);
    traffic(post);
    send_to(post);
    leader.recv_timeout(PATIENCE).unwrap();
    other.recv_timeout(PATIENCE).expect("the other looks after the socket");
}

fn send_to(post: &Post) {
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    stranger.send_to(b"x", post.watched.socket.socket().local_addr().unwrap()).unwrap();
}

#[test]
fn under_traffic_a_leader_that_stays_away_is_replaced() {
    let post = post();
    stand_in(&post);
    until(&post, "nobody asleep", |state| state.asleep == 0 && state.watch == Watch::Nobody);
    post.stop();
}

/// What is on the socket is taken.
fn take_all(post: &Post) {
    let socket = post.watched.socket.socket();
    socket.set_nonblocking(true).unwrap();
    while socket.recv(&mut [0; 8]).is_ok() {}
}

#[test]
fn a_leader_that_comes_back_has_its_place_again() {
    let post = post();
    stand_in(&post);
    take_all(&post);
    let other = waiting(&post, 1);
    until(&post, "the other on the socket", |state| state.watched);
    let leader = waiting(&post, 0);
    until(&post, "the leader asleep", |state| state.leader == Leader::Back);
    send_to(&post);
    other.recv_timeout(PATIENCE).unwrap();
    assert!(leader.try_recv().is_err(), "the other takes this batch");
    take_all(&post);
    let other = waiting(&post, 1);
    leader.recv_timeout(PATIENCE).expect("its place is free");
    let _leader = waiting(&post, 0);
    until(&post, "the leader on the socket", |state| state.watched);
    until(&post, "the other asleep", |state| state.asleep == 1 && state.stand_in.is_none());
    post.stop();
    other.recv_timeout(PATIENCE).unwrap();
}

#[test]
fn while_the_leader_waits_the_other_stays_where_it_is() {
    let post = post();
    let [_leader, other] = crew(&post);
    traffic(&post);
    assert!(other.recv_timeout(4 * limits::WATCH_INTERVAL).is_err());
    post.stop();
    other.recv_timeout(PATIENCE).unwrap();
}

#[test]
fn after_the_traffic_nobody_is_on_watch() {
    let post = post();
    let [_leader, other] = crew(&post);
    traffic(&post);
    until(&post, "all asleep", |state| state.watch == Watch::Nobody);
    assert!(other.try_recv().is_err());
    post.stop();
}

#[test]
fn light_traffic_puts_nobody_on_watch() {
    let post = post();
    let _crew = crew(&post);
    let mut now = clock::now();
    for _ in 0..4 * limits::WATCH_BATCHES {
        now += limits::WATCH_SPAN / 10;
        post.took_batch(now, 1);
    }
    assert_eq!(lock(&post.state).watch, Watch::Nobody);
    post.stop();
}

#[test]
fn a_call_wakes_one_and_no_more_than_sleep() {
    let post = post();
    let [_leader, other] = crew(&post);
    post.call_another();
    post.call_another();
    other.recv_timeout(PATIENCE).unwrap();
    assert_eq!(lock(&post.state).calls, 0);
    post.stop();
}

/// A caller leads, and both receivers sleep, the second of which led before.
fn called_on(post: &Arc<Post>) -> (Lead<'_, WatchedSocket>, [mpsc::Receiver<()>; 2]) {
    let led = waiting(post, 1);
    until(post, "a leader", |state| state.watched);
    let first = waiting(post, 0);
    until(post, "a sleeper", |state| state.asleep == 1);
    let lead = post.lead(clock::now()).expect("nothing has come");
    // The first datagram is for both.
    send_to(post);
    led.recv_timeout(PATIENCE).unwrap();
    take_all(post);
    let led = waiting(post, 1);
    until(post, "both asleep", |state| state.asleep == 2);
    (lead, [first, led])
}

#[test]
fn while_a_caller_leads_the_receivers_sleep() {
    let post = post();
    let (lead, [first, led]) = called_on(&post);
    send_to(&post);
    assert!(first.recv_timeout(4 * limits::WATCH_INTERVAL).is_err());
    assert!(led.try_recv().is_err());
    assert_eq!(lock(&post.state).watch, Watch::Nobody);
    drop(lead);
    post.stop();
}

#[test]
fn who_led_before_a_caller_stands_in_when_that_stays_away() {
    let post = post();
    let (lead, [first, led]) = called_on(&post);
    drop(lead);
    led.recv_timeout(PATIENCE).expect("its place is free");
    let led = waiting(&post, 1);
    until(&post, "it on the socket", |state| state.watched && state.stand_in.is_none());
    assert!(first.recv_timeout(4 * limits::WATCH_INTERVAL).is_err(), "one is enough");
    assert!(led.try_recv().is_err());
    post.stop();
}

#[test]
fn a_caller_that_comes_back_soon_keeps_its_place() {
    let post = post();
    let (mut lead, [first, led]) = called_on(&post);
    for _ in 0..20 {
        drop(lead);
        lead = post.lead(clock::now()).expect("little comes");
        assert!(lead.took_batch(clock::now(), 1, false));
        thread::sleep(limits::WATCH_INTERVAL / 2);
    }
    assert!(first.try_recv().is_err() && led.try_recv().is_err());
    drop(lead);
    post.stop();
}

const MUCH: u64 = limits::CALLER_DATAGRAMS + 1;

#[test]
fn where_much_comes_a_caller_that_keeps_up_leads_on() {
    let post = post();
    let (lead, [first, led]) = called_on(&post);
    assert!(lead.took_batch(clock::now(), MUCH, false));
    assert!(first.recv_timeout(4 * limits::WATCH_INTERVAL).is_err());
    assert!(led.try_recv().is_err());
    drop(lead);
    post.stop();
}

#[test]
fn where_much_comes_who_led_before_leads_at_once_in_place_of_a_caller_that_is_behind() {
    let post = post();
    let (lead, [first, led]) = called_on(&post);
    let now = clock::now();
    assert!(!lead.took_batch(now, MUCH, true));
    drop(lead);
    led.recv_timeout(PATIENCE).expect("it is called");
    assert!(first.try_recv().is_err());
    assert!(post.lead(now).is_none());
    let later = now + limits::CALLER_REST;
    post.took_batch(later, MUCH);
    assert!(post.lead(later).is_some(), "it may have caught up");
    post.stop();
}

#[test]
fn while_little_comes_a_caller_may_be_behind() {
    let post = post();
    let (lead, _receivers) = called_on(&post);
    assert!(lead.took_batch(clock::now(), 1, true));
    drop(lead);
    assert!(post.lead(clock::now()).is_some());
    post.stop();
}

#[test]
fn who_stayed_away_does_not_lead_where_much_comes() {
    let post = post();
    let (lead, [_first, led]) = called_on(&post);
    let now = clock::now();
    drop(lead);
    led.recv_timeout(PATIENCE).expect("it stands in");
    let lead = post.lead(now).expect("little comes");
    assert!(!lead.took_batch(now, MUCH, false));
    drop(lead);
    assert!(post.lead(now).is_none());
    post.stop();
}

#[test]
fn the_end_leaves_no_place_for_a_caller() {
    let post = post();
    post.stop();
    assert!(post.lead(clock::now()).is_none());
}
