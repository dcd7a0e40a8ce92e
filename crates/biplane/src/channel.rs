//! Channels: typed constants that say what their messages are promised, and on which plane they fly.

mod name;

use core::{fmt, marker::PhantomData, num::NonZeroU8, time::Duration};

use biplane_proto::limits;
pub(crate) use biplane_wire::ChannelKind;

pub(crate) use self::name::hash_of;

/// A channel of an application's protocol, whose messages are values of type `T`.
///
/// A constant, made once and named in both programs; [`crate::Protocol::channel`] takes it in.
///
/// | made by | its messages arrive | plane |
/// |---|---|---|
/// | [`Channel::command`] | exactly once, in the order sent over all command channels | control |
/// | [`Channel::reliable_ordered`] | exactly once, in order | data |
/// | [`Channel::reliable_unordered`] | exactly once, in any order | data |
/// | [`Channel::sequenced`] | at most once, never backwards | data |
/// | [`Channel::unreliable`] | at most once | data |
///
/// `T` is anything that serde knows, or [`crate::Payload`] for opaque bytes. What is sent may
/// borrow: a `Channel<Snapshot<'static>>` takes a `Snapshot<'_>`. Values may nest 64 deep; a
/// sequence whose elements take no bytes (`Vec<()>`) is not sent. Floats are not checked: NaN
/// and infinities arrive as they were sent.
///
/// ```
/// use std::time::Duration;
///
/// use biplane::{Channel, Payload};
///
/// const CHAT: Channel<String> = Channel::command("chat");
/// const AUDIO: Channel<Payload> =
///     Channel::unreliable("audio").lifetime(Duration::from_millis(100)).priority(1);
/// ```
pub struct Channel<T> {
    name: &'static str,
    hash: u64,
    kind: ChannelKind,
    notify: bool,
    max_message: u32,
    lifetime: Option<Duration>,
    priority: u8,
    weight: NonZeroU8,
    escalate_after: Option<Duration>,
    after_commands: bool,
    /// A source of `T`: covariant, and `Send + Sync` whatever `T` is.
    message: PhantomData<fn() -> T>,
}

impl<T> Channel<T> {
    /// A channel on the control plane: messages arrive exactly once, in the order they were sent
    /// over all command channels of the session. The name has 1 to 64 bytes.
    #[must_use]
    pub const fn command(name: &'static str) -> Self {
        Self::new(name, ChannelKind::Command)
    }

    /// A channel on the data plane: messages arrive exactly once and in order. The name has 1 to 64
    /// bytes.
    #[must_use]
    pub const fn reliable_ordered(name: &'static str) -> Self {
        Self::new(name, ChannelKind::ReliableOrdered)
    }

    /// A channel on the data plane: messages arrive exactly once, each as soon as it can. The name
    /// has 1 to 64 bytes.
    #[must_use]
    pub const fn reliable_unordered(name: &'static str) -> Self {
        Self::new(name, ChannelKind::ReliableUnordered)
    }

    /// A channel on the data plane: messages may be lost, and never go backwards. One that has to
    /// wait is replaced by the next. The name has 1 to 64 bytes.
    #[must_use]
    pub const fn sequenced(name: &'static str) -> Self {
        Self::new(name, ChannelKind::Sequenced)
    }

    /// A channel on the data plane: messages may be lost or overtaken. The name has 1 to 64 bytes.
    #[must_use]
    pub const fn unreliable(name: &'static str) -> Self {
        Self::new(name, ChannelKind::Unreliable)
    }

    const fn new(name: &'static str, kind: ChannelKind) -> Self {
        Self {
            name,
            hash: hash_of(name),
            kind,
            notify: false,
            max_message: usual(kind),
            lifetime: None,
            priority: 0,
            weight: NonZeroU8::MIN,
            escalate_after: None,
            after_commands: false,
            message: PhantomData,
        }
    }

    /// Drops and counts a message that has not left within `lifetime`; on a `reliable_unordered`
    /// channel also one that was lost on the way and would go again after it. This side's own affair:
    /// the peer may say otherwise. Default: none; `sequenced` and `unreliable` messages wait for 1 s
    /// at the most, reliable ones for as long as it takes.
    ///
    /// # Panics
    ///
    /// On a `command` or `reliable_ordered` channel, where a message that is missing would hold up
    /// all that follow. In a constant, that does not compile:
    ///
    /// ```compile_fail
    /// # use {biplane::Channel, std::time::Duration};
    /// const CHAT: Channel<String> = Channel::command("chat").lifetime(Duration::from_secs(1));
    /// ```
    #[must_use]
    pub const fn lifetime(mut self, lifetime: Duration) -> Self {
        assert!(
            !matches!(self.kind, ChannelKind::Command | ChannelKind::ReliableOrdered),
            "a command or reliable_ordered channel has no lifetime: what follows would wait for ever"
        );
        self.lifetime = Some(lifetime);
        self
    }

    /// Lets this channel's messages into every packet before those of a lower priority; this side's
    /// own affair. 0 to 255, default 0.
    #[must_use]
    pub const fn priority(mut self, priority: u8) -> Self {
        self.priority = priority;
        self
    }

    /// Gives this channel so many shares of what channels of its priority have to send in, where not
    /// all of it can leave: beside one of weight 1, a channel of weight 4 sends four bytes of five.
    /// What it does not use the others have. This side's own affair. 1 to 255, default 1.
    ///
    /// # Panics
    ///
    /// If it is 0; in a constant, that does not compile:
    ///
    /// ```compile_fail
    /// # use biplane::Channel;
    /// const MAP: Channel<u32> = Channel::reliable_ordered("map").weight(0);
    /// ```
    #[must_use]
    pub const fn weight(mut self, weight: u8) -> Self {
        assert!(weight > 0, "a weight is 1 to 255");
        if let Some(weight) = NonZeroU8::new(weight) {
            self.weight = weight;
        }
        self
    }

    /// Sends a message over TCP too when the peer has not acknowledged it `after` it was sent; what
    /// comes first is taken, once. From then on UDP carries no copy of it any more. This side's own
    /// affair. Default: never.
    ///
    /// # Panics
    ///
    /// On any channel but a `reliable_ordered` or `reliable_unordered` one: the others ride TCP
    /// anyway, or are worth nothing later. In a constant, that does not compile:
    ///
    /// ```compile_fail
    /// # use {biplane::Channel, std::time::Duration};
    /// const INPUTS: Channel<u32> =
    ///     Channel::sequenced("inputs").escalate_after(Duration::from_millis(250));
    /// ```
    #[must_use]
    pub const fn escalate_after(mut self, after: Duration) -> Self {
        assert!(
            matches!(self.kind, ChannelKind::ReliableOrdered | ChannelKind::ReliableUnordered),
            "only a reliable_ordered or reliable_unordered channel escalates"
        );
        self.escalate_after = Some(after);
        self
    }

    /// Sends every message as [`crate::Session::send_after_commands`] does: the peer's application
    /// gets it once it has taken the commands, requests and replies that were issued before it. This
    /// side's own affair. Default: no message waits.
    ///
    /// # Panics
    ///
    /// On a `command` channel, whose messages keep their order anyway. In a constant, that does not
    /// compile:
    ///
    /// ```compile_fail
    /// # use biplane::Channel;
    /// const ORDERS: Channel<u32> = Channel::command("orders").after_commands();
    /// ```
    #[must_use]
    pub const fn after_commands(mut self) -> Self {
        assert!(!matches!(self.kind, ChannelKind::Command), "commands keep their order anyway");
        self.after_commands = true;
        self
    }

    /// Declares that senders may ask what became of a message, with [`crate::Session::send_noted`].
    /// Both sides must declare it alike. An `unreliable` message is three bytes longer for it.
    #[must_use]
    pub const fn notify(mut self) -> Self {
        self.notify = true;
        self
    }

    /// Sets the longest message, in bytes as encoded. Both sides must say the same.
    ///
    /// | channel | range | default |
    /// |---|---|---|
    /// | `command` | 1 to 262,144 | 262,144 |
    /// | `reliable_ordered`, `reliable_unordered` | 1 to 4,194,304 | 262,144 |
    /// | `sequenced`, `unreliable` | 1 to 16,384 | 16,384 |
    ///
    /// What is longer than 1,167 bytes goes in pieces; of a `sequenced` or `unreliable` message each
    /// must arrive.
    ///
    /// # Panics
    ///
    /// Outside that range; in a constant, that does not compile.
    #[must_use]
    pub const fn max_message(mut self, bytes: u32) -> Self {
        assert!(
            bytes > 0 && bytes <= longest(self.kind),
            "max_message is 1 to 262144 bytes on a command channel, to 4194304 on a reliable one, to \
             16384 on the others"
        );
        self.max_message = bytes;
        self
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) const fn hash(&self) -> u64 {
        self.hash
    }

    /// Whether every message waits for the commands before it.
    pub(crate) const fn comes_after_commands(&self) -> bool {
        self.after_commands
    }

    pub(crate) const fn declared(&self) -> Declared {
        Declared {
            name: self.name,
            hash: self.hash,
            kind: self.kind,
            notify: self.notify,
            max_message: self.max_message,
            lifetime: self.lifetime,
            priority: self.priority,
            weight: self.weight,
            escalate_after: self.escalate_after,
        }
    }
}

/// What a protocol keeps of a channel: all but its type.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Declared {
    pub(crate) name: &'static str,
    pub(crate) hash: u64,
    pub(crate) kind: ChannelKind,
    pub(crate) notify: bool,
    pub(crate) max_message: u32,
    pub(crate) lifetime: Option<Duration>,
    pub(crate) priority: u8,
    pub(crate) weight: NonZeroU8,
    pub(crate) escalate_after: Option<Duration>,
}

/// The longest message that a channel of this kind may declare.
#[expect(clippy::cast_possible_truncation, reason = "the limits are asserted below to fit")]
const fn longest(kind: ChannelKind) -> u32 {
    match kind {
        ChannelKind::Command => limits::CONTROL_MESSAGE as u32,
        ChannelKind::ReliableOrdered | ChannelKind::ReliableUnordered => {
            limits::RELIABLE_MESSAGE as u32
        }
        ChannelKind::Sequenced | ChannelKind::Unreliable => limits::FRESH_MESSAGE as u32,
    }
}

/// What it declares unless it says otherwise.
#[expect(clippy::cast_possible_truncation, reason = "no more than the longest")]
const fn usual(kind: ChannelKind) -> u32 {
    match kind {
        // Credit for two of the longest is granted from the start, so more is for who asks.
        ChannelKind::ReliableOrdered | ChannelKind::ReliableUnordered => {
            limits::RELIABLE_MESSAGE_BY_DEFAULT as u32
        }
        ChannelKind::Command | ChannelKind::Sequenced | ChannelKind::Unreliable => longest(kind),
    }
}

const _: () = assert!(limits::CONTROL_MESSAGE == 262_144, "the docs of max_message say so");
const _: () = assert!(limits::RELIABLE_MESSAGE == 4_194_304, "the docs of max_message say so");
const _: () = assert!(limits::FRESH_MESSAGE == 16_384, "the docs of max_message say so");
const _: () = assert!(limits::DATA_MESSAGE == 1_167, "the docs of max_message say so");

// Derives would ask the same of `T`, whose values a channel does not hold.
impl<T> Clone for Channel<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Channel<T> {}

impl<T> fmt::Debug for Channel<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel").field("name", &self.name).field("kind", &self.kind).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    const LIFE: Duration = Duration::from_millis(250);
    const SOON: Duration = Duration::from_millis(100);

    struct NotCopy;
    struct Snapshot<'a>(#[expect(dead_code, reason = "only its lifetime matters")] Cow<'a, str>);

    const HITS: Channel<NotCopy> = Channel::reliable_unordered("hits")
        .lifetime(LIFE)
        .priority(3)
        .weight(5)
        .escalate_after(SOON);
    const SNAPSHOTS: Channel<Snapshot<'static>> = Channel::unreliable("snapshots").notify();

    #[test]
    fn a_channel_is_copy_whatever_its_messages_are() {
        let (one, two) = (HITS, HITS);
        let three = one;
        assert_eq!((one.hash(), two.name()), (three.hash(), "hits"));
    }

    #[test]
    fn a_channel_of_owned_messages_takes_borrowed_ones() {
        fn send<'a>(_: Channel<Snapshot<'a>>, _: &Snapshot<'a>) {}
        let world = "world".to_owned();
        send(SNAPSHOTS, &Snapshot(Cow::Borrowed(&world)));
    }

    #[test]
    fn options_are_kept() {
        let declared = HITS.max_message(100).declared();
        assert_eq!(declared.kind, ChannelKind::ReliableUnordered);
        assert_eq!((declared.lifetime, declared.escalate_after), (Some(LIFE), Some(SOON)));
        assert_eq!((declared.priority, declared.weight.get()), (3, 5));
        assert_eq!((declared.max_message, declared.notify), (100, false));
        assert!(SNAPSHOTS.declared().notify);
    }

    #[test]
    fn messages_may_be_as_long_as_their_plane_allows() {
        assert_eq!(Channel::<u8>::command("a").declared().max_message, 262_144);
        assert_eq!(Channel::<u8>::reliable_ordered("a").declared().max_message, 262_144);
        assert_eq!(Channel::<u8>::reliable_unordered("a").declared().max_message, 262_144);
        assert_eq!(Channel::<u8>::unreliable("a").declared().max_message, 16_384);
        assert_eq!(Channel::<u8>::sequenced("a").declared().max_message, 16_384);
        let longest = Channel::<u8>::reliable_ordered("a").max_message(4_194_304);
        assert_eq!(longest.declared().max_message, 4_194_304);
    }

    #[test]
    #[should_panic(expected = "to 16384")]
    fn a_message_longer_than_its_kind_can_carry_is_refused() {
        let _ = Channel::<u8>::sequenced("a").max_message(16_385);
    }

    #[test]
    #[should_panic(expected = "to 4194304")]
    fn so_is_a_reliable_one() {
        let _ = Channel::<u8>::reliable_unordered("a").max_message(4_194_305);
    }

    #[test]
    #[should_panic(expected = "1 to 262144")]
    fn a_channel_without_room_for_a_byte_is_refused() {
        let _ = Channel::<u8>::sequenced("a").max_message(0);
    }

    #[test]
    #[should_panic(expected = "no lifetime")]
    fn an_ordered_channel_has_no_lifetime() {
        let _ = Channel::<u8>::reliable_ordered("a").lifetime(Duration::from_secs(1));
    }

    #[test]
    #[should_panic(expected = "escalates")]
    fn what_rides_tcp_anyway_does_not_escalate() {
        let _ = Channel::<u8>::command("a").escalate_after(SOON);
    }

    #[test]
    #[should_panic(expected = "order anyway")]
    fn commands_do_not_come_after_commands() {
        let _ = Channel::<u8>::command("a").after_commands();
    }

    #[test]
    #[should_panic(expected = "escalates")]
    fn nor_does_what_may_be_lost() {
        let _ = Channel::<u8>::unreliable("a").escalate_after(SOON);
    }
}
