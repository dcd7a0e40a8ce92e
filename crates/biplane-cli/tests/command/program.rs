//! The command as a child process, and something for it to relay to.

use std::{
    io::{self, BufRead, BufReader, Read, pipe},
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use serde_json::Value;

/// No run takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// The machine: runs whose times are judged share it, one that fills it has it alone.
static MACHINE: RwLock<()> = RwLock::new(());

pub(crate) fn shared() -> RwLockReadGuard<'static, ()> {
    MACHINE.read().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn alone() -> RwLockWriteGuard<'static, ()> {
    MACHINE.write().unwrap_or_else(PoisonError::into_inner)
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A run that goes on until it is told to stop. Let go of, it ends too.
#[derive(Debug)]
pub(crate) struct Running {
    child: Option<Child>,
    /// What it has said on standard error already.
    said: String,
}

/// A relay that runs until it is told to stop.
#[derive(Debug)]
pub(crate) struct Relaying {
    running: Running,
    /// What it said first.
    pub(crate) greeting: String,
    pub(crate) address: SocketAddr,
}

/// Runs `biplane` with these arguments to its end.
pub(crate) fn run(arguments: &str) -> Ended {
    let child = command(arguments).spawn().unwrap();
    finish(child, String::new())
}

/// The same where nobody reads what it says on standard error.
pub(crate) fn run_unheard(arguments: &str) -> Ended {
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    let child = command(arguments).stderr(writer).spawn().unwrap();
    finish(child, String::new())
}

/// The same with the machine to itself; and how long it took.
pub(crate) fn run_alone(arguments: &str) -> (Ended, Duration) {
    let alone = alone();
    let start = Instant::now();
    let ended = run(arguments);
    drop(alone);
    (ended, start.elapsed())
}

/// Runs it and reads the one JSON document that it prints.
pub(crate) fn document(arguments: &str) -> Value {
    let ended = run(arguments);
    assert!(ended.status.success(), "{arguments}: {ended:?}");
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

/// Runs it until it has begun, and ends it by a signal.
pub(crate) fn interrupted(arguments: &str, signal: &str) -> Ended {
    let running = Running::start(arguments);
    // Threads of its own are there once it works, and the signal is listened to before.
    let threads = format!("/proc/{}/task", running.id());
    let end = Instant::now() + PATIENCE;
    while std::fs::read_dir(&threads).map_or(0, Iterator::count) < 2 {
        assert!(Instant::now() < end, "it does not begin");
        thread::sleep(Duration::from_millis(1));
    }
    running.stop(signal)
}

impl Running {
    /// Starts `biplane` with these arguments.
    pub(crate) fn start(arguments: &str) -> Self {
        Self { child: Some(command(arguments).spawn().unwrap()), said: String::new() }
    }

    /// Starts it and waits until it has said `words` on standard error.
    pub(crate) fn until(arguments: &str, words: &str) -> Self {
        let mut running = Self::start(arguments);
        // Byte by byte, so that nothing that follows is swallowed.
        let stderr = running.child.as_mut().and_then(|child| child.stderr.as_mut()).unwrap();
        let mut lines = BufReader::with_capacity(1, stderr);
        while !running.said.contains(words) {
            let read = lines.read_line(&mut running.said).unwrap();
            assert_ne!(read, 0, "it ended: {}", running.said);
        }
        running
    }

    /// From here on nobody reads what it prints, as behind `head`.
    pub(crate) fn read_no_further(&mut self) {
        self.child.as_mut().unwrap().stdout = None;
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// Ends it by a signal; what it printed.
    pub(crate) fn stop(self, signal: &str) -> Ended {
        tell(&self.id().to_string(), signal);
        self.end()
    }

    /// Waits until it ends by itself; what it printed.
    pub(crate) fn end(mut self) -> Ended {
        finish(self.child.take().unwrap(), core::mem::take(&mut self.said))
    }
}

/// Sends a process a signal.
pub(crate) fn tell(id: &str, signal: &str) {
    let killed = Command::new("kill").args([&format!("-{signal}"), id]).status().unwrap();
    assert!(killed.success());
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // One that has ended by itself is as good.
            drop(child.kill());
            drop(child.wait());
        }
    }
}

impl Relaying {
    /// Starts `biplane link --json` to `to` with these flags.
    pub(crate) fn link(to: SocketAddr, flags: &str) -> Self {
        let arguments = format!("link --listen 127.0.0.1:0 --to {to} --json {flags}");
        let running = Running::until(&arguments, "\n");
        let greeting = running.said.clone();
        let address = greeting.split(" from ").nth(1).and_then(|rest| rest.split(' ').next());
        let address = address.and_then(|address| address.parse().ok());
        let address = address.unwrap_or_else(|| panic!("{greeting:?}"));
        Self { running, greeting, address }
    }

    /// From here on nobody reads what it prints.
    pub(crate) fn read_no_further(&mut self) {
        self.running.read_no_further();
    }

    /// Ends it by a signal; what it printed.
    pub(crate) fn stop(self, signal: &str) -> Ended {
        self.running.stop(signal)
    }
}

fn command(arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_biplane"));
    command.args(arguments.split_whitespace()).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Waits for the end, but not for ever.
fn finish(mut child: Child, mut stderr: String) -> Ended {
    let (out, err) = (read_all(child.stdout.take()), read_all(child.stderr.take()));
    let end = Instant::now() + PATIENCE;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if Instant::now() > end {
            child.kill().unwrap();
            panic!("it does not end");
        }
        thread::sleep(Duration::from_millis(10));
    };
    stderr.push_str(&err.join().unwrap().unwrap());
    Ended { status, stdout: out.join().unwrap().unwrap(), stderr }
}

fn read_all(source: Option<impl Read + Send + 'static>) -> JoinHandle<io::Result<String>> {
    thread::spawn(move || {
        let mut text = String::new();
        source.map_or(Ok(0), |mut source| source.read_to_string(&mut text)).map(|_| text)
    })
}

/// A program that answers whatever comes to its port, over TCP and UDP, with the same.
pub(crate) fn echo() -> SocketAddr {
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = tcp.local_addr().unwrap();
    let udp = UdpSocket::bind(address).unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 65_535];
        while let Ok((len, from)) = udp.recv_from(&mut buffer) {
            drop(udp.send_to(&buffer[..len], from));
        }
    });
    thread::spawn(move || {
        for stream in tcp.incoming().flatten() {
            thread::spawn(move || answer(&stream));
        }
    });
    address
}

fn answer(stream: &TcpStream) {
    // A stream that breaks has been answered as far as it goes.
    let (mut source, mut sink) = (stream, stream);
    drop(io::copy(&mut source, &mut sink));
    drop(stream.shutdown(std::net::Shutdown::Write));
}
