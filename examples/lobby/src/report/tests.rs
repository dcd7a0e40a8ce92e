//! Every key of the command-line contract is there, whatever happened in the run.

use serde_json::Value;

use super::*;

const BOTS: &str = "count joined joined_after_ms join_ms.p50 join_ms.p99 join_ms.max rejected \
    disconnected rejoined rejoin_ms.p50 rejoin_ms.p99 rejoin_ms.max seconds rooms commands.sent \
    commands.acknowledged commands.lost commands.duplicated inputs.sent inputs.applied \
    snapshots.received snapshots.late snapshots.lost snapshots.rate_hz snapshots.gap_ms.p50 \
    snapshots.gap_ms.p99 snapshots.gap_ms.max snapshots.age_ms.max rtt_ms.p50 rtt_ms.p99 snapshot_age_ms correction_px \
    corrections_percent underrun_percent planes.both planes.control_only planes.data_only \
    planes.lost planes.changes resumes bytes_per_bot_per_second.up bytes_per_bot_per_second.down \
    datagrams.sent datagrams.received datagrams.delivered datagrams.kernel_dropped drops timeline";

const SERVER: &str = "sessions.peak sessions.admitted sessions.refused sessions.timed_out \
    sessions.resumed sessions.left datagrams.sent datagrams.received datagrams.delivered \
    datagrams.dropped datagrams.kernel_dropped receivers senders commands.received \
    commands.duplicated tick.rate_hz tick.p99_ms tick.over_budget cpu_seconds rss_bytes.start \
    rss_bytes.peak rss_bytes.end panics timeline";

const SECOND: &str = "t both control_only data_only lost snapshots_hz";
const WORKER: &str = "datagrams batches wakeups";

fn missing(document: &impl Serialize, paths: &str) -> Vec<String> {
    let document = serde_json::to_value(document).unwrap();
    let lacks =
        |path: &&str| path.split('.').try_fold(&document, |value, key| value.get(key)).is_none();
    paths.split_whitespace().filter(lacks).map(str::to_owned).collect()
}

#[test]
fn bots_tell_every_key_of_the_contract() {
    assert_eq!(missing(&BotsReport::default(), BOTS), [""; 0]);
    assert_eq!(missing(&Second::default(), SECOND), [""; 0]);
}

#[test]
fn a_server_tells_every_key_of_the_contract() {
    assert_eq!(missing(&ServerReport::default(), SERVER), [""; 0]);
    assert_eq!(missing(&Worker::default(), WORKER), [""; 0]);
}

#[test]
fn a_demo_tells_both() {
    let demo = DemoReport { bots: BotsReport::default(), server: ServerReport::default() };
    assert_eq!(missing(&demo, "bots.commands.lost server.panics"), [""; 0]);
}

#[test]
fn what_does_not_exist_yet_is_null() {
    let bots = serde_json::to_value(BotsReport::default()).unwrap();
    for key in ["snapshot_age_ms", "correction_px", "corrections_percent", "underrun_percent"] {
        assert_eq!(bots[key], Value::Null, "{key}");
    }
}

#[test]
fn a_clean_run_broke_no_promise_and_each_fault_is_named() {
    let mut bots = BotsReport { count: 2, ..BotsReport::default() };
    bots.joins.joined = 2;
    assert!(bots.broken_promises().is_empty());
    bots.joins.joined = 1;
    bots.joins.disconnected = 3;
    bots.play.commands = Commands { sent: 9, acknowledged: 4, lost: 4, duplicated: 1 };
    let told = bots.broken_promises().join(", ");
    assert_eq!(
        told,
        "1 bots never joined, 3 sessions were disconnected, 4 commands were lost, \
         1 commands were duplicated"
    );
}

#[test]
fn a_person_reads_a_dash_where_nothing_was_measured() {
    let told = BotsReport::default().to_string();
    assert!(told.contains("joins       p50 –"), "{told}");
    assert!(told.contains("dropped: none"), "{told}");
}
