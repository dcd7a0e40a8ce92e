//! What it cannot start with is told in one line, and ends with status 2.

use std::{
    fs,
    net::{TcpListener, UdpSocket},
    process::Command,
};

use serde_json::Value;

use crate::program::{Ended, echo, run, run_unheard};

const BOTH_FREE: &str = "link --listen 127.0.0.1:0";

/// The one line of a run that did not start.
fn told(arguments: &str) -> String {
    let Ended { status, stdout, stderr } = run(arguments);
    assert_eq!(status.code(), Some(2), "{arguments}: {stderr}");
    assert_eq!(stdout, "", "{arguments}");
    assert_eq!(stderr.trim_end().lines().count(), 1, "{arguments}: {stderr}");
    stderr
}

#[test]
fn a_profile_that_does_not_exist_is_named_with_those_that_do() {
    let line = told(&format!("{BOTH_FREE} --to {} --profile 5g", echo()));
    assert!(line.contains("\"5g\"") && line.contains("4g-driving"), "{line}");
}

#[test]
fn a_value_that_a_flag_does_not_take_is_named_with_its_flag() {
    let line = told(&format!("{BOTH_FREE} --to {} --up-loss lots", echo()));
    assert!(line.contains("up-loss") && line.contains("\"lots\""), "{line}");
}

#[test]
fn a_flag_that_would_do_nothing_is_refused() {
    for (flags, words) in [
        ("--for 30s", "for does nothing without block-udp or block-tcp"),
        ("--profile 4g --after 5s", "after does nothing without block-udp or block-tcp"),
        ("--queue 64KiB", "queue does nothing without rate or a trace"),
        ("--burst 3", "burst does nothing without loss"),
        ("--rebind-address", "rebind-address does nothing without rebind-udp-every"),
        ("--trace-up a --up-rate 5mbit", "trace-up and up-rate exclude each other"),
    ] {
        let line = told(&format!("{BOTH_FREE} --to {} {flags}", echo()));
        assert!(line.contains(words), "{line}");
    }
}

#[test]
fn garbage_in_a_trace_is_told_with_file_and_line() {
    let file = std::env::temp_dir().join(format!("biplane-garbage-{}", std::process::id()));
    fs::write(&file, "1\n2\nthree\n").unwrap();
    let line = told(&format!("{BOTH_FREE} --to {} --trace-down {}", echo(), file.display()));
    assert!(line.contains(&format!("{}, line 3", file.display())), "{line}");
    fs::write(&file, "").unwrap();
    let line = told(&format!("{BOTH_FREE} --to {} --trace-up {}", echo(), file.display()));
    assert!(line.contains("nothing ever crosses"), "{line}");
    fs::remove_file(&file).unwrap();
    let line = told(&format!("{BOTH_FREE} --to {} --trace-up {}", echo(), file.display()));
    assert!(line.contains(&file.display().to_string()), "{line}");
}

#[test]
fn a_port_in_use_is_named_for_each_plane() {
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = tcp.local_addr().unwrap();
    let line = told(&format!("link --listen {address} --to {}", echo()));
    assert!(line.contains(&address.to_string()) && line.contains("TCP"), "{line}");
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = udp.local_addr().unwrap();
    let line = told(&format!("link --listen {address} --to {}", echo()));
    assert!(line.contains(&address.to_string()) && line.contains("UDP"), "{line}");
}

#[test]
fn a_target_that_refuses_tcp_is_unreachable() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = port.local_addr().unwrap();
    drop(port);
    let line = told(&format!("{BOTH_FREE} --to {nobody}"));
    assert!(line.contains(&format!("cannot reach {nobody}")), "{line}");
    assert!(told(&format!("{BOTH_FREE} --to nowhere.invalid:1")).contains("nowhere.invalid"));
}

#[test]
fn too_few_open_files_are_told_with_the_figure_needed() {
    let link = format!("{} {BOTH_FREE} --to {}", env!("CARGO_BIN_EXE_biplane"), echo());
    let limited = format!("ulimit -n 64 && exec {link}");
    let ended = Command::new("sh").args(["-c", &limited]).output().unwrap();
    let line = String::from_utf8(ended.stderr).unwrap();
    assert_eq!((ended.status.code(), line.lines().count()), (Some(2), 1), "{line}");
    assert!(line.contains("256") && line.contains("64 allowed"), "{line}");
}

#[test]
fn another_address_towards_a_target_that_has_one_is_refused() {
    let line = told(&format!(
        "{BOTH_FREE} --to [::1]:9 --udp-only --rebind-udp-every 5s --rebind-address"
    ));
    assert!(line.contains("[::1]:9") && line.contains("IPv4"), "{line}");
}

#[test]
fn an_interface_or_a_folder_that_is_not_there_is_named() {
    let line = told("doctor --quick --interface nowhere0");
    assert!(line.contains("`nowhere0`"), "{line}");
    let line = told("doctor --quick --save /nowhere/at/all.toml");
    assert!(line.contains("/nowhere/at/all.toml"), "{line}");
}

#[test]
fn how_it_ends_does_not_depend_on_who_hears_its_words() {
    for arguments in ["doctor --quick --interface nowhere0", "juggle"] {
        let ended = run_unheard(arguments);
        assert_eq!(ended.status.code(), Some(2), "{arguments}: {ended:?}");
    }
    let port = TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = port.local_addr().unwrap();
    drop(port);
    let ended = run_unheard(&format!("probe --join biplane://{nobody}#{} --json", "A".repeat(43)));
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(serde_json::from_str::<Value>(&ended.stdout).unwrap()["steps"].is_array());
}
