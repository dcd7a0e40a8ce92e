//! The lobby in a process of its own: started, heard, and ended whatever happens.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, ChildStderr, Command, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use biplane::Link;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use serde_json::Value;

use crate::court::Home;

/// Longer than any deadline of the server's that a test waits for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(75);
/// How often we look for what must happen.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Waits for `look` to find something.
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "never happened: {what}");
        thread::sleep(LOOK_EVERY);
    }
}

/// A running lobby program; killed when dropped.
#[derive(Debug)]
pub(crate) struct Program {
    child: Child,
    stderr: Arc<Mutex<String>>,
    listener: Option<JoinHandle<()>>,
}

/// How a program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A running lobby server.
#[derive(Debug)]
pub(crate) struct Server {
    program: Program,
}

impl Program {
    /// Starts the lobby with these arguments; it says more than by itself.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::spawn(arguments, &[("RUST_LOG", "warn,lobby=info")])
    }

    fn spawn(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_lobby"))
            .args(arguments)
            .env_remove("RUST_LOG")
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = Arc::new(Mutex::new(String::new()));
        let heard = Arc::clone(&stderr);
        let stream = child.stderr.take().unwrap();
        let listener = Some(thread::spawn(move || hear(stream, &heard)));
        Self { child, stderr, listener }
    }

    /// Starts the lobby with these arguments, as it is, and waits for its end.
    pub(crate) fn run(arguments: &[&str]) -> Ended {
        Self::spawn(arguments, &[]).end()
    }

    /// Stops it where it stands: it neither reads nor writes from now on.
    pub(crate) fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Asks it to end, and waits for that.
    pub(crate) fn stop(self) -> Ended {
        self.signal(Signal::TERM);
        self.end()
    }

    /// Waits for the end.
    fn end(mut self) -> Ended {
        let child = &mut self.child;
        let status = eventually("the end of a program", || child.try_wait().unwrap());
        let mut stdout = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
        self.listener.take().unwrap().join().unwrap();
        let stderr = self.said().clone();
        Ended { status: status.code(), stdout, stderr }
    }

    /// Whether it has gone: what is not collected is a zombie, and stays asked for.
    fn has_ended(&self) -> bool {
        let id = Pid::from_raw(self.child.id().try_into().unwrap()).unwrap();
        let asked = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        waitid(WaitId::Pid(id), asked).unwrap().is_some()
    }

    fn signal(&self, signal: Signal) {
        let id = Pid::from_raw(self.child.id().try_into().unwrap()).unwrap();
        kill_process(id, signal).unwrap();
    }

    /// Waits for so many lines on standard error.
    pub(crate) fn wait_for_lines(&self, count: usize, is_one: impl Fn(&str) -> bool) {
        eventually("lines of a program", || {
            let has_ended = self.has_ended();
            let said = self.said();
            let is_enough = said.lines().filter(|line| is_one(line)).count() >= count;
            assert!(is_enough || !has_ended, "the program ended: {said}");
            is_enough.then_some(())
        });
    }

    fn said(&self) -> MutexGuard<'_, String> {
        self.stderr.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Over already, perhaps.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Ended {
    /// What it told on standard output.
    pub(crate) fn document(&self) -> Value {
        serde_json::from_str(&self.stdout).expect("one document")
    }

    /// What it said on standard error.
    pub(crate) fn lines(&self) -> Vec<&str> {
        self.stderr.lines().collect()
    }
}

impl Server {
    /// A server on a port that is free.
    pub(crate) fn start() -> Self {
        Self { program: Program::start(&["serve", "--listen", "127.0.0.1:0", "--json"]) }
    }

    /// A server there, with an identity that lives in `home`.
    pub(crate) fn start_at(address: &str, home: &Home) -> Self {
        let identity = ["--identity", home.path()];
        let arguments = [&["serve", "--listen", address, "--json"], &identity[..]].concat();
        Self { program: Program::start(&arguments) }
    }

    /// What one joins it by: its first line.
    pub(crate) fn link(&self) -> Link {
        eventually("the join link", || {
            let said = self.program.said();
            let (first, _) = said.split_once('\n')?;
            Some(first.strip_prefix("join: ").expect("its first line").parse().unwrap())
        })
    }

    /// Waits for a line on standard error.
    pub(crate) fn wait_for_line(&self, is_it: impl Fn(&str) -> bool) {
        self.program.wait_for_lines(1, is_it);
    }

    /// Waits for so many lines on standard error.
    pub(crate) fn wait_for_lines(&self, count: usize, is_one: impl Fn(&str) -> bool) {
        self.program.wait_for_lines(count, is_one);
    }

    /// Asks it to end, and returns what it tells.
    pub(crate) fn stop(self) -> Value {
        let ended = self.program.stop();
        assert_eq!(ended.status, Some(0), "{}", ended.stderr);
        ended.document()
    }
}

fn hear(stream: ChildStderr, heard: &Mutex<String>) {
    for line in BufReader::new(stream).lines() {
        let Ok(line) = line else { return };
        let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.push_str(&line);
        heard.push('\n');
    }
}
