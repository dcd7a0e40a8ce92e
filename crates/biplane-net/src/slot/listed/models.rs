//! Who is announced is looked at, and stands in the list once.

use std::sync::Arc;

use super::*;
use crate::sync::{
    Receiver, Sender,
    atomic::AtomicU64,
    bounded,
    explore::{every_order, orders_with, spawn},
};

/// A session of which one takes the news that others bring.
struct Board {
    listed: Listed,
    news: AtomicU64,
    put: Sender<()>,
    taken: Receiver<()>,
}

impl Board {
    fn new() -> Arc<Self> {
        // Room for one: it stands there at most once.
        let (put, taken) = bounded(1);
        Arc::new(Self { listed: Listed::default(), news: AtomicU64::new(0), put, taken })
    }

    fn announce(&self) {
        // Relaxed: what makes it seen is the place in the list.
        self.news.fetch_add(1, Ordering::Relaxed);
        if self.listed.enter() {
            self.put.try_send(()).expect("it stands there twice");
        }
    }

    fn look(&self) -> u64 {
        self.news.load(Ordering::Relaxed)
    }
}

/// `count` threads bring one piece of news each; the taker looks as `look` does until it has all.
fn model(count: u64, look: fn(&Board) -> u64) -> impl Fn() + Send + Sync + 'static {
    move || {
        let board = Board::new();
        let bring = |board: &Arc<Board>| {
            let board = Arc::clone(board);
            spawn(move || board.announce())
        };
        let threads: Vec<_> = (0..count).map(|_| bring(&board)).collect();
        let mut seen = 0;
        while seen < count {
            board.taken.recv().unwrap();
            seen = look(&board);
        }
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
}

fn leave_then_look(board: &Board) -> u64 {
    board.listed.leave();
    board.look()
}

#[test]
fn news_of_one_and_of_two_is_never_missed() {
    every_order(model(1, leave_then_look));
    every_order(model(2, leave_then_look));
}

#[test]
fn news_of_three_is_never_missed() {
    orders_with(3, model(3, leave_then_look));
}

#[test]
#[should_panic(expected = "deadlock")]
fn canary_a_taker_that_looks_first() {
    every_order(model(2, |board| {
        let seen = board.look();
        board.listed.leave();
        seen
    }));
}

#[test]
#[should_panic(expected = "deadlock")]
fn canary_a_taker_that_leaves_by_a_store() {
    every_order(model(2, |board| {
        board.listed.0.store(false, Ordering::SeqCst);
        board.look()
    }));
}
