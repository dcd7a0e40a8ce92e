//! A server runs as `biplane doctor` recommends, and says what is wrong with a file that is not its.

use std::{fs, path::PathBuf};

use biplane::{Channel, Client, Protocol, RecommendedError, Server, ServerConfig};

const LINES: Channel<String> = Channel::command("lines");

/// A file of this text, of a name that no other test uses.
fn file(name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = std::env::temp_dir().join(format!("biplane-{}-{name}.toml", std::process::id()));
    fs::write(&path, text).unwrap();
    path
}

/// What is said of such a file.
fn told(name: &str, text: impl AsRef<[u8]>) -> String {
    let path = file(name, text);
    let error = ServerConfig::recommended_from(&path).unwrap_err();
    fs::remove_file(&path).unwrap();
    error.to_string()
}

#[test]
fn a_server_runs_with_the_workers_that_are_recommended() {
    let text = "threading = \"dedicated\"\nreceivers = 3\nsenders = 2\naead = \"aes-128-gcm\"\n";
    let path = file("runs", text);
    let config = ServerConfig::recommended_from(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let protocol = Protocol::new("recommended", 1).channel(LINES);
    let server = Server::bind_with("127.0.0.1:0", &protocol, config).unwrap();
    let stats = server.stats();
    assert_eq!((stats.receivers.len(), stats.senders.len()), (3, 2));
    Client::connect(server.link(), &protocol).wait().unwrap();
}

#[test]
fn what_is_wrong_with_a_file_is_said_with_its_line() {
    assert_eq!(told("empty", ""), "threading is missing");
    assert_eq!(
        told("line", "# fine\nreceivers = 0\n"),
        "line 2: receivers is a number from 1 to 64"
    );
    assert_eq!(told("bytes", [0xff, 0xfe]), "a recommended configuration is text");
}

#[test]
fn a_file_is_read_up_to_its_longest_and_no_further() {
    let longest = "#".repeat(2_048);
    assert_eq!(told("longest", &longest), "threading is missing");
    let limit = "a recommended configuration has 2048 bytes at most";
    assert_eq!(told("longer", longest + "#"), limit);
}

#[test]
fn a_file_that_is_not_there_is_the_systems_error() {
    let error = ServerConfig::recommended_from("/nowhere/at/all.toml").unwrap_err();
    assert!(matches!(error, RecommendedError::Unreadable(_)), "{error:?}");
}
