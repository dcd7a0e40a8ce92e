//! The lobby itself: sessions become players, players sit in rooms, rooms play.
//!
//! What a player asks about itself (leave, ledger) is answered after the tick's messages were
//! taken: what it sent before it asked has then been counted. What it asks after that waits too.

use std::{collections::BTreeMap, time::Instant};

use biplane::{Call, Channel, Event, Outgoing, Request, Server, Session, SessionId};
use tracing::{info, warn};

use super::crowd::Crowd;
use crate::{
    ledger::Sighting,
    players::{Player, Players},
    protocol::{
        Account, CHAT, Create, Inputs, Introduce, Join, Leave, Ledger, Line, List, Member, NoSeat,
        Phase, QuickMatch, ROOM, Ready, SNAPSHOTS, Seat, Welcome, Who, is_a_line, is_a_name,
    },
    report::ServerCommands,
    rooms::{Place, PlayerNumber, Room, RoomNumber, Rooms},
    talk::Verdict,
};

/// Everybody and everything in the lobby.
#[derive(Debug)]
pub(super) struct Lobby {
    tick_hz: u16,
    players: Players,
    rooms: Rooms,
    crowd: Crowd,
    first_join: Option<Instant>,
    commands: ServerCommands,
    /// Answered at the end of the tick's messages, each session's in order.
    waiting: BTreeMap<SessionId, Vec<Call>>,
    /// Gone at the end of the tick's messages.
    leaving: Vec<Session>,
}

impl Lobby {
    /// An empty lobby whose matches run at that rate, with seats for all of so many sessions.
    pub(super) fn new(tick_hz: u16, max_sessions: usize) -> Self {
        Self {
            tick_hz,
            players: Players::default(),
            rooms: Rooms::new(tick_hz, max_sessions),
            crowd: Crowd::default(),
            first_join: None,
            commands: ServerCommands::default(),
            waiting: BTreeMap::new(),
            leaving: Vec::new(),
        }
    }

    /// When the first session joined.
    pub(super) const fn first_join(&self) -> Option<Instant> {
        self.first_join
    }

    /// Players here now.
    pub(super) fn players(&self) -> usize {
        self.crowd.len()
    }

    /// Rooms there are now.
    pub(super) fn rooms(&self) -> usize {
        self.rooms.len()
    }

    /// Commands of all players so far.
    pub(super) const fn commands(&self) -> ServerCommands {
        self.commands
    }

    /// Takes in what happened to a session.
    pub(super) fn handle(&mut self, event: Event, now: Instant) {
        match event {
            Event::Joined(session) => {
                info!(%session, "joined");
                self.first_join.get_or_insert(now);
            }
            Event::Called(call) => self.called(call),
            Event::Left(session, reason) => {
                info!(%session, reason = reason.name(), "left: {reason}");
                self.leaving.push(session);
            }
            Event::Fault(fault) => warn!(%fault, "the endpoint has a fault"),
            _ => {}
        }
    }

    /// A player says something: counted, and passed on to its room.
    pub(super) fn hear(&mut self, server: &Server, session: &Session, line: Line, now: Instant) {
        let Some(number) = self.crowd.number(session) else { return };
        let Some(player) = self.players.get_mut(number) else { return };
        let (sighting, verdict) = (player.note_command(line.number), player.say(now));
        self.commands.received += 1;
        self.commands.duplicated += u64::from(sighting == Sighting::Again);
        if sighting == Sighting::Absurd {
            return self.let_go(session, "commands are numbered from 1");
        }
        if verdict == Verdict::TooMuch {
            return self.let_go(session, "you talk too much");
        }
        let is_heard = verdict == Verdict::Heard && sighting == Sighting::New;
        if let Some(place) = player.place.filter(|_| is_heard && is_a_line(&line.text)) {
            let by = player.name.clone();
            self.tell(server, place.room, CHAT, &Line { by, ..line });
        }
    }

    /// A player's inputs come.
    pub(super) fn accept(&mut self, session: &Session, inputs: &Inputs) {
        if let Some(place) = self.place_of(session)
            && let Some(game) = self.rooms.get_mut(place.room).and_then(Room::running_mut)
        {
            game.accept(place.seat, inputs);
        }
    }

    /// Answers those who asked about themselves, and lets go of those who left.
    pub(super) fn settle(&mut self) {
        for call in std::mem::take(&mut self.waiting).into_values().flatten() {
            self.answer(call);
        }
        for session in std::mem::take(&mut self.leaving) {
            self.forget(&session);
        }
    }

    /// Moves every match by a tick and shows it; tells of rooms what their players do not know.
    pub(super) fn step(&mut self, server: &Server) {
        let (mut won, mut news) = (Vec::new(), Vec::new());
        for (number, room) in self.rooms.iter_mut() {
            news.extend(room.take_news().map(|it| (number, it)));
            let Some(game) = room.running_mut() else { continue };
            let (winner, snapshot) = (game.tick(), game.snapshot_if_due());
            won.extend(winner.and_then(|seat| room.player_on(seat)).map(|it| (number, it)));
            if let Some(snapshot) = snapshot {
                server.broadcast(self.crowd.sessions(room.players()), SNAPSHOTS, &snapshot);
            }
        }
        for (room, news) in news {
            self.tell(server, room, ROOM, &news);
        }
        for (room, winner) in won {
            let name = self.players.get(winner).map_or("somebody", |player| &player.name);
            let text = format!("{name} wins the round");
            self.tell(server, room, CHAT, &Line { number: 0, by: "lobby".to_owned(), text });
        }
    }

    /// Passes something on to everybody in a room. Who does not listen, until its queue is full, is
    /// let go: such a message is never dropped without anybody noticing.
    fn tell<T: Outgoing>(
        &mut self,
        server: &Server,
        room: RoomNumber,
        channel: Channel<T>,
        message: &T,
    ) {
        let members: Vec<&Session> = self.crowd.sessions(self.rooms.players(room)).collect();
        if server.broadcast(members.iter().copied(), channel, message) == members.len() {
            return;
        }
        // Of a queue that was full less than half is free.
        let is_deaf = |member: &&Session| !member.channel_stats(channel).has_room;
        let deaf: Vec<Session> = members.into_iter().filter(is_deaf).cloned().collect();
        for member in deaf {
            self.let_go(&member, "you do not listen");
        }
    }

    /// Ends a session: what else it has sent is not looked at.
    fn let_go(&mut self, session: &Session, why: &str) {
        session.close(why);
        self.forget(session);
    }

    /// The session is over, and its player gone.
    fn forget(&mut self, session: &Session) {
        if let Some(number) = self.crowd.remove(session) {
            self.vacate(number);
            self.players.depart(number);
        }
    }

    fn called(&mut self, call: Call) {
        let id = call.session().id();
        if [Leave::NAME, Ledger::NAME].contains(&call.name()) || self.waiting.contains_key(&id) {
            return self.waiting.entry(id).or_default().push(call);
        }
        self.answer(call);
    }

    fn answer(&mut self, call: Call) {
        let answered = call
            .answer(|session, ask: Introduce| self.introduce(session, ask))
            .or_else(|call| call.answer(|_, _: List| self.rooms.list()))
            .or_else(|call| call.answer(|session, _: Who| self.who_sits_with(session)))
            .or_else(|call| call.answer(|session, ask: Ready| self.ready(session, ask)))
            .or_else(|call| call.answer(|session, ask: Leave| self.leave(session, ask)))
            .or_else(|call| call.answer(|session, ask: Ledger| self.account(session, ask)))
            .or_else(|call| self.seats(call));
        if let Err(call) = answered {
            call.refuse("unknown request");
        }
    }

    /// The requests that end on a seat.
    fn seats(&mut self, call: Call) -> Result<(), Call> {
        call.answer(|session, ask: Create| {
            self.seat(session, |rooms, player| rooms.create(&ask.room, ask.seats, player))
        })
        .or_else(|call| {
            call.answer(|session, ask: Join| {
                self.seat(session, |rooms, player| rooms.join(&ask.room, player))
            })
        })
        .or_else(|call| {
            call.answer(|session, _: QuickMatch| self.seat(session, Rooms::quick_match))
        })
    }

    fn introduce(&mut self, session: &Session, ask: Introduce) -> Result<Welcome, NoSeat> {
        if !is_a_name(&ask.name) {
            return Err(NoSeat::BadName);
        }
        if let Some(number) = self.crowd.number(session) {
            // It asks again when the answer did not come in time.
            let same = self.players.get(number).filter(|player| player.has_key(ask.key));
            return same.map(|player| self.welcome(player)).ok_or(NoSeat::Seated);
        }
        let number = self.players.introduce(ask.name, ask.key);
        if let Some(other) = self.crowd.replace(number, session) {
            // The newest wins: the other may be a session that nobody holds any more.
            self.vacate(number);
            other.close("the same player came again");
        }
        self.players.get(number).map(|player| self.welcome(player)).ok_or(NoSeat::Stranger)
    }

    fn welcome(&self, player: &Player) -> Welcome {
        Welcome {
            tick_hz: self.tick_hz,
            commands: player.newest_command(),
            inputs: player.newest_input(),
        }
    }

    fn seat(
        &mut self,
        session: &Session,
        find: impl FnOnce(&mut Rooms, PlayerNumber) -> Result<Place, NoSeat>,
    ) -> Result<Seat, NoSeat> {
        let number = self.crowd.number(session).ok_or(NoSeat::Stranger)?;
        let player = self.players.get_mut(number).ok_or(NoSeat::Stranger)?;
        if player.place.is_some() {
            return Err(NoSeat::Seated);
        }
        let place = find(&mut self.rooms, number)?;
        player.place = Some(place);
        if let Some(room) = self.rooms.get_mut(place.room) {
            room.game_mut().enter(place.seat, player.newest_input());
        }
        self.rooms.seat_at(place).ok_or(NoSeat::LobbyFull)
    }

    fn ready(&mut self, session: &Session, ask: Ready) -> Result<Phase, NoSeat> {
        let place = self.place_of(session).ok_or(NoSeat::Standing)?;
        self.rooms.ready(place, ask.is_ready)
    }

    fn who_sits_with(&self, session: &Session) -> Vec<Member> {
        let room = self.place_of(session).and_then(|place| self.rooms.get(place.room));
        let sitters = room.into_iter().flat_map(Room::sitters);
        let member = |(seat, number, is_ready)| {
            let name = self.players.get(number)?.name.clone();
            Some(Member { seat, name, is_ready })
        };
        sitters.filter_map(member).collect()
    }

    fn leave(&mut self, session: &Session, ask: Leave) -> Account {
        if let Some(number) = self.crowd.number(session) {
            self.vacate(number);
        }
        self.account(session, Ledger { commands: ask.commands })
    }

    fn account(&self, session: &Session, ask: Ledger) -> Account {
        let player = self.crowd.number(session).and_then(|number| self.players.get(number));
        player.map(|player| player.account(ask.commands)).unwrap_or_default()
    }

    /// Frees a player's seat, after what was left of its inputs has been used.
    fn vacate(&mut self, number: PlayerNumber) {
        let Some(player) = self.players.get_mut(number) else { return };
        let Some(place) = player.place.take() else { return };
        if let Some(room) = self.rooms.get_mut(place.room) {
            player.add_stay(room.game_mut().settle(place.seat));
        }
        self.rooms.leave(place);
    }

    fn place_of(&self, session: &Session) -> Option<Place> {
        self.players.get(self.crowd.number(session)?)?.place
    }
}
