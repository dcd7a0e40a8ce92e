//! Two endpoints, and what a test waits for.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, OnceLock, mpsc},
};

use biplane_net::{
    Admission, ConnectError, Decision, DialConfig, Endpoint, EndpointConfig, GreetingConfig,
    Identity, Link, ListenConfig, ProtocolSpec, Request, Slot,
};
use biplane_proto::ChannelConfig;
use biplane_wire::{ChannelDescription, ChannelId, ChannelKind, Description};
use bytes::Bytes;
use tracing::{Event, Level, Metadata, Subscriber, field::Visit, span};

pub(crate) use crate::patience::{PATIENCE, eventually, until};

pub(crate) const CHAT: u8 = 0;
pub(crate) const INPUTS: u8 = 1;

pub(crate) fn protocol() -> ProtocolSpec {
    protocol_with(ChannelKind::Sequenced)
}

/// A command channel `chat`, and `inputs` of this kind.
pub(crate) fn protocol_with(inputs: ChannelKind) -> ProtocolSpec {
    let channels = [("chat", ChannelKind::Command), ("inputs", inputs)];
    let describe = |(name, kind): (&str, ChannelKind)| ChannelDescription {
        name: name.into(),
        kind,
        notify: false,
        max_message: 1_000,
    };
    let configure = |(_, kind)| ChannelConfig::new(kind, 1_000);
    ProtocolSpec {
        description: Description {
            application: "test".into(),
            version: 1,
            channels: channels.map(describe).to_vec(),
            requests: vec!["ask".into()],
        },
        channels: channels.map(configure).to_vec(),
    }
}

pub(crate) fn everybody() -> Admission {
    admission(|_| Decision::Admit(None))
}

pub(crate) fn admission(decide: impl Fn(Request) -> Decision + Send + Sync + 'static) -> Admission {
    Arc::new(move |request| {
        let decision = decide(request);
        Box::pin(async move { decision })
    })
}

pub(crate) fn config(admission: Admission) -> ListenConfig {
    ListenConfig {
        endpoint: EndpointConfig::default(),
        protocol: protocol(),
        also: Vec::new(),
        identity: Identity::generate().unwrap(),
        admission,
        public_host: None,
        max_sessions: 100,
        greeting: GreetingConfig::default(),
    }
}

pub(crate) fn server() -> Endpoint {
    listen(config(everybody()))
}

pub(crate) fn listen(config: ListenConfig) -> Endpoint {
    listen_to_logs();
    Endpoint::listen("127.0.0.1:0", config).unwrap()
}

pub(crate) fn client() -> Endpoint {
    listen_to_logs();
    Endpoint::bind("127.0.0.1:0".parse().unwrap(), EndpointConfig::default()).unwrap()
}

pub(crate) fn dial(link: Link) -> DialConfig {
    DialConfig::new(link, protocol())
}

pub(crate) fn connect(endpoint: &Endpoint, dial: DialConfig) -> Result<Arc<Slot>, ConnectError> {
    let (told, heard) = mpsc::channel();
    endpoint.connect(dial, Box::new(move |outcome| told.send(outcome).unwrap()));
    heard.recv_timeout(PATIENCE).expect("the outcome of a connect")
}

/// A session, as both its sides see it.
pub(crate) struct Pair {
    pub(crate) here: Arc<Slot>,
    pub(crate) there: Arc<Slot>,
}

/// `client` joins `server`; nobody else does so meanwhile.
pub(crate) fn join(server: &Endpoint, client: &Endpoint) -> Pair {
    let here = connect(client, dial(server.link().unwrap())).unwrap();
    // The server has the session before its welcome is written.
    let there = Arc::clone(server.sessions().last().unwrap());
    Pair { here, there }
}

pub(crate) fn send(slot: &Slot, channel: u8, text: &str) {
    let payload = Bytes::copy_from_slice(text.as_bytes());
    slot.with(|now, session| session.send(now, channel_id(channel), payload)).unwrap();
    slot.queued();
}

pub(crate) fn channel_id(channel: u8) -> ChannelId {
    ChannelId::new(channel).unwrap()
}

/// Waits for the next message on `channel`.
pub(crate) fn receive(slot: &Slot, channel: u8) -> String {
    let take = || slot.with(|now, session| session.take(now, channel_id(channel)));
    let message = eventually(&format!("a message on channel {channel}"), take);
    String::from_utf8(message.to_vec()).unwrap()
}

pub(crate) fn address(endpoint: &Endpoint) -> SocketAddr {
    endpoint.local_addr()
}

/// What was logged at WARN and above, by the text it holds. Tests of one process share it: look
/// for what only yours can have said.
pub(crate) fn warnings() -> Vec<String> {
    LOGS.get().unwrap().lock().unwrap().clone()
}

static LOGS: OnceLock<Mutex<Vec<String>>> = OnceLock::new();

fn listen_to_logs() {
    LOGS.get_or_init(|| {
        tracing::subscriber::set_global_default(Listener).unwrap();
        Mutex::default()
    });
}

struct Listener;

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        if let Some(logs) = LOGS.get() {
            logs.lock().unwrap().push(line.0);
        }
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn core::fmt::Debug) {
        self.0.push_str(&format!(" {}={value:?}", field.name()));
    }
}
