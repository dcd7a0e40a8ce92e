//! A server and a client that joined it, and patience with a limit.

use std::time::{Duration, Instant};

use biplane::{Client, ClientConfig, Event, Planes, Protocol, Server, ServerConfig, Session};

/// Whatever takes longer has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks, unless something wakes us before.
const STEP: Duration = Duration::from_millis(2);

pub(crate) struct Pair {
    pub(crate) server: Server,
    pub(crate) client: Client,
    /// The client's session, as the server has it.
    pub(crate) session: Session,
    /// What the server was told since, but `Readable`.
    pub(crate) server_events: Vec<Event>,
    /// What the client was told since, but `Readable`.
    pub(crate) client_events: Vec<Event>,
}

impl Pair {
    pub(crate) fn new(protocol: &Protocol) -> Self {
        Self::speaking(protocol, protocol)
    }

    /// A pair whose protocols look alike and are not.
    pub(crate) fn speaking(here: &Protocol, there: &Protocol) -> Self {
        Self::with(here, there, ServerConfig::default(), ClientConfig::default())
    }

    pub(crate) fn with(
        here: &Protocol,
        there: &Protocol,
        server: ServerConfig,
        client: ClientConfig,
    ) -> Self {
        let server = Server::bind_with("127.0.0.1:0", here, server).unwrap();
        let client = Client::connect_with(server.link(), there, client).wait().unwrap();
        let session = joined(&server);
        Self { server, client, session, server_events: Vec::new(), client_events: Vec::new() }
    }

    /// Ticks both sides until `look` sees what it wants.
    pub(crate) fn until<T>(&mut self, mut look: impl FnMut(&mut Self) -> Option<T>) -> T {
        until(|| {
            self.server_events.extend(self.server.events());
            self.client_events.extend(self.client.events());
            let found = look(self);
            if found.is_none() {
                self.client.flush();
                let _something = self.server.wait(STEP);
            }
            found
        })
    }

    /// Ticks until both sides were told that they fly on both planes.
    pub(crate) fn until_both_planes(&mut self) {
        let told = |events: &[Event]| {
            events.iter().any(|event| matches!(event, Event::Planes(_, Planes::Both)))
        };
        self.until(|pair| (told(&pair.client_events) && told(&pair.server_events)).then_some(()));
    }

    /// Ticks until the server was told that the session left, and says why.
    pub(crate) fn until_left(&mut self) -> biplane::CloseReason {
        self.until(|pair| left(&pair.server_events))
    }
}

/// Looks again and again until there is something, for as long as patience lasts.
pub(crate) fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "out of patience");
    }
}

/// The next session that joins.
pub(crate) fn joined(server: &Server) -> Session {
    until(|| {
        let _something = server.wait(STEP);
        server.events().find_map(|event| match event {
            Event::Joined(session) => Some(session),
            _ => None,
        })
    })
}

/// Why the one session that stands in `events` left.
pub(crate) fn left(events: &[Event]) -> Option<biplane::CloseReason> {
    events.iter().find_map(|event| match event {
        Event::Left(_, reason) => Some(reason.clone()),
        _ => None,
    })
}

/// What each event is, without whom it is of.
pub(crate) fn names(events: &[Event]) -> Vec<&'static str> {
    events
        .iter()
        .map(|event| match event {
            Event::Joined(_) => "joined",
            Event::Called(_) => "called",
            Event::Readable(_) => "readable",
            Event::Writable(_) => "writable",
            Event::Planes(..) => "planes",
            Event::Noted(..) => "noted",
            Event::Left(..) => "left",
            Event::Fault(_) => "fault",
            _ => "new",
        })
        .collect()
}
