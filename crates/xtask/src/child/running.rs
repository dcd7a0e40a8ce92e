//! A program that is running: its streams are collected, its end is ours to bring about.
//!
//! Whatever happens to the owner, the program and its descendants do not outlive this value.

use std::io::Read;
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::{Exit, Finished, Invocation, deadline_in, kill, tail};

/// How often we look: the standard library can wait for ever or not at all.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// How long a stream may stay open after its program ended: something else may hold it.
const STREAM_GRACE: Duration = Duration::from_secs(1);
/// How much of a program's last words goes into an error.
const LAST_WORDS: usize = 10;

/// A started program.
#[derive(Debug)]
pub(crate) struct Running {
    line: String,
    child: Child,
    stdout: Heard,
    stderr: Heard,
}

impl Running {
    /// Starts `invocation` at the top of the checkout, without standard input.
    ///
    /// # Errors
    ///
    /// If the program cannot be found or started.
    pub(crate) fn start(invocation: &Invocation) -> Result<Self> {
        let line = invocation.to_string();
        let mut child =
            invocation.command().spawn().with_context(|| format!("could not start `{line}`"))?;
        let stdout = Heard::from(child.stdout.take());
        let stderr = Heard::from(child.stderr.take());
        Ok(Self { line, child, stdout, stderr })
    }

    /// Waits for a line on standard error that starts with `prefix`; returns what follows it.
    ///
    /// # Errors
    ///
    /// If the program ends or `deadline` passes first.
    pub(crate) fn stderr_line(&mut self, prefix: &str, deadline: Instant) -> Result<String> {
        loop {
            let over = self.child.try_wait()?.is_some() || Instant::now() >= deadline;
            let said = self.stderr.text();
            if let Some(rest) = complete_line(&said, prefix) {
                return Ok(rest.to_owned());
            }
            if over {
                bail!("`{}` never said `{prefix}…`: {}", self.line, tail(&said, LAST_WORDS));
            }
            thread::sleep(LOOK_EVERY);
        }
    }

    /// The process, as the system numbers it.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks the program to end, as a service manager would (SIGTERM).
    ///
    /// # Errors
    ///
    /// If it has already ended.
    pub(crate) fn terminate(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("`{}` ended too early, {status}", self.line);
        }
        kill::terminate(self.child.id())
    }

    /// Stops the program where it is (SIGSTOP), until [`Running::go_on`]. It can still be ended.
    ///
    /// # Errors
    ///
    /// If it has already ended.
    pub(crate) fn stop(&self) -> Result<()> {
        kill::stop(self.child.id())
    }

    /// Lets a stopped program go on (SIGCONT).
    ///
    /// # Errors
    ///
    /// If it has ended meanwhile.
    pub(crate) fn go_on(&self) -> Result<()> {
        kill::go_on(self.child.id())
    }

    /// Waits for the end, which comes at `deadline` at the latest.
    ///
    /// # Errors
    ///
    /// If the operating system cannot say how the program ended.
    pub(crate) fn finish_by(mut self, deadline: Instant) -> Result<Finished> {
        let exit = self.wait_until(deadline)?;
        let grace = deadline_in(STREAM_GRACE);
        Ok(Finished {
            exit,
            stdout: self.stdout.close_by(grace),
            stderr: self.stderr.close_by(grace),
        })
    }

    fn wait_until(&mut self, deadline: Instant) -> Result<Exit> {
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(exit_of(status));
            }
            if Instant::now() >= deadline {
                self.end();
                return Ok(Exit::TimedOut);
            }
            thread::sleep(LOOK_EVERY);
        }
    }

    /// Ends the program and all it started. Harmless if it is over.
    fn end(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            kill::end_descendants(self.child.id());
            self.child.kill().ok();
            self.child.wait().ok();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

fn exit_of(status: ExitStatus) -> Exit {
    status.code().map_or(Exit::Signal, Exit::Status)
}

/// What follows `prefix` on the first finished line that starts with it.
fn complete_line<'a>(said: &'a str, prefix: &str) -> Option<&'a str> {
    let whole = said.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    whole.filter_map(|line| line.strip_prefix(prefix)).map(str::trim).next()
}

/// One stream of a program, collected by a thread so that the program never blocks on us.
#[derive(Debug)]
struct Heard {
    bytes: Arc<Mutex<Vec<u8>>>,
    listener: JoinHandle<()>,
}

impl Heard {
    fn from(stream: Option<impl Read + Send + 'static>) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let collected = Arc::clone(&bytes);
        let listener = thread::spawn(move || {
            if let Some(stream) = stream {
                collect(stream, &collected);
            }
        });
        Self { bytes, listener }
    }

    fn text(&self) -> String {
        let bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Waits until the stream is closed, or `deadline`; returns what came.
    fn close_by(&self, deadline: Instant) -> String {
        while !self.listener.is_finished() && Instant::now() < deadline {
            thread::sleep(LOOK_EVERY);
        }
        self.text()
    }
}

fn collect(mut stream: impl Read, into: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 8192];
    while let Ok(length) = stream.read(&mut buffer) {
        let Some(new @ [_, ..]) = buffer.get(..length) else { return };
        into.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(new);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Invocation {
        Invocation::new("sh -c").argument(script)
    }

    fn soon() -> Instant {
        deadline_in(Duration::from_secs(20))
    }

    #[test]
    fn both_streams_and_the_status_are_kept() {
        let finished = shell("echo out; echo err >&2; exit 3").finish_by(soon()).unwrap();
        assert_eq!(finished.exit, Exit::Status(3));
        assert_eq!((finished.stdout.as_str(), finished.stderr.as_str()), ("out\n", "err\n"));
        assert!(!finished.succeeded());
    }

    #[test]
    fn a_program_past_its_deadline_is_ended_with_its_children() {
        let hangs = shell("echo $$; sleep 600 & echo $!; wait");
        let finished = hangs.finish_by(deadline_in(Duration::from_millis(300))).unwrap();
        assert_eq!(finished.exit, Exit::TimedOut);
        let ids: Vec<&str> = finished.stdout.lines().collect();
        assert_eq!(ids.len(), 2);
        for id in ids {
            assert!(is_gone(id), "process {id} outlived its deadline");
        }
    }

    #[test]
    fn a_dropped_program_is_ended() {
        let mut running = Running::start(&shell("echo id: $$ >&2; exec sleep 600")).unwrap();
        let id = running.stderr_line("id: ", soon()).unwrap();
        drop(running);
        assert!(is_gone(&id));
    }

    #[test]
    fn a_tied_program_is_ended_when_nobody_is_left_to_end_it() {
        let starter = || {
            let sleeps = shell("echo id: $$ >&2; exec sleep 600").tied();
            if !sleeps.to_string().starts_with("setpriv ") {
                return None;
            }
            let mut running = Running::start(&sleeps).unwrap();
            let id = running.stderr_line("id: ", soon()).unwrap();
            // As if its owner were killed: nothing is dropped.
            std::mem::forget(running);
            Some(id)
        };
        let id = thread::spawn(starter).join().unwrap();
        assert!(id.is_none_or(|id| is_gone(&id)));
    }

    #[test]
    fn a_line_can_be_read_before_the_end_and_a_signal_ends_it() {
        let polite =
            shell("trap 'kill $!; echo bye; exit 0' TERM; sleep 600 & echo join: here >&2; wait");
        let mut running = Running::start(&polite).unwrap();
        assert_eq!(running.stderr_line("join: ", soon()).unwrap(), "here");
        running.terminate().unwrap();
        let finished = running.finish_by(soon()).unwrap();
        assert!(finished.succeeded());
        assert_eq!(finished.stdout, "bye\n");
    }

    #[test]
    fn a_line_that_never_comes_is_an_error_with_the_last_words() {
        let mut running = Running::start(&shell("echo port in use >&2; exit 2")).unwrap();
        let error = running.stderr_line("join: ", soon()).unwrap_err();
        assert!(error.to_string().contains("port in use"), "{error}");
        assert!(running.finish_by(soon()).is_ok_and(|finished| !finished.succeeded()));
    }

    #[test]
    fn a_stopped_program_stands_still_until_it_may_go_on() {
        let mut running = Running::start(&shell("echo id: $$ >&2; exec sleep 600")).unwrap();
        let id = running.stderr_line("id: ", soon()).unwrap();
        let stands_still = || {
            let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
            stat.rsplit_once(") ").unwrap().1.starts_with('T')
        };
        let until = |wanted: bool| {
            let deadline = soon();
            while stands_still() != wanted {
                assert!(Instant::now() < deadline, "it takes no notice");
                thread::yield_now();
            }
        };
        running.stop().unwrap();
        until(true);
        running.go_on().unwrap();
        until(false);
        running.stop().unwrap();
        drop(running);
        assert!(is_gone(&id), "one that stands still is ended too");
    }

    #[test]
    fn half_a_line_is_not_a_line() {
        assert_eq!(complete_line("join: bip", "join: "), None);
        assert_eq!(complete_line("x\njoin: biplane://a\n", "join: "), Some("biplane://a"));
    }

    #[test]
    fn a_program_that_does_not_exist_is_an_error() {
        let error = Running::start(&Invocation::new("no-such-program-here")).unwrap_err();
        assert!(error.to_string().contains("no-such-program-here"));
    }

    /// Gone, or waiting only for its new parent to notice.
    fn is_gone(id: &str) -> bool {
        let deadline = soon();
        while Instant::now() < deadline {
            match std::fs::read_to_string(format!("/proc/{id}/stat")) {
                Err(_) => return true,
                Ok(stat) if stat.contains(") Z ") => return true,
                Ok(_) => thread::sleep(LOOK_EVERY),
            }
        }
        false
    }
}
