//! A server whose process has no descriptors left: in a process of its own, since the limit is the
//! process'.

use std::{
    env,
    fs::{self, File},
    io::{BufRead, BufReader, Read, Seek, Write},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use biplane_net::Link;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::support::{CHAT, Pair, client, connect, dial, receive, send, server, until};

/// Set for the process that is starved.
const STARVED: &str = "BIPLANE_TEST_STARVED";
/// Descriptors it has left when it begins.
const LEFT: u64 = 8;
/// Far more than it has descriptors for.
const STRANGERS: usize = 100;
const WATCHED: Duration = Duration::from_secs(1);

#[test]
fn without_descriptors_a_server_goes_on_and_recovers() {
    if env::var_os(STARVED).is_some() {
        return starved();
    }
    let mut starved = Starved::start();
    let link: Link = starved.line().parse().unwrap();
    let server: SocketAddr = format!("127.0.0.1:{}", link.port).parse().unwrap();
    let strangers: Vec<_> = (0..STRANGERS).map(|_| TcpStream::connect(server)).collect();
    starved.say("watch");
    let told = starved.line();
    let figures: Vec<u64> = told.split(' ').map(|figure| figure.parse().unwrap()).collect();
    let [failures, cpu_ms, exchanged] = figures[..] else { panic!("{told}") };
    // 10 ms and doubling up to 100: some 13 in a second, and no more than 100 in any case.
    assert!((3..=100).contains(&failures), "{told}");
    assert!(cpu_ms <= 200, "a fifth of a core at the most: {told}");
    assert!(exchanged >= 3, "the session goes on: {told}");
    drop(strangers);
    let client = client();
    let freed = Instant::now();
    until("a session", || connect(&client, dial(link.clone())).is_ok());
    assert!(freed.elapsed() < Duration::from_secs(5), "{:?}", freed.elapsed());
    starved.say("done");
    assert!(starved.process.wait().unwrap().success());
}

/// A process of this test, from outside.
struct Starved {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Starved {
    fn start() -> Self {
        let mut process = Command::new(env::current_exe().unwrap())
            .args(["--exact", "starved::without_descriptors_a_server_goes_on_and_recovers"])
            .args(["--nocapture", "--test-threads", "1"])
            .env(STARVED, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = process.stdin.take().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        Self { process, input, output }
    }

    fn say(&mut self, word: &str) {
        writeln!(self.input, "{word}").unwrap();
    }

    /// The next line that is for us: the test harness has its own.
    fn line(&mut self) -> String {
        let mut line = String::new();
        while self.output.read_line(&mut line).unwrap() > 0 {
            if let Some((_, told)) = line.trim().split_once("starved: ") {
                return told.to_owned();
            }
            line.clear();
        }
        panic!("the starved process ended");
    }
}

impl Drop for Starved {
    fn drop(&mut self) {
        // It has ended, if all went well.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// The process that is starved.
fn starved() {
    let (server, client) = (server(), client());
    let pair = crate::support::join(&server, &client);
    let cpu = ControlThreads::find();
    leave_descriptors(LEFT);
    println!("starved: {}", server.link().unwrap());
    let mut words = std::io::stdin().lines();
    assert_eq!(words.next().unwrap().unwrap(), "watch");
    until("no descriptors", || server.stats().connections.accept_failures > 0);
    let (failures, used) = (server.stats().connections.accept_failures, cpu.used_ms());
    let (begun, mut exchanged) = (Instant::now(), 0);
    while begun.elapsed() < WATCHED {
        exchange(&pair, exchanged);
        exchanged += 1;
        std::thread::sleep(WATCHED / 20);
    }
    let failures = server.stats().connections.accept_failures - failures;
    println!("starved: {failures} {} {exchanged}", cpu.used_ms() - used);
    assert_eq!(words.next().unwrap().unwrap(), "done");
}

fn exchange(pair: &Pair, number: u64) {
    send(&pair.here, CHAT, &format!("ping {number}"));
    assert_eq!(receive(&pair.there, CHAT), format!("ping {number}"));
}

fn leave_descriptors(count: u64) {
    let open = fs::read_dir("/proc/self/fd").unwrap().count() as u64;
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: Some(open + count), maximum }).unwrap();
}

/// What the control threads of this process tell of themselves. Opened while that can be done.
struct ControlThreads(Vec<File>);

impl ControlThreads {
    fn find() -> Self {
        let tasks = fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap().path());
        let is_control = |task: &PathBuf| {
            fs::read_to_string(task.join("comm")).is_ok_and(|name| name == "biplane-control\n")
        };
        let stats = tasks.filter(is_control).map(|task| File::open(task.join("stat")).unwrap());
        let stats: Vec<_> = stats.collect();
        assert_eq!(stats.len(), 2, "the server's and the client's");
        Self(stats)
    }

    /// Processor time, in milliseconds: ticks of 10 ms.
    fn used_ms(&self) -> u64 {
        let ticks = self.0.iter().map(|mut stat| {
            let mut text = String::new();
            stat.rewind().unwrap();
            stat.read_to_string(&mut text).unwrap();
            let (_, rest) = text.rsplit_once(')').unwrap();
            let fields: Vec<&str> = rest.split_whitespace().collect();
            fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
        });
        10 * ticks.sum::<u64>()
    }
}
