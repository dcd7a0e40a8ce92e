//! Input 38: a server that has no file descriptors left.
//!
//! It is a process of its own, this one once more, since the limit is a process's.

use std::{
    collections::BTreeSet,
    env, fs,
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use biplane_net::{Endpoint, Link, Slot};
use bytes::Bytes;
use rustix::process::{Resource, Rlimit, setrlimit};

use crate::rig::{
    COMMAND, ORDERED, PATIENCE, begin_connect, channel, config, connect, eventually, listen_config,
    take,
};

const NAME: &str =
    "starved::bad_input_38_a_server_without_descriptors_serves_those_it_has_and_recovers";
const CHILD: &str = "BIPLANE_STARVED_CHILD";
/// Descriptors that are left when the flood begins.
const SPARE: usize = 8;
/// More connections than that.
const FLOOD: usize = 200;
/// A child's lines, among those of the test harness.
const MARK: &str = "starved: ";

#[test]
fn bad_input_38_a_server_without_descriptors_serves_those_it_has_and_recovers() {
    if env::var_os(CHILD).is_some() {
        return serve();
    }
    let mut server = Server::start();
    let client = Endpoint::bind("127.0.0.1:0".parse().unwrap(), config()).unwrap();
    let slot = connect(&client, server.link.clone()).unwrap();
    goes_on(&client, &slot, 0);
    assert_eq!(server.ask("starve"), "starved");
    let address = (server.link.host.as_str(), server.link.port);
    let flood: Vec<_> = (0..FLOOD).map(|_| TcpStream::connect(address).unwrap()).collect();
    for round in 1..=50 {
        goes_on(&client, &slot, round);
    }
    let before = server.failures();
    let share = server.share_of_a_core(Duration::from_secs(1));
    assert!(share <= 0.2, "{share} of a core for waiting");
    // 10 ms and doubling to 100: some 13 in a second, and no more than 100 in any case.
    let failures = server.failures() - before;
    assert!((3..=100).contains(&failures), "{failures} failures of accept in a second");
    // One who comes now waits or is turned away, and once others have gone one is served.
    let joining = begin_connect(&client, server.link.clone());
    goes_on(&client, &slot, 51);
    let early = joining.try_recv();
    assert!(!matches!(early, Ok(Ok(_))), "nobody made room yet: {early:?}");
    let freed = Instant::now();
    drop(flood);
    let waited = early.ok().or_else(|| joining.recv_timeout(PATIENCE).ok()).unwrap();
    let again = || connect(&client, server.link.clone()).ok();
    let second = waited.unwrap_or_else(|_| eventually("a join", again));
    assert!(freed.elapsed() < Duration::from_secs(3), "{:?}", freed.elapsed());
    goes_on(&client, &second, 0);
    goes_on(&client, &slot, 52);
    assert_eq!(
        server.ask("stats"),
        "admitted 2, refused 0, current 2, left 0, panics 0, starved: true"
    );
    server.stop();
}

/// The server echoes on both planes.
fn goes_on(client: &Endpoint, slot: &Slot, round: u32) {
    let text = format!("round {round}");
    for index in [COMMAND, ORDERED] {
        let payload = Bytes::from(text.clone());
        slot.with(|now, session| session.send(now, channel(index), payload)).unwrap();
    }
    slot.queued();
    client.flush();
    for index in [COMMAND, ORDERED] {
        assert_eq!(eventually("an echo", || take(slot, index)), text);
    }
}

/// The child, from outside.
struct Server {
    child: Child,
    questions: Option<ChildStdin>,
    answers: mpsc::Receiver<String>,
    link: Link,
}

impl Server {
    fn start() -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", NAME, "--nocapture"])
            .env(CHILD, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let questions = child.stdin.take();
        let answers = lines_of(child.stdout.take().unwrap());
        let link = answers.recv_timeout(PATIENCE).unwrap().parse().unwrap();
        Self { child, questions, answers, link }
    }

    fn ask(&mut self, question: &str) -> String {
        writeln!(self.questions.as_mut().unwrap(), "{question}").unwrap();
        self.answers.recv_timeout(PATIENCE).unwrap()
    }

    /// How often accept has failed.
    fn failures(&mut self) -> u64 {
        self.ask("failures").parse().unwrap()
    }

    /// How much of a core it takes for as long as nobody asks anything of it.
    fn share_of_a_core(&self, span: Duration) -> f64 {
        let (before, start) = (self.ticks(), Instant::now());
        // Nobody sends: this is a wait.
        assert!(self.answers.recv_timeout(span).is_err());
        // A tick is a hundredth of a second.
        f64::from(self.ticks() - before) / 100.0 / start.elapsed().as_secs_f64()
    }

    /// User and system time: fields 14 and 15 of proc(5), counted behind the name.
    fn ticks(&self) -> u32 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let (_, fields) = stat.rsplit_once(") ").unwrap();
        fields.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u32>().unwrap()).sum()
    }

    fn stop(mut self) {
        self.questions = None;
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn lines_of(stdout: ChildStdout) -> mpsc::Receiver<String> {
    let (told, heard) = mpsc::channel();
    thread::spawn(move || {
        let lines = BufReader::new(stdout).lines().map_while(Result::ok);
        // The harness writes before the first of ours without a line's end.
        for line in lines.filter_map(|line| Some(line.split_once(MARK)?.1.to_owned())) {
            if told.send(line).is_err() {
                return;
            }
        }
    });
    heard
}

/// The child, from inside: an endpoint that echoes, and answers questions until there are no more.
fn serve() {
    let server = Endpoint::listen("127.0.0.1:0", listen_config()).unwrap();
    say(&server.link().unwrap().to_string());
    thread::scope(|scope| {
        let server = &server;
        let (stop, stopped) = mpsc::channel::<()>();
        scope.spawn(move || {
            while stopped.try_recv() == Err(mpsc::TryRecvError::Empty) {
                if let Ok(slot) = server.ready().recv_timeout(Duration::from_millis(100)) {
                    echo(server, &slot);
                }
            }
        });
        for question in std::io::stdin().lines().map_while(Result::ok) {
            match question.as_str() {
                "starve" => starve(),
                "failures" => say(&server.stats().connections.accept_failures.to_string()),
                _ => tell(server),
            }
        }
        drop(stop);
    });
}

fn say(line: &str) {
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{MARK}{line}").unwrap();
    stdout.flush().unwrap();
}

fn echo(server: &Endpoint, slot: &Slot) {
    slot.clear_ready();
    // A session with events stands in the list again after every look.
    while slot.with(|_, session| session.poll_event()).is_some() {}
    for index in [COMMAND, ORDERED] {
        while let Some(message) = take(slot, index) {
            slot.with(|now, session| session.send(now, channel(index), message)).unwrap();
            slot.queued();
        }
    }
    server.flush();
}

/// Leaves so many descriptors and no more, wherever between those that are open they lie.
fn starve() {
    let open = fs::read_dir("/proc/self/fd").unwrap();
    let open: BTreeSet<u64> =
        open.filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok()).collect();
    let last = (0..).filter(|descriptor| !open.contains(descriptor)).nth(SPARE).unwrap();
    setrlimit(Resource::Nofile, Rlimit { current: Some(last), maximum: Some(last) }).unwrap();
    say("starved");
}

fn tell(server: &Endpoint) {
    let stats = server.stats();
    let sessions = &stats.sessions;
    let left: u64 = sessions.left.values().sum();
    let (admitted, refused, current) = (sessions.admitted, sessions.refused, sessions.current);
    let (panics, starved) = (stats.panics, stats.connections.accept_failures > 0);
    say(&format!(
        "admitted {admitted}, refused {refused}, current {current}, left {left}, panics {panics}, starved: {starved}"
    ));
}
