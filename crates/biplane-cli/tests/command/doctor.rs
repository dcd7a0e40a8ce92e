//! `biplane doctor` says what its contract names, finds this system sound, and finds every fault.

use std::{fs, time::Duration};

use biplane::ServerConfig;
use serde_json::Value;

use crate::program::{interrupted, run, run_alone};

/// What `--quick` may take, and a little for a busy machine's start.
const QUICK: Duration = Duration::from_secs(12);

/// A quick examination with these flags: its exit status and its document.
fn quick(flags: &str) -> (Option<i32>, Value) {
    let (ended, took) = run_alone(&format!("doctor --quick --json {flags}"));
    assert!(took <= QUICK, "{took:?}");
    let document = serde_json::from_str(&ended.stdout);
    (ended.status.code(), document.unwrap_or_else(|error| panic!("{error}: {ended:?}")))
}

fn has(document: &Value, names: &str, place: &str) {
    for name in names.split_whitespace() {
        assert!(document.get(name).is_some(), "{place}: no {name} in {document}");
    }
}

fn count(document: &Value, name: &str) -> u64 {
    document[name].as_u64().unwrap_or_else(|| panic!("{name}: {document}"))
}

#[test]
fn this_system_is_sound_and_every_key_of_the_contract_is_there() {
    let (status, told) = quick("");
    assert_eq!((status, &told["sound"]), (Some(0), &Value::Bool(true)), "{told}");
    has(
        &told,
        "sound torn duplicated lost reordered_percent worst_displacement gso_segments gro_segments \
         recv_buffer_bytes send_buffer_bytes matrix interfaces timer_jitter_us wakeup_us aead \
         recommended",
        "document",
    );
    assert_eq!((count(&told, "torn"), count(&told, "duplicated")), (0, 0));
    let matrix = told["matrix"].as_array().unwrap();
    for row in matrix {
        has(
            row,
            "receivers senders reuseport datagrams_per_second cpu_ns_per_datagram delivered_once \
             torn duplicated lost reordered_percent worst_displacement fairness",
            "matrix",
        );
        assert!(count(row, "delivered_once") > 0, "{row}");
    }
    let plain = matrix.iter().filter(|row| row["reuseport"] == false);
    let shapes: Vec<_> =
        plain.map(|row| (count(row, "receivers"), count(row, "senders"))).collect();
    let all = [1, 2, 4].map(|receivers| [1, 2, 4].map(|senders| (receivers, senders)));
    assert_eq!(shapes, all.concat());
    for row in told["interfaces"].as_array().unwrap() {
        has(row, "name multicast_v4 multicast_v6 broadcast", "interfaces");
    }
    has(&told["timer_jitter_us"], "p50 p99", "timer_jitter_us");
    has(&told["wakeup_us"], "p50 p99", "wakeup_us");
    for row in told["aead"].as_array().unwrap() {
        has(row, "name size seal_ns open_ns", "aead");
    }
    assert_eq!(told["aead"].as_array().unwrap().len(), 6);
    has(&told["recommended"], "threading receivers senders aead", "recommended");
}

#[test]
fn every_fault_is_named_and_only_what_udp_may_do_is_sound() {
    for (fault, named, status) in [
        ("repeat", "duplicated", 1),
        ("tear", "torn", 1),
        ("lose", "lost", 0),
        ("reorder", "reordered", 0),
    ] {
        let (ended, told) = quick(&format!("--fault {fault}"));
        assert_eq!(ended, Some(status), "{fault}: {told}");
        assert_eq!(told["sound"], status == 0, "{fault}: {told}");
        let faults = told["faults"].as_array().unwrap();
        assert!(faults.contains(&named.into()), "{fault}: {told}");
        let verdict = told["verdict"].to_string().to_lowercase();
        assert!(verdict.contains(&format!("{named}: ")), "{fault}: {verdict}");
    }
}

#[test]
fn in_words_it_has_a_table_a_verdict_and_what_it_saved_a_server_takes() {
    let file = std::env::temp_dir().join(format!("biplane-doctor-{}.toml", std::process::id()));
    let (ended, _) = run_alone(&format!("doctor --quick --save {}", file.display()));
    assert!(ended.status.success(), "{ended:?}");
    for part in ["| receivers |", "Sound: ", "Recommended: threading dedicated", "AEAD "] {
        assert!(ended.stdout.contains(part), "{part}\n{}", ended.stdout);
    }
    assert!(!ended.stderr.contains('\r'), "a bar where nobody looks: {}", ended.stderr);
    ServerConfig::recommended_from(&file).unwrap();
    fs::remove_file(&file).unwrap();
}

#[test]
fn a_signal_ends_it_with_what_is_there_and_that_shows_nothing() {
    let ended = interrupted("doctor --json", "INT");
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(ended.stderr.contains("did not hold: soundness (not shown)"), "{ended:?}");
    let told: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((&told["complete"], &told["sound"]), (&false.into(), &false.into()), "{told}");
    let first = told["verdict"][1].as_str().unwrap();
    assert!(first.starts_with("Not shown to be sound: "), "{told}");
}

#[test]
fn help_says_what_the_figures_mean_and_not_how_to_break_it() {
    let help = run("doctor --help").stdout;
    for part in
        ["--quick", "--interface <NAME>", "--save <FILE>", "--json", "Examples:", "fairness"]
    {
        assert!(help.contains(part), "{part}\n{help}");
    }
    assert!(!help.contains("--fault"), "{help}");
}
