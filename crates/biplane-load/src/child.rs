//! One of the two processes, as the parent has it. Dropped, it is ended.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail};

use crate::line::{Order, PART, Report, Settings, Told};

/// How long a process that has said its last may take to end.
const ENDING: Duration = Duration::from_millis(500);
const STEP: Duration = Duration::from_millis(5);

/// A part at work.
#[derive(Debug)]
pub(crate) struct Part {
    name: &'static str,
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<Told>,
}

impl Part {
    /// Runs this program again as the part `name`.
    pub(crate) fn start(name: &'static str, settings: &Settings) -> Result<Self> {
        let program = env::current_exe().context("this program's own file")?;
        let mut command = Command::new(program);
        command.env(PART, name).stdin(Stdio::piped()).stdout(Stdio::piped());
        alone(&mut command);
        let mut child = command.spawn().with_context(|| format!("cannot start the {name}"))?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let stdout = stdout.context("a part without standard output")?;
        let (sender, lines) = channel();
        // Ends with the part, which closes its end of the pipe.
        thread::Builder::new().name(format!("load-{name}")).spawn(move || {
            for told in told(BufReader::new(stdout)) {
                if sender.send(told).is_err() {
                    break;
                }
            }
        })?;
        let mut part = Self { name, child, stdin, lines };
        part.write(&serde_json::to_string(settings)?)?;
        Ok(part)
    }

    pub(crate) fn order(&mut self, order: Order) -> Result<()> {
        self.write(&serde_json::to_string(&order)?)
    }

    /// The next thing it tells, if that comes within `patience`.
    ///
    /// # Errors
    ///
    /// If it failed, or ended without a word.
    pub(crate) fn hear(&mut self, patience: Duration) -> Result<Option<Told>> {
        match self.lines.recv_timeout(patience) {
            Ok(Told::Failed(why)) => Err(anyhow!("{}: {why}", self.name)),
            Ok(told) => Ok(Some(told)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => {
                let name = self.name;
                match self.ended()? {
                    Some(status) => bail!("the process of the {name} ended: {status}"),
                    None => bail!("the process of the {name} says no more"),
                }
            }
        }
    }

    /// Its last words.
    pub(crate) fn report(&mut self, patience: Duration) -> Result<Report> {
        let end = Instant::now() + patience;
        while let Some(told) = self.hear(end.saturating_duration_since(Instant::now()))? {
            if let Told::Report(report) = told {
                return Ok(*report);
            }
        }
        bail!("the {} did not report within {patience:?}", self.name)
    }

    /// What it ended with, if it does so within [`ENDING`].
    fn ended(&mut self) -> Result<Option<ExitStatus>> {
        let end = Instant::now() + ENDING;
        loop {
            let status = self.child.try_wait()?;
            if status.is_some() || Instant::now() >= end {
                return Ok(status);
            }
            thread::sleep(STEP);
        }
    }

    fn write(&mut self, line: &str) -> Result<()> {
        let stdin = self.stdin.as_mut().context("a part without standard input")?;
        // One that is gone has said why: that is heard next.
        writeln!(stdin, "{line}").ok();
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // Without its parent's pipe a part ends by itself.
        self.stdin = None;
        if !matches!(self.ended(), Ok(None)) {
            return;
        }
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// All that a part tells. What does not read was printed by the system or by a library of its own.
fn told(stdout: impl BufRead) -> impl Iterator<Item = Told> {
    stdout.split(b'\n').map_while(Result::ok).filter_map(|line| serde_json::from_slice(&line).ok())
}

/// Signals of a terminal are for the parent, which tells its parts.
fn alone(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    command.process_group(0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_s_own_words_hide_nothing_that_a_part_tells() {
        let stdout = b"\xff is no text\nnor this a word\n\"Ready\"\n\"Done\"".as_slice();
        let told: Vec<_> = told(stdout).collect();
        assert!(matches!(told.as_slice(), [Told::Ready, Told::Done]), "{told:?}");
    }
}
