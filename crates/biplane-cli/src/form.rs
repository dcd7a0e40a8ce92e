//! The two forms of a relay: between ports, and between network namespaces (Linux).

use std::process::ExitCode;

use anyhow::{Error, Result};
use biplane_link::{Relay, RelayConfig, RelayError};

use crate::cli::Form;

/// What this process is to end with, if it was started to hold namespaces.
pub(crate) fn keeper() -> Option<ExitCode> {
    #[cfg(target_os = "linux")]
    return biplane_link::tun::keeper_main();
    #[cfg(not(target_os = "linux"))]
    None
}

/// Starts a relay in the form asked for.
pub(crate) fn start(config: &RelayConfig, form: &Form) -> Result<Relay> {
    if form.tun { between_namespaces(config, form) } else { Ok(Relay::start(config)?) }
}

/// Whether a relay did not start because of its target, so that another address may do.
pub(crate) fn is_about_target(error: &Error) -> bool {
    #[cfg(target_os = "linux")]
    if let Some(biplane_link::tun::TunError::Relay(why)) = error.downcast_ref() {
        return matches!(why, RelayError::Unreachable { .. } | RelayError::OneAddress { .. });
    }
    let why = error.downcast_ref();
    matches!(why, Some(RelayError::Unreachable { .. } | RelayError::OneAddress { .. }))
}

#[cfg(target_os = "linux")]
fn between_namespaces(config: &RelayConfig, form: &Form) -> Result<Relay> {
    use biplane_link::tun::TunConfig;
    let tun = match &form.tun_congestion {
        Some(name) => TunConfig::new().congestion(name),
        None => TunConfig::new(),
    };
    Ok(biplane_link::tun::start(config, tun)?)
}

#[cfg(not(target_os = "linux"))]
fn between_namespaces(_: &RelayConfig, _: &Form) -> Result<Relay> {
    anyhow::bail!("--tun needs Linux: without it the relay goes between ports")
}
