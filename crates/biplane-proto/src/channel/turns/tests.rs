//! Channels that always have something to send, and what leaves of each.

use core::num::NonZeroU8;
use std::time::Instant;

use biplane_wire::{ChannelId, ChannelKind};

use super::super::{Channels, Space};
use crate::{ChannelConfig, Content, SendOptions, recovery::SentFrame};

/// What messages of one packet may take.
const PACKET: usize = 1_175;

/// What a channel of a test is like.
#[derive(Clone, Copy)]
struct Lane {
    kind: ChannelKind,
    priority: u8,
    weight: u8,
}

/// A channel of this weight, and of the lowest priority.
const fn lane(kind: ChannelKind, weight: u8) -> Lane {
    Lane { kind, priority: 0, weight }
}

/// Channels that send, each with the bytes of frames that it sent so far.
struct Scene {
    now: Instant,
    channels: Channels,
    sent: Vec<usize>,
}

impl Scene {
    fn new(lanes: &[Lane]) -> Self {
        let config = |lane: &Lane| ChannelConfig {
            priority: lane.priority,
            weight: NonZeroU8::new(lane.weight).unwrap(),
            ..ChannelConfig::new(lane.kind, 16_384)
        };
        let configs = lanes.iter().map(config).collect();
        let channels = Channels::new(configs, 1 << 30, 1 << 30);
        Self { now: Instant::now(), channels, sent: vec![0; lanes.len()] }
    }

    fn queue(&mut self, lane: usize, count: usize, len: usize) {
        for _ in 0..count {
            let (payload, how) = (Content::Shared(vec![0; len].into()), SendOptions::default());
            self.channels.send(self.now, id(lane), payload, how).unwrap();
        }
    }

    /// The channels of the messages of the next packet, in order.
    fn packet(&mut self) -> Vec<usize> {
        self.fill(PACKET)
    }

    fn fill(&mut self, mut room: usize) -> Vec<usize> {
        let mut lanes = Vec::new();
        while let Some(outgoing) = self.channels.next_message(self.now, Space::in_record(room)) {
            let len = outgoing.len(true);
            room -= len;
            self.sent[outgoing.channel.index()] += len;
            lanes.push(outgoing.channel.index());
        }
        lanes
    }

    /// What each channel sent of a million bytes that left while all always had more.
    fn shares(&mut self, lengths: &[usize]) -> Vec<f64> {
        while self.sent.iter().sum::<usize>() < 1_000_000 {
            for (lane, len) in lengths.iter().enumerate() {
                let waiting = self.channels.list[lane].stats(self.now).queued_messages;
                let wanted = usize::try_from(40_u64.saturating_sub(waiting)).unwrap();
                self.queue(lane, wanted, *len);
                self.acknowledge(lane);
            }
            assert!(!self.packet().is_empty());
        }
        let all = self.sent.iter().sum::<usize>() as f64;
        self.sent.iter().map(|sent| *sent as f64 / all).collect()
    }

    /// All that left of a reliable channel has arrived.
    fn acknowledge(&mut self, lane: usize) {
        let next = self.channels.list[lane].next();
        for number in next.0.saturating_sub(100)..next.0 {
            let frame = SentFrame::Message(id(lane), biplane_wire::SequenceNumber(number), 1);
            self.channels.on_ack(self.now, frame);
        }
    }
}

fn id(lane: usize) -> ChannelId {
    ChannelId::new(u8::try_from(lane).unwrap()).unwrap()
}

use ChannelKind::{ReliableOrdered, ReliableUnordered, Sequenced, Unreliable};

#[test]
fn bytes_are_shared_by_weight_whatever_the_lengths_of_messages() {
    for (weights, lengths) in [
        ([1, 1, 1], [64, 200, 300]),
        ([1, 2, 5], [300, 64, 150]),
        ([5, 2, 1], [16_000, 64, 200]),
        ([1, 20, 100], [1_100, 1_100, 1_100]),
        ([255, 1, 254], [50, 160, 300]),
    ] {
        let kinds = [Unreliable, ReliableOrdered, ReliableUnordered];
        let lanes = [0, 1, 2].map(|place| lane(kinds[place], weights[place]));
        let shares = Scene::new(&lanes).shares(&lengths);
        let all: u16 = weights.iter().map(|weight| u16::from(*weight)).sum();
        for (share, weight) in shares.iter().zip(weights) {
            let due = f64::from(weight) / f64::from(all);
            assert!((share - due).abs() < 0.03, "{weights:?} {lengths:?}: {shares:?}");
        }
    }
}

#[test]
fn a_light_channel_does_not_starve_beside_a_heavy_one() {
    let mut scene = Scene::new(&[lane(Unreliable, 1), lane(ReliableOrdered, 50)]);
    scene.queue(0, 20, 1_000);
    scene.queue(1, 900, 1_000);
    let packets: Vec<_> = (0..510).map(|_| scene.packet()).collect();
    let light: Vec<_> = (0..510).filter(|number| packets[*number] == [0]).collect();
    let longest = light.windows(2).map(|pair| pair[1] - pair[0]).max();
    assert!((9..=11).contains(&light.len()) && longest <= Some(64), "{light:?}");
}

#[test]
fn among_equals_turns_are_short() {
    let mut scene = Scene::new(&[lane(Unreliable, 1), lane(ReliableOrdered, 1)]);
    scene.queue(1, 500, 1_100);
    for _ in 0..10 {
        scene.packet();
    }
    scene.queue(0, 1, 100);
    let waited = (0..).find(|_| scene.packet().contains(&0));
    assert!(waited <= Some(1), "{waited:?}");
}

#[test]
fn the_urgent_waits_for_nothing_that_goes_again() {
    let low = lane(ReliableUnordered, 255);
    let high = Lane { priority: 1, ..lane(Unreliable, 1) };
    let mut scene = Scene::new(&[low, high]);
    scene.queue(0, 50, 1_100);
    for _ in 0..50 {
        assert_eq!(scene.packet(), [0]);
    }
    for number in 0..50 {
        let frame = SentFrame::Message(id(0), biplane_wire::SequenceNumber(number), 1);
        scene.channels.on_lost(frame);
    }
    for _ in 0..50 {
        scene.queue(1, 1, 300);
        assert_eq!(scene.packet()[0], 1);
        assert_eq!(scene.packet(), [0], "what goes again has what is left");
    }
}

#[test]
fn what_goes_again_counts_to_its_channels_share_and_goes_before_what_is_new() {
    let mut scene = Scene::new(&[lane(ReliableUnordered, 1), lane(Unreliable, 1)]);
    scene.queue(0, 40, 500);
    while !scene.packet().is_empty() {}
    for number in 0..40 {
        let frame = SentFrame::Message(id(0), biplane_wire::SequenceNumber(number), 1);
        scene.channels.on_lost(frame);
    }
    scene.queue(0, 40, 500);
    scene.queue(1, 200, 500);
    scene.sent = vec![0; 2];
    let before = scene.channels.list[0].next();
    for _ in 0..40 {
        scene.packet();
    }
    assert_eq!(scene.channels.list[0].next(), before, "nothing new has left");
    let [again, other] = [scene.sent[0], scene.sent[1]];
    assert!(again.abs_diff(other) < 1_200, "{again} and {other}");
}

#[test]
fn who_was_silent_has_nothing_saved_up_and_owes_nothing_for_long() {
    let mut scene = Scene::new(&[lane(Unreliable, 1), lane(ReliableOrdered, 1)]);
    scene.queue(0, 1, 16_000);
    scene.queue(1, 400, 1_000);
    // A long piece, as TCP takes it: it owes 8 KiB.
    while !scene.fill(8_192).contains(&0) {}
    for _ in 0..100 {
        scene.packet();
    }
    scene.sent = vec![0; 2];
    scene.queue(0, 100, 1_000);
    for _ in 0..20 {
        scene.packet();
    }
    assert!(scene.sent[0].abs_diff(scene.sent[1]) < 2_400, "{:?}", scene.sent);
}

#[test]
fn what_does_not_fit_leaves_its_room_to_others_who_pay_for_it() {
    let mut scene = Scene::new(&[lane(Unreliable, 1), lane(ReliableOrdered, 1)]);
    let shares = scene.shares(&[700, 100]);
    // One of 700 bytes fits a packet, no matter what, so the rest is the other's.
    assert!((0.45..=0.64).contains(&shares[0]), "{shares:?}");
}

#[test]
fn over_tcp_a_backlog_leaves_every_other_turn_to_its_equals() {
    let mut scene = Scene::new(&[lane(Sequenced, 1), lane(ReliableOrdered, 1)]);
    scene.queue(1, 60, 1_000);
    scene.fill(8_192);
    scene.queue(0, 1, 600);
    let order = scene.fill(8_192);
    let at = order.iter().position(|lane| *lane == 0);
    assert!(at <= Some(1), "{order:?}");
}

#[test]
fn one_alone_has_every_turn() {
    let mut scene = Scene::new(&[lane(Unreliable, 1), lane(ReliableOrdered, 1)]);
    scene.queue(0, 800, 1_100);
    for _ in 0..800 {
        assert_eq!(scene.packet(), [0]);
    }
    assert!(scene.packet().is_empty());
}
