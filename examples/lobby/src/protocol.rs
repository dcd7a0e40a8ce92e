//! What a player and the lobby say to each other.
//!
//! Chat, news of a room and requests ride the control plane, inputs and snapshots the data plane.
//! What is the same for everybody in a room is encoded once.
//! Of what a player says its room hears eight lines a second at the most, 32 at once after a silence.

use std::{borrow::Cow, time::Duration};

use biplane::{Channel, Protocol, Request};
use serde::{Deserialize, Serialize};

/// What players say, and what the lobby passes on.
pub(crate) const CHAT: Channel<Line> = Channel::command("chat");
/// What a room has to tell those who sit in it.
pub(crate) const ROOM: Channel<News> = Channel::command("room");
/// What players want, once a tick; each message repeats the last few intents.
pub(crate) const INPUTS: Channel<Inputs> = Channel::sequenced("inputs");
/// What a room looks like; one that waited for 100 ms is of no use any more.
pub(crate) const SNAPSHOTS: Channel<Snapshot<'static>> =
    Channel::unreliable("snapshots").lifetime(Duration::from_millis(100));

/// Fewest seats of a room: nobody plays alone on purpose.
pub(crate) const SEATS_MIN: u8 = 2;
/// Most seats of a room. A full room's snapshot takes about 250 bytes.
pub(crate) const SEATS_MAX: u8 = 16;
/// How many intents an input message holds at the most.
pub(crate) const INTENTS_MAX: usize = 8;
/// Longest name of a player or a room, in bytes.
pub(crate) const NAME_MAX: usize = 24;
/// Longest line of chat, in bytes.
pub(crate) const TEXT_MAX: usize = 200;

/// Both sides' description of the above.
pub(crate) fn protocol() -> Protocol {
    Protocol::new("lobby", 2)
        .channel(CHAT)
        .channel(ROOM)
        .channel(INPUTS)
        .channel(SNAPSHOTS)
        .request::<Introduce>()
        .request::<List>()
        .request::<Create>()
        .request::<Join>()
        .request::<QuickMatch>()
        .request::<Who>()
        .request::<Ready>()
        .request::<Leave>()
        .request::<Ledger>()
}

/// A line of chat.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(crate) struct Line {
    /// The speaker's own count of its commands, from 1, of which none is passed on twice; 0 where the
    /// lobby itself speaks.
    pub(crate) number: u32,
    /// Who said it; filled in by the lobby.
    pub(crate) by: String,
    /// What was said.
    pub(crate) text: String,
}

/// How a room stands; told to those who sit there whenever it changes.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(crate) struct News {
    /// Which room; never used twice in a lobby's life.
    pub(crate) room: u32,
    /// Whether its match runs.
    pub(crate) phase: Phase,
}

/// Whether a room's match runs. Once it does, it runs until the room is empty.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(crate) enum Phase {
    /// It starts as soon as enough of those who sit there are ready.
    Waiting {
        /// How many are.
        ready: u8,
        /// How many must be: more than half.
        wanted: u8,
    },
    /// Inputs count and snapshots come. Who takes a seat now is in the match at once.
    Running,
}

/// The last few ticks' intents of a player, oldest first.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub(crate) struct Inputs {
    /// The number of the last intent; numbers run on from stay to stay.
    pub(crate) newest: u32,
    /// At most [`INTENTS_MAX`].
    pub(crate) intents: Vec<Intent>,
}

/// One tick's intent: where to, and whether to dash. One byte on the wire, any byte is valid.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub(crate) struct Intent(u8);

/// One of sixteen directions, clockwise from east; `y` grows downwards.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Heading(u8);

/// A room at one tick.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(crate) struct Snapshot<'a> {
    /// Which room; never used twice in a lobby's life.
    pub(crate) room: u32,
    /// Counts the room's snapshots.
    pub(crate) number: u32,
    /// The match's tick.
    pub(crate) tick: u32,
    /// Where the crown is.
    pub(crate) crown: Crown,
    /// Everybody, in order of seats.
    pub(crate) players: Cow<'a, [Player]>,
}

/// One player in a snapshot.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(crate) struct Player {
    /// Its seat in the room.
    pub(crate) seat: u8,
    /// In sixteenths of a pixel.
    pub(crate) x: u16,
    /// In sixteenths of a pixel.
    pub(crate) y: u16,
    /// What it did last.
    pub(crate) intent: Intent,
    /// Seconds it held the crown in this round.
    pub(crate) score: u8,
    /// The number of its last intent in this picture.
    pub(crate) input: u32,
}

/// Where the crown is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(crate) enum Crown {
    /// On the ground, in sixteenths of a pixel.
    Lies {
        /// From the left.
        x: u16,
        /// From the top.
        y: u16,
    },
    /// On a head.
    Held {
        /// Whose seat.
        by: u8,
    },
}

/// Who plays; the first request of a session. Asked again with the same key it has the same answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Introduce {
    /// What others see.
    pub(crate) name: String,
    /// Drawn by the player; by it the lobby knows a player who comes back.
    pub(crate) key: u64,
}

/// The answer to [`Introduce`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(crate) struct Welcome {
    /// Ticks a second, of matches and of inputs.
    pub(crate) tick_hz: u16,
    /// The highest number of the player's commands that was seen: who comes back goes on from there.
    pub(crate) commands: u32,
    /// The number of the player's last input that was used.
    pub(crate) inputs: u32,
}

/// Which rooms there are: the oldest 256.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct List;

/// One room of the list.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(crate) struct RoomEntry {
    /// What one joins it by.
    pub(crate) name: String,
    /// Seats taken.
    pub(crate) players: u8,
    /// Seats there are.
    pub(crate) seats: u8,
    /// Whether its match runs.
    pub(crate) is_running: bool,
}

/// Opens a room and takes the first seat in it. The room closes with its last player.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Create {
    /// What others join it by; no two rooms have the same.
    pub(crate) room: String,
    /// From [`SEATS_MIN`] to [`SEATS_MAX`].
    pub(crate) seats: u8,
}

/// Takes a seat in the room of that name.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Join {
    /// Its name.
    pub(crate) room: String,
}

/// Takes a seat in the fullest room that has one, or in a new room.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct QuickMatch;

/// A seat in a room.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(crate) struct Seat {
    /// As in the room's snapshots.
    pub(crate) room: u32,
    /// The room's name.
    pub(crate) name: String,
    /// As in the room's snapshots.
    pub(crate) seat: u8,
    /// Whether the match runs already.
    pub(crate) phase: Phase,
}

/// Who sits in my room? Nobody, for who has no seat.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Who;

/// One who sits in a room.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(crate) struct Member {
    /// As in the room's snapshots.
    pub(crate) seat: u8,
    /// Its name.
    pub(crate) name: String,
    /// Whether it said that it is ready.
    pub(crate) is_ready: bool,
}

/// Says whether the match may start, as far as this player goes.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Ready {
    /// It may be taken back until the match runs.
    pub(crate) is_ready: bool,
}

/// Gives the seat up; the counting of inputs ends here.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Leave {
    /// How many commands the player has given so far.
    pub(crate) commands: u32,
}

/// What did you see of my commands and inputs?
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Ledger {
    /// How many commands the player has given so far.
    pub(crate) commands: u32,
}

/// What the lobby's own code, not the transport, saw of a player since it first came.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub(crate) struct Account {
    /// Numbers that came at least once.
    pub(crate) commands_seen: u32,
    /// Numbers up to the one asked for that did not come.
    pub(crate) commands_lost: u32,
    /// Commands whose number had come before.
    pub(crate) commands_duplicated: u32,
    /// Inputs used in any tick.
    pub(crate) inputs_applied: u64,
}

/// Why there is no seat.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(crate) enum NoSeat {
    /// Every seat of the room is taken.
    RoomFull,
    /// There are as many rooms as there may be; in some of them there are seats.
    LobbyFull,
    /// The name is empty, too long, or not printable.
    BadName,
    /// A room of that name is open.
    NameTaken,
    /// There is no room of that name.
    NoRoom,
    /// Too few seats, or too many.
    BadSeats,
    /// The player sits somewhere already.
    Seated,
    /// The player sits nowhere.
    Standing,
    /// The session has not said who plays.
    Stranger,
}

impl Request for Introduce {
    const NAME: &'static str = "introduce";
    type Reply = Result<Welcome, NoSeat>;
}

impl Request for List {
    const NAME: &'static str = "list";
    type Reply = Vec<RoomEntry>;
}

impl Request for Create {
    const NAME: &'static str = "create";
    type Reply = Result<Seat, NoSeat>;
}

impl Request for Join {
    const NAME: &'static str = "join";
    type Reply = Result<Seat, NoSeat>;
}

impl Request for QuickMatch {
    const NAME: &'static str = "quick_match";
    type Reply = Result<Seat, NoSeat>;
}

impl Request for Who {
    const NAME: &'static str = "who";
    type Reply = Vec<Member>;
}

impl Request for Ready {
    const NAME: &'static str = "ready";
    type Reply = Result<Phase, NoSeat>;
}

impl Request for Leave {
    const NAME: &'static str = "leave";
    type Reply = Account;
}

impl Request for Ledger {
    const NAME: &'static str = "ledger";
    type Reply = Account;
}

/// Sixteen unit vectors, in 1/256.
const UNITS: [(i32, i32); 16] = [
    (256, 0),
    (237, 98),
    (181, 181),
    (98, 237),
    (0, 256),
    (-98, 237),
    (-181, 181),
    (-237, 98),
    (-256, 0),
    (-237, -98),
    (-181, -181),
    (-98, -237),
    (0, -256),
    (98, -237),
    (181, -181),
    (237, -98),
];

impl Heading {
    /// The direction with that number, counted around the circle.
    pub(crate) const fn new(number: u8) -> Self {
        Self(number % 16)
    }

    /// The direction nearest to a vector, however long; east for none.
    pub(crate) fn along(x: i32, y: i32) -> Self {
        let (x, y) = (i64::from(x), i64::from(y));
        let agrees = |heading: &Self| {
            let (ux, uy) = heading.unit();
            x * i64::from(ux) + y * i64::from(uy)
        };
        let all = (0..16).map(Self);
        // The first of equals, so that both sides of a tie agree on every machine.
        all.rev().max_by_key(agrees).unwrap_or_default()
    }

    /// A vector of length 1, in 1/256.
    pub(crate) fn unit(self) -> (i32, i32) {
        UNITS.get(usize::from(self.0)).copied().unwrap_or_default()
    }

    /// That many sixteenths of a turn clockwise.
    pub(crate) const fn turned(self, by: u8) -> Self {
        Self::new(self.0.wrapping_add(by))
    }
}

impl Intent {
    const MOVES: u8 = 0x10;
    const DASHES: u8 = 0x20;
    /// To stay where one is.
    pub(crate) const REST: Self = Self(0);

    /// To walk.
    pub(crate) const fn towards(heading: Heading) -> Self {
        Self(heading.0 | Self::MOVES)
    }

    /// The same, and to dash if one can.
    pub(crate) const fn dashing(self) -> Self {
        Self(self.0 | Self::DASHES)
    }

    /// The same at a walk.
    pub(crate) const fn walking(self) -> Self {
        Self(self.0 & !Self::DASHES)
    }

    /// Where to, if anywhere.
    pub(crate) fn heading(self) -> Option<Heading> {
        (self.0 & Self::MOVES != 0).then_some(Heading::new(self.0))
    }

    /// Whether to dash.
    pub(crate) const fn dashes(self) -> bool {
        self.0 & Self::DASHES != 0
    }
}

/// Whether `text` may be passed on: there is something in it, and not too much.
pub(crate) fn is_a_line(text: &str) -> bool {
    !text.trim().is_empty() && text.len() <= TEXT_MAX
}

/// Whether `name` may stand in lists and chat: printable, and neither empty nor too long.
pub(crate) fn is_a_name(name: &str) -> bool {
    !name.trim().is_empty() && name.len() <= NAME_MAX && !name.chars().any(char::is_control)
}
