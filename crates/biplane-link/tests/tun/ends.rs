//! How it ends: with the relay, with its process, or before it has begun.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    process::{Child, Command, ExitCode, Stdio},
    thread,
    time::Instant,
};

use biplane_link::{
    RelayConfig,
    tun::{self, KEEPER_ARGUMENT, TunConfig, TunError},
};

use crate::tools::{PATIENCE, Scene, any_port, ms};

crate::tests!(
    the_keeper_ends_with_its_relay,
    the_keeper_ends_with_a_process_that_is_killed,
    a_keeper_that_is_killed_ends_the_relay,
    what_is_no_keeper_is_told_from_one,
    a_congestion_control_that_is_not_there_is_one_clear_line,
    a_port_in_use_is_one_clear_line,
);

const VICTIM: &str = "victim";

/// Is a relay's process that waits to be killed, if it was started as such.
pub(crate) fn victim_main() -> Option<ExitCode> {
    if env::args().nth(1)? != VICTIM {
        return None;
    }
    let config = RelayConfig::new(any_port(), any_port()).udp_only();
    let relay = tun::start(&config, TunConfig::new()).unwrap();
    println!("{}", relay.address());
    // Not for ever, should nobody kill it.
    thread::sleep(PATIENCE);
    Some(ExitCode::FAILURE)
}

/// The keepers whose parent is the process `parent`.
fn keepers_of(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers.filter(|number| is_keeper(*number) && parent_of(*number) == Some(parent)).collect()
}

fn is_keeper(process: u32) -> bool {
    let line = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
    line.split(|byte| *byte == 0).any(|word| word == KEEPER_ARGUMENT.as_bytes())
}

fn parent_of(process: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

fn await_end_of(process: u32) {
    let end = Instant::now() + PATIENCE;
    while is_keeper(process) {
        assert!(Instant::now() < end, "the keeper {process} lives on");
        thread::sleep(ms(5));
    }
}

fn the_keeper_ends_with_its_relay() {
    let scene = Scene::through("delay=5ms");
    let keepers = keepers_of(std::process::id());
    assert_eq!(keepers.len(), 1);
    let _connection = scene.connection();
    assert_eq!(scene.relay.stop().up.tcp.connections, 1);
    // Gone and no zombie, at once.
    assert_eq!(keepers_of(std::process::id()), []);
    assert!(!is_keeper(keepers[0]));
}

fn the_keeper_ends_with_a_process_that_is_killed() {
    let executable = env::current_exe().unwrap();
    let mut victim = Command::new(executable).arg(VICTIM).stdout(Stdio::piped()).spawn().unwrap();
    wait_for_line(&mut victim);
    let keepers = keepers_of(victim.id());
    assert_eq!(keepers.len(), 1);
    victim.kill().unwrap();
    victim.wait().unwrap();
    await_end_of(keepers[0]);
}

fn wait_for_line(process: &mut Child) {
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("127.0.0.1:"), "{line:?}");
}

fn a_keeper_that_is_killed_ends_the_relay() {
    let scene = Scene::through("delay=5ms");
    let keepers = keepers_of(std::process::id());
    let keeper = rustix::process::Pid::from_raw(i32::try_from(keepers[0]).unwrap()).unwrap();
    rustix::process::kill_process(keeper, rustix::process::Signal::KILL).unwrap();
    let end = Instant::now() + PATIENCE;
    while scene.relay.is_running() {
        assert!(Instant::now() < end, "the relay goes on without");
        thread::sleep(ms(5));
    }
}

fn what_is_no_keeper_is_told_from_one() {
    let config = RelayConfig::new(any_port(), any_port()).udp_only();
    for other in ["/bin/true", "/nowhere"] {
        let error = tun::start(&config, TunConfig::new().keeper(Command::new(other))).unwrap_err();
        assert!(matches!(error, TunError::Keeper(_)), "{error:?}");
        assert_eq!(error.to_string().lines().count(), 1);
    }
}

fn a_congestion_control_that_is_not_there_is_one_clear_line() {
    let config = RelayConfig::new(any_port(), any_port()).udp_only();
    let error = tun::start(&config, TunConfig::new().congestion("tahoe")).unwrap_err();
    let line = error.to_string();
    assert!(line.contains("\"tahoe\"") && line.lines().count() == 1, "{line}");
}

fn a_port_in_use_is_one_clear_line() {
    let scene = Scene::through("delay=5ms");
    let config = RelayConfig::new(scene.relay.address(), scene.tcp.local_addr().unwrap());
    let line = tun::start(&config, TunConfig::new()).unwrap_err().to_string();
    assert!(line.starts_with("cannot listen on") && line.lines().count() == 1, "{line}");
}
