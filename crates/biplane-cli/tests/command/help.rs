//! The help says all there is.

use crate::program::run;

#[test]
fn help_has_every_flag_with_default_and_examples() {
    let help = run("link --help").stdout;
    for flag in ["delay", "jitter", "loss", "burst", "duplicate", "reorder", "corrupt", "rate"] {
        for prefix in ["", "up-", "down-"] {
            assert!(help.contains(&format!("--{prefix}{flag} ")), "--{prefix}{flag}");
        }
    }
    for part in [
        "--queue <SIZE>",
        "--mtu <B>",
        "--trace-up <FILE>",
        "--block-udp[=<up|down>]",
        "--kill-tcp-every <D>",
        "--rebind-address",
        "[default: 0ms]",
        "4g-driving",
        "Examples:",
        "TCP ends at the relay",
    ] {
        assert!(help.contains(part), "{part}\n{help}");
    }
    let all = run("--help").stdout;
    assert!(
        all.contains("link") && all.contains("bench") && !all.contains("measure-link"),
        "{all}"
    );
}

#[test]
fn the_benchmarks_help_has_every_workload_with_its_defaults() {
    let help = run("bench --help").stdout;
    for part in ["echo", "unreliable", "reliable", "command", "flow", "game", "connect", "idle"] {
        assert!(help.contains(&format!("\n  {part} ")), "{part}\n{help}");
    }
    for part in ["--seconds <S>", "[default: 5]", "--plot <FILE.svg>", "--rate <R>", "Examples:"] {
        assert!(help.contains(part), "{part}\n{help}");
    }
}
