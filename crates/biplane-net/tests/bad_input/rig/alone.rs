//! Tests that need a process of their own: this one once more, which runs nothing else.

use std::{
    env,
    path::PathBuf,
    process::{Command, Output},
};

#[cfg(target_os = "linux")]
use super::RawSocket;

/// Set, to the test's name, for the process that is alone.
const ALONE: &str = "BIPLANE_TEST_ALONE";

/// Runs `test` in a process that runs nothing beside it. `name` is the test's, with its module's.
pub(crate) fn alone(name: &str, test: impl FnOnce()) {
    if is_alone(name) {
        return test();
    }
    has_passed(name, &once_more(&mut Command::new(this()), name));
}

/// Runs `test` as root of a network of its own, where only loopback is and any source can be
/// forged. Where the system gives none, the host's loopback serves if it lets us forge sources;
/// else nothing is shown, and that is said.
#[cfg(target_os = "linux")]
pub(crate) fn alone_in_a_network(name: &str, test: impl FnOnce()) {
    if is_alone(name) {
        return test();
    }
    let mut network = Command::new("unshare");
    network.args(["-Urn", "sh", "-c", "ip link set lo up && exec \"$@\"", "sh"]);
    let mut trial = Command::new("unshare");
    trial.args(["-Urn", "ip", "link", "set", "lo", "up"]);
    if trial.output().is_ok_and(|output| output.status.success()) {
        has_passed(name, &once_more(network.arg(this()), name));
    } else if RawSocket::open().is_some() {
        has_passed(name, &once_more(&mut Command::new(this()), name));
    } else {
        eprintln!("{name}: not shown, for it needs `unshare -Urn` with `ip`, or CAP_NET_RAW");
    }
}

fn is_alone(name: &str) -> bool {
    env::var(ALONE).is_ok_and(|alone| alone == name)
}

fn this() -> PathBuf {
    env::current_exe().unwrap()
}

fn once_more(command: &mut Command, name: &str) -> Output {
    let command = command.args(["--exact", name, "--nocapture", "--test-threads", "1"]);
    command.env(ALONE, name).output().unwrap()
}

fn has_passed(name: &str, output: &Output) {
    let told = String::from_utf8_lossy(&output.stdout);
    let cried = String::from_utf8_lossy(&output.stderr);
    // A name that is no test's would pass too.
    assert!(
        output.status.success() && told.contains(" 1 passed"),
        "{name}, alone:\n{told}\n{cried}"
    );
    eprint!("{cried}");
}
