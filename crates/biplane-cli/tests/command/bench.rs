//! The benchmark as a user runs it: every workload, its figures, and its ends.

use std::fs;
#[cfg(target_os = "linux")]
use std::{
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::program::{Ended, alone, document, run, shared};
#[cfg(target_os = "linux")]
use crate::program::{Running, tell};

/// Every workload, with few clients.
const WORKLOADS: [(&str, &str); 9] = [
    ("echo", ""),
    ("unreliable", "--clients 2"),
    ("reliable", ""),
    ("command", ""),
    ("game", "--clients 3"),
    ("connect", "--clients 5"),
    ("idle", "--clients 3"),
    ("flow", "--receivers 2 --senders 2"),
    ("transfer", "--size 2MB"),
];

fn bench(workload: &str, flags: &str) -> Value {
    document(&format!("bench {workload} --seconds 0.4 --json {flags}"))
}

fn figure(document: &Value, path: &str) -> f64 {
    document.pointer(path).and_then(Value::as_f64).unwrap_or_else(|| panic!("{path}: {document}"))
}

#[test]
fn every_workload_has_all_keys_and_those_figures_that_it_has() {
    let _machine = alone();
    for (workload, flags) in WORKLOADS {
        let measured = bench(workload, flags);
        assert_eq!(measured["workload"], workload);
        for key in ["receivers", "senders", "drops", "rss_bytes_per_client", "connects_per_second"]
        {
            assert!(measured.get(key).is_some(), "{key}: {measured}");
        }
        let has_messages = !matches!(workload, "connect" | "idle");
        for key in ["messages_per_second", "bytes_per_second", "delivered_share"] {
            assert_eq!(measured[key].is_f64(), has_messages, "{key}: {measured}");
        }
        for key in ["client", "server"] {
            let cost = &measured["cpu_ns_per_message"];
            assert_eq!(cost[key].is_f64(), has_messages, "{key}: {measured}");
            assert!(figure(&measured, &format!("/busy/{key}")) > 0.0);
        }
        for key in ["p50", "p90", "p95", "p99", "p999", "max"] {
            let latency = &measured["latency_us"];
            assert_eq!(latency[key].is_f64(), workload != "idle", "{key}: {measured}");
        }
        assert_eq!(measured["connects_per_second"].is_f64(), workload == "connect");
        assert_eq!(measured["broken"], Value::Array(Vec::new()), "{measured}");
    }
}

#[test]
fn what_goes_at_a_rate_comes_at_that_rate_and_nothing_is_lost_on_loopback() {
    let _machine = shared();
    let echo = bench("echo", "--rate 500 --clients 2");
    let rate = figure(&echo, "/messages_per_second");
    assert!((700.0..1_050.0).contains(&rate), "{echo}");
    assert_eq!(figure(&echo, "/delivered_share"), 1.0);
    let game = bench("game", "--clients 4");
    let (up, down) = (figure(&game, "/up/sent"), figure(&game, "/down/sent"));
    assert!((40.0..=110.0).contains(&up) && (12.0..=40.0).contains(&down), "{game}");
    assert_eq!(figure(&game, "/delivered_share"), 1.0, "{game}");
    assert!(figure(&game, "/rss_bytes_per_client") > 0.0);
}

#[test]
fn a_transfer_ends_with_the_right_checksum_where_tcp_is_killed_in_its_middle() {
    let _machine = shared();
    let link = "--link delay=5ms,rate=20mbit,kill-tcp-every=1s";
    let document = bench("transfer", &format!("--size 4MB {link}"));
    assert_eq!(figure(&document, "/transfer/bytes"), 4e6, "{document}");
    assert_eq!(document["broken"], Value::Array(Vec::new()), "{document}");
    let rate = figure(&document, "/bytes_per_second");
    assert!((200_000.0..2_500_000.0).contains(&rate), "{document}");
    assert!(figure(&document, "/link/down/tcp/killed") >= 2.0, "both connections: {document}");
    assert!(figure(&document, "/down/arrived") > 0.0, "{document}");
}

#[test]
fn each_thread_has_its_share() {
    let _machine = alone();
    let flow = bench("flow", "--receivers 2 --senders 3");
    let count = |key: &str| flow[key].as_array().map(Vec::len);
    assert_eq!((count("receivers"), count("senders")), (Some(2), Some(3)), "{flow}");
    assert!(
        figure(&flow, "/receivers/0/datagrams") + figure(&flow, "/receivers/1/datagrams") > 0.0
    );
    assert!(figure(&flow, "/window_bytes") <= 1_048_576.0);
}

#[test]
fn a_reliable_flow_over_a_lossy_link_loses_nothing_and_takes_as_long_as_the_link() {
    let link = "--link delay=20ms,loss=5% --seconds 1";
    let reliable = document(&format!("bench reliable --json {link}"));
    assert_eq!(reliable["up"]["sent"], reliable["up"]["arrived"], "{reliable}");
    assert!(figure(&reliable, "/up/sent") > 150.0, "{reliable}");
    assert!(figure(&reliable, "/link/up/udp/lost") > 0.0, "{reliable}");
    assert!(figure(&reliable, "/latency_us/p50") >= 20_000.0, "{reliable}");
    assert_eq!(reliable["profile"], "delay=20ms,loss=5%");
    let unreliable = document(&format!("bench unreliable --json {link}"));
    let share = figure(&unreliable, "/delivered_share");
    assert!((0.80..1.0).contains(&share), "{unreliable}");
}

#[test]
fn messages_that_were_to_arrive_and_do_not_are_told_and_make_it_fail() {
    let link = "--link block-udp,block-tcp,after=1500ms";
    let ended = run(&format!("bench reliable --seconds 2 --json {link}"));
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(ended.stderr.contains("did not hold") && ended.stderr.contains("no longer move"));
    let document: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(document["broken"].as_array().map(Vec::len), Some(1), "{document}");
    assert!(figure(&document, "/up/under_way") > 0.0, "{document}");
}

#[test]
fn clients_that_cannot_join_are_told_beside_the_figures_and_a_drawing_that_is_not_there_stays_away()
{
    let file = std::env::temp_dir().join(format!("biplane-no-plot-{}.svg", std::process::id()));
    let flags = format!("--clients 2 --link block-tcp --json --plot {}", file.display());
    let ended = run(&format!("bench connect {flags}"));
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    let document: Value = serde_json::from_str(&ended.stdout).unwrap();
    let broken = document["broken"][0].as_str().unwrap();
    assert!(broken.starts_with("2 clients could not join: "), "{document}");
    assert!(ended.stderr.contains("is not drawn"), "{ended:?}");
    assert!(!file.exists());
}

#[test]
fn a_file_that_is_there_stays_as_it_was_where_nothing_could_start() {
    let file = std::env::temp_dir().join(format!("biplane-old-plot-{}.svg", std::process::id()));
    fs::write(&file, "of yesterday").unwrap();
    let ended = run(&format!("bench echo --size 19 --plot {}", file.display()));
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "of yesterday");
    fs::remove_file(&file).unwrap();
}

#[test]
fn what_one_client_dropped_is_told_too() {
    let _machine = shared();
    let link = "--link corrupt=20%,delay=5ms --rate 500";
    let echo = document(&format!("bench echo --seconds 1 --json {link}"));
    let drops = echo["drops"].as_object().unwrap().values();
    let dropped: f64 = drops.filter_map(Value::as_f64).sum();
    let corrupted = |way| figure(&echo, &format!("/link/{way}/udp/corrupted"));
    assert!(dropped > 0.8 * (corrupted("up") + corrupted("down")), "{echo}");
}

#[test]
fn people_get_words_and_a_histogram_and_a_file_a_drawing() {
    let file = std::env::temp_dir().join(format!("biplane-plot-{}.svg", std::process::id()));
    let ended = run(&format!("bench echo --seconds 0.4 --plot {}", file.display()));
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    assert_eq!(ended.stderr, "", "no progress in a pipe");
    for part in ["echo: 1 client", "delivered", "p99.9", "█"] {
        assert!(ended.stdout.contains(part), "{part}: {}", ended.stdout);
    }
    let drawing = fs::read_to_string(&file).unwrap();
    fs::remove_file(&file).unwrap();
    for part in ["<svg", "echo: 1 client", "latency, there and back", "share of messages", "p99 "] {
        assert!(drawing.contains(part), "{part}");
    }
}

#[test]
fn what_cannot_start_is_told_in_one_line() {
    for (flags, words) in [
        ("juggle", "juggle"),
        ("transfer --size 5mb", "50MB"),
        ("echo --link 5g", "5g"),
        ("echo --size 19", "19"),
        ("echo --clients 0", "0"),
        ("echo --clients many", "many"),
        ("echo --clients 10001", "1..=10000"),
        ("echo --clients 18446744073709551615", "--clients"),
        ("connect --clients 2049 --link 4g", "2048"),
        ("echo --threading shared --senders 2", "--senders"),
        ("echo --rate 1e-20", "rate of"),
        ("echo --rate 0", "rate of 0"),
        ("game --size 64", "--size"),
        ("unreliable --size 20000", "20000"),
        ("echo --pcap a", "--pcap"),
        ("echo --plot /nowhere/at/all.svg", "/nowhere/at/all.svg"),
    ] {
        let Ended { status, stdout, stderr } = run(&format!("bench {flags}"));
        assert_eq!(status.code(), Some(2), "{flags}: {stderr}");
        assert_eq!(stdout, "", "{flags}");
        assert_eq!(stderr.lines().count(), 1, "{flags}: {stderr}");
        assert!(stderr.contains(words), "{flags}: {stderr}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn an_interrupt_ends_it_with_its_figures_and_leaves_nobody_behind() {
    let running = Running::start("bench unreliable --rate 100 --seconds 60 --json");
    let children = until(|| {
        let children = children_of(running.id());
        (children.len() == 2).then_some(children)
    });
    let ended = running.stop("INT");
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    let document: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert!(figure(&document, "/seconds") < 30.0);
    until(|| children.iter().all(|child| is_gone(child)).then_some(()));
}

#[test]
#[cfg(target_os = "linux")]
fn parts_end_by_themselves_when_their_parent_is_killed() {
    let running = Running::start("bench idle --clients 2 --seconds 60 --json");
    let children = until(|| {
        let children = children_of(running.id());
        (children.len() == 2).then_some(children)
    });
    let ended = running.stop("KILL");
    assert_eq!(ended.status.code(), None, "{ended:?}");
    until(|| children.iter().all(|child| is_gone(child)).then_some(()));
}

#[test]
#[cfg(target_os = "linux")]
fn a_client_that_is_alone_works_on_the_threads_that_were_chosen() {
    for (threading, thread) in [("shared", "biplane-work-0"), ("dedicated", "biplane-send-0")] {
        let flags = format!("--clients 1 --seconds 60 --threading {threading}");
        let running = Running::start(&format!("bench idle {flags}"));
        let have = |process: &String| threads_of(process).iter().any(|name| name == thread);
        until(|| {
            let children = children_of(running.id());
            (children.len() == 2 && children.iter().all(have)).then_some(())
        });
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_process_that_breaks_in_the_middle_of_the_work_is_told_with_the_document() {
    let running = Running::start("bench connect --clients 2 --link delay=2s --json");
    let is_clients = |process: &String| {
        let environment = fs::read_to_string(format!("/proc/{process}/environ"));
        environment.is_ok_and(|all| all.contains("BIPLANE_LOAD_PART=clients"))
    };
    // It has an endpoint once it was told to begin.
    let clients = until(|| {
        let clients = children_of(running.id()).into_iter().find(is_clients)?;
        threads_of(&clients).iter().any(|name| name == "biplane-control").then_some(clients)
    });
    tell(&clients, "KILL");
    let ended = running.end();
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    let document: Value = serde_json::from_str(&ended.stdout).unwrap();
    let broken = document["broken"][0].as_str().unwrap();
    assert!(broken.starts_with("the process of the clients ended"), "{document}");
}

/// Looks again and again, but not for ever.
#[cfg(target_os = "linux")]
fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "it does not come about");
        thread::sleep(Duration::from_millis(10));
    }
}

/// The processes that this one started, by id.
#[cfg(target_os = "linux")]
fn children_of(id: u32) -> Vec<String> {
    let listed = fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
    listed.unwrap_or_default().split_whitespace().map(str::to_owned).collect()
}

/// The names of its threads.
#[cfg(target_os = "linux")]
fn threads_of(id: &str) -> Vec<String> {
    let threads = fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
    let names = threads.filter_map(|thread| fs::read_to_string(thread.path().join("comm")).ok());
    names.map(|name| name.trim().to_owned()).collect()
}

/// A process that has ended, though nobody may have taken notice yet.
#[cfg(target_os = "linux")]
fn is_gone(id: &str) -> bool {
    let state = fs::read_to_string(format!("/proc/{id}/stat"));
    state.map_or(true, |state| {
        state.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z'))
    })
}
