//! Gates made of fakes: what counts as passed, full, skipped, and what a failure leaves behind.

use super::*;
use crate::tool;

const FAKE: Gate = Gate {
    id: "A0.1",
    title: "a fake",
    seeds: Seeds { full: 50, quick: 8 },
    needs: Needs::NONE,
    builds: &[],
    timeout: Duration::from_secs(20),
    measure: |run| {
        let seeds = run.seeds();
        run.judge("seeds", Wanted::AtLeast(8.0), seeds);
        Ok(())
    },
};

const fn settings(quick: bool, seeds: Option<u64>) -> Settings {
    Settings { quick, seeds, traces: None }
}

#[test]
fn a_gate_is_full_only_with_all_its_seeds_and_length() {
    let full = |quick, seeds| {
        let outcome = run_one(&FAKE, settings(quick, seeds));
        (outcome.full, outcome.seeds)
    };
    assert_eq!(full(false, None), (true, 50));
    assert_eq!(full(false, Some(50)), (true, 50));
    assert_eq!(full(false, Some(49)), (false, 49));
    assert_eq!(full(true, None), (false, 8));
    assert_eq!(full(true, Some(100)), (false, 100));
}

#[test]
fn seeds_mean_nothing_to_a_gate_without_them() {
    let gate = Gate { seeds: Seeds::NONE, ..FAKE };
    assert_eq!(settings(false, Some(1)).seeds_of(&gate), 0);
    assert!(settings(false, Some(1)).is_full(&gate));
}

#[test]
fn a_figure_that_is_not_met_fails_the_gate() {
    assert_eq!(run_one(&FAKE, settings(false, Some(8))).passed(), Some(true));
    assert_eq!(run_one(&FAKE, settings(false, Some(7))).passed(), Some(false));
}

#[test]
fn a_gate_that_measured_nothing_did_not_pass() {
    let gate = Gate { measure: |_| Ok(()), ..FAKE };
    assert_eq!(run_one(&gate, Settings::default()).passed(), Some(false));
}

#[test]
fn an_error_fails_the_gate_and_is_told() {
    let gate = Gate { measure: |_| bail!("no join link"), ..FAKE };
    let outcome = run_one(&gate, Settings::default());
    assert!(outcome.is_violated());
    assert_eq!(outcome.notes, ["no join link"]);
}

#[test]
fn a_build_that_fails_is_the_gates_failure_and_keeps_its_last_words() {
    let gate = Gate { builds: &["sh no-such-script"], ..FAKE };
    let outcome = run_one(&gate, Settings::default());
    assert!(outcome.is_violated());
    assert!(outcome.notes[0].contains("no-such-script"), "{:?}", outcome.notes);
}

#[test]
fn a_gate_whose_tool_is_missing_neither_passed_nor_failed() {
    const NOWHERE: Tool = tool::NOWHERE;
    let gate = Gate { needs: Needs::both(&NOWHERE), ..FAKE };
    let outcome = run_one(&gate, Settings::default());
    assert_eq!(outcome.passed(), None);
    assert!(!outcome.is_violated());
    assert!(outcome.figures.is_empty());
}

#[test]
fn a_child_past_the_gates_time_is_a_figure_not_met() {
    let gate = Gate {
        timeout: Duration::from_millis(200),
        measure: |run| {
            let finished = run.finish("sleep 600")?;
            run.exit("sleep", &finished);
            Ok(())
        },
        ..FAKE
    };
    let outcome = run_one(&gate, Settings::default());
    assert!(outcome.is_violated());
    assert_eq!(outcome.figures[0].got(), "timed out");
    assert!(outcome.elapsed < Duration::from_secs(10));
}

#[test]
fn ids_are_unique_and_found() {
    for gate in all() {
        assert!(std::ptr::eq(find(gate.id).unwrap(), gate), "{}", gate.id);
    }
    assert!(find("calibrate").is_some());
    assert!(find("G0").is_none());
    assert!(find("A2.6").is_none(), "checked by hand");
}
