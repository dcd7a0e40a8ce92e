//! Tells what came of the gates: one JSON document, or a small table for people.

use serde_json::{Value, json};

use super::{Figure, Gate, Outcome, all};

/// Tells on standard error what a person needs to know of a gate before the others are done: what
/// its children said, and what was not met.
pub(crate) fn tell(outcome: &Outcome) {
    outcome.notes.iter().for_each(|note| eprintln!("{note}"));
    for figure in outcome.figures.iter().filter(|figure| !figure.is_met()) {
        eprintln!("{}: NOT MET: {figure}", outcome.id);
    }
}

/// Prints what came of the gates on standard output.
pub(crate) fn print(outcomes: &[Outcome], json: bool) {
    if json {
        println!("{:#}", Value::from_iter(outcomes.iter().map(to_json)));
    } else {
        print!("{}", outcomes.iter().map(table).collect::<String>());
    }
}

/// Prints the gates there are.
pub(crate) fn print_list(json: bool) {
    if json {
        println!("{:#}", Value::from_iter(all().iter().map(listed)));
    } else {
        for gate in all() {
            println!("{}  {}", gate.id, gate.title);
        }
    }
}

fn listed(gate: &Gate) -> Value {
    json!({"id": gate.id, "title": gate.title, "seeds": gate.seeds.full})
}

fn to_json(outcome: &Outcome) -> Value {
    json!({
        "id": outcome.id,
        "passed": outcome.passed(),
        "skipped": outcome.skipped.is_some(),
        "full": outcome.full,
        "seeds": outcome.seeds,
        "seconds": outcome.elapsed.as_secs_f64(),
        "figures": Value::from_iter(outcome.figures.iter().map(Figure::to_json)),
    })
}

fn table(outcome: &Outcome) -> String {
    let width = outcome.figures.iter().map(|figure| figure.name().len()).max().unwrap_or(0);
    let mut lines = vec![heading(outcome)];
    lines.extend(outcome.figures.iter().map(|figure| row(figure, width)));
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn heading(outcome: &Outcome) -> String {
    let form = if outcome.full { "full" } else { "short" };
    let seconds = outcome.elapsed.as_secs_f64();
    let Outcome { id, title, .. } = outcome;
    match (&outcome.skipped, outcome.passed()) {
        (Some(reason), _) => format!("{id}  {title}: skipped, {reason}"),
        (None, Some(true)) => format!("{id}  {title}: passed ({form}, {seconds:.1} s)"),
        (None, _) => format!("{id}  {title}: VIOLATED ({form}, {seconds:.1} s)"),
    }
}

fn row(figure: &Figure, width: usize) -> String {
    let mark = if figure.is_met() { "met" } else { "NOT MET" };
    let (name, wanted, got) = (figure.name(), figure.wanted(), figure.got());
    format!("  {name:width$}  wanted {wanted:<9}  got {got:<9}  {mark}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::Wanted;
    use super::*;

    fn outcome(got: u64) -> Outcome {
        Outcome {
            id: "A0.1",
            title: "a fake",
            full: true,
            seeds: 50,
            elapsed: Duration::from_millis(1500),
            figures: vec![Figure::new("violations", Wanted::Exactly(0.into()), got)],
            skipped: None,
            notes: Vec::new(),
        }
    }

    #[test]
    fn json_has_the_keys_scripts_rely_on() {
        let wanted = json!({
            "id": "A0.1", "passed": true, "skipped": false, "full": true, "seeds": 50,
            "seconds": 1.5,
            "figures": [{"name": "violations", "wanted": "= 0", "got": 0, "met": true}],
        });
        assert_eq!(to_json(&outcome(0)), wanted);
    }

    #[test]
    fn a_skipped_gate_has_no_verdict() {
        let skipped = Outcome { skipped: Some("strace is missing".to_owned()), ..outcome(0) };
        let told = to_json(&skipped);
        assert_eq!(told["passed"], Value::Null);
        assert_eq!(told["skipped"], true);
        assert_eq!(heading(&skipped), "A0.1  a fake: skipped, strace is missing");
    }

    #[test]
    fn the_table_shows_what_was_not_met() {
        let told = table(&outcome(3));
        assert!(told.starts_with("A0.1  a fake: VIOLATED (full, 1.5 s)\n"), "{told}");
        assert!(told.contains("NOT MET"), "{told}");
    }
}
