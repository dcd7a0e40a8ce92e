//! What piled up while the link was bad comes soon after it is good.

use biplane_sim::{Conditions, LinkConfig, Loss, Plan, Trial, WiresConfig};

use crate::tools::*;

#[test]
fn a_backlog_of_heavy_loss_is_gone_ten_seconds_after() {
    for seed in 0..3 {
        let link =
            LinkConfig { loss: Loss::Independent { share: 0.28 }, ..LinkConfig::clean(ms(130)) };
        let conditions = Conditions::of(WiresConfig::of(link));
        let plan = Plan { length: seconds(30), ..Plan::default() };
        let outcome = Trial::new(*START, seed, conditions, plan).run();
        assert!(outcome.is_clean(), "seed {seed}: {:?}", outcome.what());
        assert!(outcome.figures.resent > 100, "seed {seed}: {}", outcome.figures);
    }
}
