//! A relay in its port form.

use biplane_link::Relay;

pub(crate) use crate::both::{PATIENCE, Scene, any_port, ms, next, ports};

impl Scene {
    /// A relay through `profile`.
    pub(crate) fn through(profile: &str) -> Self {
        let always =
            |stats: &biplane_link::RelayStats| stats.up.udp.adds_up() && stats.down.udp.adds_up();
        Self::of(profile, always, |config| Relay::start(config).unwrap())
    }
}
