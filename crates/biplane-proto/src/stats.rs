//! What a session has to tell of itself in numbers.

use core::time::Duration;

use crate::Drops;

/// Figures of one session since it began, or as they are now. Plain data, cheap to take.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct SessionStats {
    /// Smoothed round-trip time of the UDP path; zero before the first sample.
    pub rtt: Duration,
    /// The shortest round trip seen on this path.
    pub rtt_min: Duration,
    /// The latest sample.
    pub rtt_latest: Duration,
    /// Mean deviation of the samples.
    pub rtt_variation: Duration,
    /// Bytes that may be in flight on the UDP path.
    pub congestion_window: u64,
    /// Bytes that are in flight on the UDP path.
    pub bytes_in_flight: u64,
    /// UDP packets sent.
    pub packets_sent: u64,
    /// UDP packets received and taken in.
    pub packets_received: u64,
    /// UDP packets declared lost.
    pub packets_lost: u64,
    /// UDP payload bytes sent.
    pub bytes_sent: u64,
    /// UDP payload bytes received and taken in.
    pub bytes_received: u64,
    /// Times this side moved on to its next key.
    pub key_updates_sent: u64,
    /// Times the peer did.
    pub key_updates_received: u64,
    /// Messages the application sent, on either plane.
    pub messages_sent: u64,
    /// Messages the application took.
    pub messages_taken: u64,
    /// Messages dropped unsent because their lifetime was over.
    pub messages_expired: u64,
    /// `sequenced` messages dropped unsent because a newer one waited behind them.
    pub messages_superseded: u64,
    /// `sequenced` and `unreliable` messages dropped unsent because their queue was full: the oldest
    /// go first.
    pub messages_overflowed: u64,
    /// Messages that came too late: `sequenced` ones after a newer one, and `sequenced` and
    /// `unreliable` ones that took longer over the control connection than their channel's lifetime.
    pub messages_late: u64,
    /// Messages that had arrived once already.
    pub messages_duplicated: u64,
    /// Messages dropped on arrival because the application did not take them in time.
    pub messages_untaken: u64,
    /// `sequenced` and `unreliable` messages given up because pieces of them were missing.
    pub messages_unfinished: u64,
    /// Messages dropped because they do not decode to their channel's type.
    pub messages_undecodable: u64,
    /// Messages of data channels that wait to be sent, or that the peer may not have yet.
    pub queued_messages: u64,
    /// What they cost their queues, in bytes.
    pub queued_bytes: u64,
    /// Messages that wait to be taken, on either plane.
    pub untaken_messages: u64,
    /// What they cost their queues, in bytes; pieces of reliable messages count as whole ones.
    pub untaken_bytes: u64,
    /// Datagrams that named this session and were dropped, by reason: `late`, `no_key` and `forged`
    /// before they were opened, `replayed`, `other_path` and `closed` after. What was dropped
    /// before anybody asked whose it is (`empty`, `malformed`, `oversize`, `bad_source`,
    /// `unknown_session`) is the endpoint's alone to count.
    pub drops: Drops,
    /// What it took to deliver messages, and what was told of it.
    pub delivery: DeliveryStats,
    /// Where UDP packets go, how long they may be, and what became of them.
    pub path: PathStats,
    /// The control plane.
    pub control: ControlStats,
}

/// Figures of a session's UDP path.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct PathStats {
    /// Times the peer came to be at another address or port, and proved it.
    pub changes: u64,
    /// The longest datagram that is sent, in bytes of UDP payload: what the path is known to carry.
    /// From 1,200 to what both sides allow.
    pub datagram_size: u64,
    /// Times the path came to carry less than was sent.
    pub narrowed: u64,
    /// Bytes a second that may leave now: the congestion window each round trip. What an application
    /// sends beyond it waits, for the path does not carry more; before the first round trip it is a
    /// guess.
    pub send_rate: u64,
    /// Packets declared lost that were acknowledged after all.
    pub lost_spuriously: u64,
    /// Packet numbers that no packet has, so that a peer which acknowledges one is seen to lie.
    pub numbers_skipped: u64,
    /// Packets sent that a router may mark instead of dropping (ECN).
    pub marked: u64,
    /// Packets that a router has marked so, as the peer tells.
    pub congestion_marks: u64,
    /// Whether the path is known to carry such marks.
    pub carries_marks: bool,
}

/// What one channel of a session sends: what waits, and what became of messages on this side. Plain
/// data, cheap to take.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct ChannelStats {
    /// Whether half of its queue is free, so that a message of up to so much that is sent now is
    /// neither refused nor pushes another out: what [`Event::Writable`](crate::Event::Writable) says
    /// once it is so again.
    /// Commands, requests and replies have one queue for all.
    pub has_room: bool,
    /// Messages that wait to be sent, or that the peer may not have yet. Of a `command` channel none
    /// is counted: [`ControlStats`] has them.
    pub queued_messages: u64,
    /// What they cost the queue, in bytes.
    pub queued_bytes: u64,
    /// For how long the oldest that has not left has waited; zero if none waits.
    pub waiting: Duration,
    /// Messages the application sent.
    pub sent: u64,
    /// Sends that were refused because the queue was full.
    pub refused: u64,
    /// Messages dropped because their lifetime was over.
    pub expired: u64,
    /// `sequenced` messages dropped unsent because a newer one waited behind them.
    pub superseded: u64,
    /// `sequenced` and `unreliable` messages dropped unsent because the queue was full: the oldest go
    /// first.
    pub overflowed: u64,
}

/// Figures of a session's control plane, over all the connections it has had.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct ControlStats {
    /// Round-trip time, by the latest ping; zero before the first.
    pub rtt: Duration,
    /// Bytes written, before TLS.
    pub bytes_sent: u64,
    /// Bytes read, after TLS.
    pub bytes_received: u64,
    /// Commands, requests and replies that wait to be written, and records that are not
    /// acknowledged.
    pub queued_records: u64,
    /// Their bytes.
    pub queued_bytes: u64,
    /// How often another connection took the place of one.
    pub resumes: u64,
}

/// What a session did to deliver messages beyond sending them once over UDP.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct DeliveryStats {
    /// Reliable messages sent once more.
    pub resent: u64,
    /// Messages of data channels that came over the control connection.
    pub tunnelled: u64,
    /// Reliable messages that went over the control connection too, since no ack came in time.
    pub escalated: u64,
    /// Messages that came with `after_commands` and were dropped, since the commands, requests and
    /// replies before them were not taken in time.
    pub orphaned: u64,
    /// Messages whose delivery notice was asked for.
    pub noted: u64,
}
