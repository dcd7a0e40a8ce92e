//! What can be set, and how.

use super::{Capacity, Direction, Profile, ProfileError, Schedule, Way, units};
use crate::Trace;

/// One thing that can be set in a profile: a flag of `biplane link` without its dashes.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Setting {
    /// As it is written.
    pub name: &'static str,
    /// What stands after `=`; `None` if it may stand alone.
    pub value: Option<&'static str>,
    /// Whether there are `up-` and `down-` forms of it, which set one direction.
    pub is_directional: bool,
    /// What it does, and its default.
    pub help: &'static str,
}

const fn way(name: &'static str, value: &'static str, help: &'static str) -> Setting {
    Setting { name, value: Some(value), is_directional: true, help }
}

const fn other(name: &'static str, value: &'static str, help: &'static str) -> Setting {
    Setting { name, value: Some(value), is_directional: false, help }
}

const fn alone(name: &'static str, is_directional: bool, help: &'static str) -> Setting {
    Setting { name, value: None, is_directional, help }
}

impl Setting {
    /// Every one, in the order in which they are told.
    pub const ALL: &[Self] = &[
        way("delay", "D", "One-way delay, in the mean [default: 0ms]"),
        way(
            "jitter",
            "D",
            "The delay strays uniformly by so much to either side, not below 0; it keeps order \
             [default: 0ms]",
        ),
        alone("jitter-reorders", true, "Each datagram draws its own jitter, so that they overtake"),
        way(
            "loss",
            "S",
            "Share of datagrams lost, and of TCP segments held up by a repair [default: 0%]",
        ),
        way(
            "burst",
            "N",
            "Mean length of a loss burst in packets; longer where more is lost than such bursts can \
             lose [default: 1]",
        ),
        way("duplicate", "S", "Share of datagrams that arrives twice [default: 0%]"),
        way("reorder", "S", "Share of datagrams that falls behind [default: 0%]"),
        way("reorder-by", "D", "How far those fall behind at the most [default: 50ms]"),
        way("corrupt", "S", "Share of datagrams that arrives with altered bytes [default: 0%]"),
        way(
            "rate",
            "R",
            "What crosses in a second, TCP and UDP together; without headers, but with --tun whole \
             IP packets [default: none]",
        ),
        way(
            "queue",
            "SIZE",
            "What waits at the most before the rate, in bytes or in time, but not below 6000B \
             [default: 100ms; 1MB before a trace]",
        ),
        way(
            "mtu",
            "B",
            "Longest IP packet; a datagram is 28 bytes shorter [default: none; with --tun 1500]",
        ),
        other("trace-up", "FILE", "Capacity towards the server, in Mahimahi's format"),
        other("trace-down", "FILE", "Capacity towards the client, in Mahimahi's format"),
        alone("block-udp", false, "No datagram comes through; =up or =down for one direction"),
        alone("block-tcp", false, "No byte of TCP comes through; =up or =down for one direction"),
        other("after", "D", "When the block begins, from the first connection on [default: 0s]"),
        other("for", "D", "How long the block lasts; the relay goes on [default: for ever]"),
        other("kill-tcp-every", "D", "Resets every TCP connection so often"),
        other("rebind-udp-every", "D", "Gives every UDP flow another port so often"),
        alone("rebind-address", false, "Gives it another address in 127/8 too"),
    ];

    /// Whether its value may be left out and may be a direction.
    #[must_use]
    pub fn takes_direction(&self) -> bool {
        self.name.starts_with("block-")
    }
}

impl Profile {
    /// Sets what is called `name`, as on the command line of `biplane link` without the dashes:
    /// `delay` to `40ms`, `up-loss` to `5%`, `block-udp` to `down`.
    ///
    /// # Errors
    ///
    /// [`ProfileError`] if nothing is called so, if it does not take the value, or if a trace cannot
    /// be read.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), ProfileError> {
        let refused = |wanted| ProfileError::Value {
            setting: name.to_owned(),
            value: value.to_owned(),
            wanted,
        };
        let known = match name.split_once('-') {
            Some(("up", setting)) => self.up.set(setting, value).map_err(refused)?,
            Some(("down", setting)) => self.down.set(setting, value).map_err(refused)?,
            Some(("trace", "up")) => return self.follow(Direction::Up, value),
            Some(("trace", "down")) => return self.follow(Direction::Down, value),
            _ => {
                self.up.set(name, value).map_err(refused)?
                    && self.down.set(name, value).map_err(refused)?
                    || self.schedule.set(name, value).map_err(refused)?
            }
        };
        if known { Ok(()) } else { Err(ProfileError::Unknown { name: name.to_owned() }) }
    }

    fn follow(&mut self, direction: Direction, file: &str) -> Result<(), ProfileError> {
        let capacity = Capacity::Trace(Trace::load(file)?);
        match direction {
            Direction::Up => self.up.capacity = capacity,
            Direction::Down => self.down.capacity = capacity,
        }
        Ok(())
    }
}

impl Way {
    /// Sets what is called `name`; `false` if nothing is.
    fn set(&mut self, name: &str, value: &str) -> units::Read<bool> {
        match name {
            "delay" => self.delay = units::delay(value)?,
            "jitter" => self.jitter = units::delay(value)?,
            "jitter-reorders" => self.jitter_reorders = units::switch(value)?,
            "loss" => self.loss = units::share(value)?,
            "burst" => self.burst = units::burst(value)?,
            "duplicate" => self.duplicate = units::share(value)?,
            "reorder" => self.reorder = units::share(value)?,
            "reorder-by" => self.reorder_by = units::delay(value)?,
            "corrupt" => self.corrupt = units::share(value)?,
            "rate" => {
                self.capacity = units::rate(value)?.map_or(Capacity::Unlimited, Capacity::Rate);
            }
            "queue" => self.queue = units::queue(value)?,
            "mtu" => self.mtu = units::mtu(value)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Schedule {
    /// Sets what is called `name`; `false` if nothing is.
    fn set(&mut self, name: &str, value: &str) -> units::Read<bool> {
        match name {
            "block-udp" => self.block_udp = units::blocked(value)?,
            "block-tcp" => self.block_tcp = units::blocked(value)?,
            "after" => self.after = units::time(value)?,
            "for" => self.length = Some(units::time(value)?),
            "kill-tcp-every" => self.kill_tcp_every = Some(units::interval(value)?),
            "rebind-udp-every" => self.rebind_udp_every = Some(units::interval(value)?),
            "rebind-address" => self.rebind_address = units::switch(value)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}
