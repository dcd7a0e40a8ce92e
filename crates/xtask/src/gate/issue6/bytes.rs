//! A6.2: TCP is killed after any byte, in virtual time and over real sockets, and every command,
//! request and reply comes exactly once.

use std::time::Duration;

use anyhow::Result;

use super::super::told::SIM;
use super::super::{Gate, Needs, Run, Seeds, Wanted, promises};

pub(super) const GATE: Gate = Gate {
    id: "A6.2",
    title: "TCP is killed after any byte: every command, request and reply once",
    seeds: Seeds { full: 2_000, quick: 100 },
    needs: Needs::NONE,
    builds: &[SIM, promises::NET],
    timeout: Duration::from_secs(1800),
    measure: bytes,
};

/// Draws over real sockets, in full and in short.
const DRAWS: (u64, u64) = (100, 8);
/// Tests over real sockets by their names: the draws, and the one that plants faults.
const TESTS: &str = "tcp_may_be_cut_after_any_byte a_talk_that_did_not_go_as_it_should";

fn bytes(run: &mut Run) -> Result<()> {
    promises::resumes::cuts(run)?;
    let draws = run.form(DRAWS.0, DRAWS.1);
    let finished = promises::resumes::over_sockets(run, (draws, 1), TESTS, 2)?;
    judge(run, draws, &finished.stdout);
    Ok(())
}

/// Every draw was made, and at least every other one cut a session's connection.
fn judge(run: &mut Run, draws: u64, said: &str) {
    let told = |name| promises::figure(said, name);
    run.judge("draws over real sockets", Wanted::Exactly(draws.into()), told("figure draws "));
    run.judge("resumes over real sockets", Wanted::AtLeast(draws as f64 / 2.0), told(", resumes "));
}

#[cfg(test)]
mod tests {
    use super::super::super::Figure;
    use super::*;
    use crate::child::deadline_in;

    #[test]
    fn every_draw_counts_and_half_of_them_resume() {
        let met = |said| {
            let mut run = Run::new(false, 0, deadline_in(Duration::from_secs(20)));
            judge(&mut run, 100, said);
            run.into_parts().0.iter().map(Figure::is_met).collect::<Vec<_>>()
        };
        assert_eq!(met("test a ... figure draws 100, resumes 50, unjoined 9\n"), [true, true]);
        assert_eq!(met("figure draws 99, resumes 49, unjoined 9"), [false, false]);
        assert_eq!(met("test result: ok. 0 passed"), [false, false]);
    }
}
