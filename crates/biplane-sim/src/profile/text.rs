//! A profile as text, both ways.

use core::{fmt, str::FromStr};

use super::{Blocked, Capacity, Direction, Name, Profile, ProfileError, Schedule, Way, units};

/// What a setting is called, and its value as it is written.
type Written = (&'static str, String);

impl FromStr for Profile {
    type Err = ProfileError;

    fn from_str(text: &str) -> Result<Self, ProfileError> {
        Self::with(text, [])
    }
}

impl Profile {
    /// The profile that `text` is, with more settings: names and values as for [`Profile::set`].
    ///
    /// # Errors
    ///
    /// [`ProfileError`] as for [`Profile::set`], and if something that was set would do nothing in
    /// the end, as a burst where nothing is lost.
    pub fn with<'a>(
        text: &'a str,
        settings: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, ProfileError> {
        let mut items = text.split(',').map(str::trim).peekable();
        let plain = |first: &&str| Name::of(first.strip_prefix("profile=").unwrap_or(first));
        let name = items.peek().and_then(plain);
        let base = name.map_or_else(Self::default, Name::profile);
        let mut profile = base.clone();
        let items = items.skip(usize::from(name.is_some()));
        let items = items.map(|item| item.split_once('=').unwrap_or((item, "")));
        for (name, value) in items.chain(settings) {
            profile.set(name, value)?;
        }
        profile.works(&base)?;
        profile.schedule.works()?;
        Ok(profile)
    }

    /// Refuses what was changed from `base` in vain.
    fn works(&self, base: &Self) -> Result<(), ProfileError> {
        let bursts = |way: &Way, base: &Way| way.burst > 1.0 && way.burst != base.burst;
        if self.is_idle(base, bursts, |way| way.loss > 0.0) {
            return Err(ProfileError::Idle { setting: "burst", missing: "loss" });
        }
        let queues = |way: &Way, base: &Way| way.queue.is_some() && way.queue != base.queue;
        if self.is_idle(base, queues, |way| way.capacity != Capacity::Unlimited) {
            return Err(ProfileError::Idle { setting: "queue", missing: "rate or a trace" });
        }
        Ok(())
    }

    /// Whether something was set and works nowhere that it was.
    fn is_idle(
        &self,
        base: &Self,
        is_set: impl Fn(&Way, &Way) -> bool,
        works: impl Fn(&Way) -> bool,
    ) -> bool {
        let ways = Direction::ALL.map(|direction| (self.way(direction), base.way(direction)));
        let mut set = ways.into_iter().filter(|(way, base)| is_set(way, base)).peekable();
        set.peek().is_some() && !set.any(|(way, _)| works(way))
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let base = self.name.map_or_else(Self::default, Name::profile);
        let mut items: Vec<String> = self.name.iter().map(|name| name.text().to_owned()).collect();
        let (up, down) = (self.up.changes(&base.up), self.down.changes(&base.down));
        for (name, value) in &up {
            let prefix = if down.contains(&(*name, value.clone())) { "" } else { "up-" };
            items.push(item(prefix, name, value));
        }
        let one_way = down.iter().filter(|written| !up.contains(written));
        items.extend(one_way.map(|(name, value)| item("down-", name, value)));
        let schedule = changes(self.schedule.written(), &base.schedule.written());
        items.extend(schedule.iter().map(|(name, value)| item("", name, value)));
        if items.is_empty() {
            // Nothing at all would not read as a profile.
            items.push("delay=0s".to_owned());
        }
        f.write_str(&items.join(","))
    }
}

fn item(prefix: &str, name: &str, value: &str) -> String {
    match (name, prefix) {
        ("trace", "down-") => format!("trace-down={value}"),
        ("trace", "up-") => format!("trace-up={value}"),
        ("trace", _) => format!("trace-up={value},trace-down={value}"),
        _ => format!("{prefix}{name}={value}"),
    }
}

/// Those that are not in `base`.
fn changes(all: Vec<Written>, base: &[Written]) -> Vec<Written> {
    all.into_iter().filter(|written| !base.contains(written)).collect()
}

impl Way {
    fn changes(&self, base: &Self) -> Vec<Written> {
        let mut found = changes(self.written(), &base.written());
        if self.capacity != base.capacity {
            found.push(self.capacity.written());
        }
        found
    }

    fn written(&self) -> Vec<Written> {
        vec![
            ("delay", units::write_duration(self.delay)),
            ("jitter", units::write_duration(self.jitter)),
            ("jitter-reorders", units::write_switch(self.jitter_reorders).to_owned()),
            ("loss", units::write_share(self.loss)),
            ("burst", self.burst.to_string()),
            ("duplicate", units::write_share(self.duplicate)),
            ("reorder", units::write_share(self.reorder)),
            ("reorder-by", units::write_duration(self.reorder_by)),
            ("corrupt", units::write_share(self.corrupt)),
            ("queue", units::write_queue(self.queue)),
            ("mtu", units::write_option(self.mtu)),
        ]
    }
}

impl Capacity {
    fn written(&self) -> Written {
        match self {
            Self::Unlimited => ("rate", "none".to_owned()),
            Self::Rate(bits) => ("rate", units::write_rate(*bits)),
            Self::Trace(trace) => ("trace", trace.file().unwrap_or("(made)").to_owned()),
        }
    }
}

impl Schedule {
    /// Refuses what is set in vain.
    fn works(&self) -> Result<(), ProfileError> {
        let blocks = [self.block_udp, self.block_tcp].into_iter().any(|is| is != Blocked::Neither);
        let missing = "block-udp or block-tcp";
        if self.length.is_some() && !blocks {
            return Err(ProfileError::Idle { setting: "for", missing });
        }
        if !self.after.is_zero() && !blocks {
            return Err(ProfileError::Idle { setting: "after", missing });
        }
        if self.rebind_address && self.rebind_udp_every.is_none() {
            let missing = "rebind-udp-every";
            return Err(ProfileError::Idle { setting: "rebind-address", missing });
        }
        Ok(())
    }

    fn written(&self) -> Vec<Written> {
        let times = [
            ("for", self.length),
            ("kill-tcp-every", self.kill_tcp_every),
            ("rebind-udp-every", self.rebind_udp_every),
        ];
        let mut all = vec![
            ("block-udp", units::write_blocked(self.block_udp).to_owned()),
            ("block-tcp", units::write_blocked(self.block_tcp).to_owned()),
            ("after", units::write_duration(self.after)),
            ("rebind-address", units::write_switch(self.rebind_address).to_owned()),
        ];
        all.extend(
            times.into_iter().filter_map(|(name, time)| Some((name, units::write_duration(time?)))),
        );
        all
    }
}
