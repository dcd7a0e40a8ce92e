//! Reports of tests and of the simulator, judged.

use serde_json::json;

use super::super::Figure;
use super::*;
use crate::child::{Exit, Finished, deadline_in};

fn judged(judge: impl FnOnce(&mut Run)) -> Vec<bool> {
    let mut run = Run::new(true, 8, deadline_in(Duration::from_secs(20)));
    judge(&mut run);
    run.into_parts().0.iter().map(Figure::is_met).collect()
}

#[test]
fn tests_that_are_too_few_are_not_enough() {
    let tests = |passed| Finished {
        exit: Exit::Status(0),
        stdout: format!("test result: ok. {passed} passed; 0 failed; 0 ignored;"),
        stderr: String::new(),
    };
    assert_eq!(judged(|run| run.judge_tests(&tests(2), 2)), [true, true]);
    assert_eq!(judged(|run| run.judge_tests(&tests(0), 1)), [false, true]);
}

#[test]
fn a_sweep_holds_every_promise_and_catches_every_canary() {
    let canary = |name| json!({"name": name, "caught": true});
    let mut told = json!({
        "seeds": 200, "violations": 0, "replayed_identically": true,
        "canaries": [canary("withholds"), canary("swaps"), canary("repeats")],
    });
    assert_eq!(judged(|run| judge_sweep(run, &told, 200)), [true; 6]);
    told["violations"] = json!(1);
    told["canaries"][1]["caught"] = json!(false);
    let verdict = [true, false, true, true, false, true];
    assert_eq!(judged(|run| judge_sweep(run, &told, 200)), verdict);
}

#[test]
fn every_bad_input_needs_a_test_that_passed() {
    let stdout = "test seals::bad_input_07_every_flipped_bit ... ok\n\
        test datagrams::bad_input_01_empty_ones ... FAILED\n\
        test datagrams::bad_input_40_a_port_that_is_taken ... ok\n";
    assert_eq!(judged(|run| judge_inputs(run, stdout, &[7, 40])), [true]);
    assert_eq!(judged(|run| judge_inputs(run, stdout, &[7, 1])), [false]);
    assert_eq!(judged(|run| judge_inputs(run, stdout, &[4])), [false]);
}
