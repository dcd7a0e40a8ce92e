//! Signals to programs we started, and to what those started in turn.
//!
//! `cargo test` runs its binaries as children of its own: ending cargo alone would leave them.
//! The standard library cannot send a signal, so the shell's own `kill` does.

use std::fs;
use std::process::{Command, Stdio};

use anyhow::{Result, ensure};

/// Asks one process to end.
///
/// # Errors
///
/// If it is already gone or the shell cannot be run.
pub(super) fn terminate(process: u32) -> Result<()> {
    ensure!(signal("TERM", &[process]), "process {process} could not be told to end");
    Ok(())
}

/// Stops one process where it is, until [`go_on`].
///
/// # Errors
///
/// If it is gone or the shell cannot be run.
pub(super) fn stop(process: u32) -> Result<()> {
    ensure!(signal("STOP", &[process]), "process {process} could not be stopped");
    Ok(())
}

/// Lets one process go on.
///
/// # Errors
///
/// If it is gone or the shell cannot be run.
pub(super) fn go_on(process: u32) -> Result<()> {
    ensure!(signal("CONT", &[process]), "process {process} could not go on");
    Ok(())
}

/// Ends everything that descends from `process`, itself excepted.
///
/// Does nothing where there is no `/proc`.
pub(super) fn end_descendants(process: u32) {
    let found = descendants(process, &parents());
    if !found.is_empty() {
        signal("KILL", &found);
    }
}

fn signal(name: &str, processes: &[u32]) -> bool {
    let ids: Vec<String> = processes.iter().map(u32::to_string).collect();
    Command::new("sh")
        .args(["-c", &format!("kill -s {name} {}", ids.join(" "))])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Every process of the machine with its parent.
fn parents() -> Vec<(u32, u32)> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries
        .filter_map(|entry| {
            let process = entry.ok()?.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
            Some((process, parent_in(&stat)?))
        })
        .collect()
}

/// The parent in a line of `/proc/ID/stat`; the program's name before it may hold anything.
fn parent_in(stat: &str) -> Option<u32> {
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(1)?.parse().ok()
}

fn descendants(process: u32, parents: &[(u32, u32)]) -> Vec<u32> {
    let mut found = vec![process];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        let children = parents.iter().filter(|(child, of)| *of == parent && !found.contains(child));
        let children: Vec<u32> = children.map(|(child, _)| *child).collect();
        found.extend(children);
        next += 1;
    }
    found.split_off(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_name_with_brackets_does_not_hide_the_parent() {
        assert_eq!(parent_in("12 (a) (b c) S 7 12 12 0"), Some(7));
        assert_eq!(parent_in("12 (cut"), None);
    }

    #[test]
    fn descendants_are_children_of_children_and_nobody_else() {
        let parents = [(1, 0), (5, 1), (6, 5), (7, 6), (8, 1), (9, 5)];
        assert_eq!(descendants(5, &parents), [6, 9, 7]);
        assert!(descendants(8, &parents).is_empty());
    }
}
