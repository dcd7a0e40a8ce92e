//! Tests that need a process of their own: this one once more, which runs nothing else.

use std::{
    env,
    path::PathBuf,
    process::{Command, Output},
};

/// Set, to the test's name, for the process that is alone.
pub(crate) const ALONE: &str = "BIPLANE_TEST_ALONE";

/// Runs `test` in a process that runs nothing beside it. `name` is the test's, with its module's.
pub(crate) fn alone(name: &str, test: impl FnOnce()) {
    alone_under(Command::new(this()), name, test);
}

/// The same in a process that `command` starts, which is this one once more.
pub(crate) fn alone_under(mut command: Command, name: &str, test: impl FnOnce()) {
    if is_alone(name) {
        return test();
    }
    has_passed(name, &once_more(&mut command, name));
}

fn is_alone(name: &str) -> bool {
    env::var(ALONE).is_ok_and(|alone| alone == name)
}

/// This program.
pub(crate) fn this() -> PathBuf {
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
