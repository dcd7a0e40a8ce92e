//! A relay in its TUN form, and whether this machine can have one.

use biplane_link::{
    RelayConfig,
    tun::{self, TunConfig, TunError},
};

pub(crate) use crate::both::{PATIENCE, Scene, any_port, ms, next};

/// Tests of one file, by name.
pub(crate) type Tests = &'static [(&'static str, fn())];

/// Lists tests under the names of their functions.
#[macro_export]
macro_rules! tests {
    ($($name:ident),* $(,)?) => {
        pub(crate) const TESTS: $crate::tools::Tests =
            &[$((concat!(module_path!(), "::", stringify!($name)), $name as fn())),*];
    };
}

/// Why this machine cannot run any of the tests, if it cannot.
pub(crate) fn obstacle() -> Option<String> {
    let config = RelayConfig::new(any_port(), any_port()).udp_only();
    match tun::start(&config, TunConfig::new()) {
        Err(error @ (TunError::Namespace(_) | TunError::Device(_))) => Some(error.to_string()),
        // Whatever else is wrong is for the tests to find.
        _ => None,
    }
}

impl Scene {
    /// A relay through `profile`.
    pub(crate) fn through(profile: &str) -> Self {
        Self::with(profile, TunConfig::new())
    }

    /// The same with settings of the TUN form.
    pub(crate) fn with(profile: &str, tun: TunConfig) -> Self {
        // Its sums hold once the kernel has nothing of it.
        Self::of(profile, |_| true, |config| tun::start(config, tun).unwrap())
    }
}
