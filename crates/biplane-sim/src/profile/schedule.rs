//! What happens to a network, and when.

use core::time::Duration;

use super::{Blocked, Direction};
use crate::Outage;

/// What happens to both planes in the course of a run, counted from its start; for a relay that is
/// the first connection or datagram.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Schedule {
    /// Where no datagram comes through while the block lasts.
    pub block_udp: Blocked,
    /// Where no byte of TCP comes through while the block lasts; it is not lost.
    pub block_tcp: Blocked,
    /// When the block begins.
    pub after: Duration,
    /// How long it lasts; without it for ever.
    pub length: Option<Duration>,
    /// How often every TCP connection is reset.
    pub kill_tcp_every: Option<Duration>,
    /// How often every UDP flow gets another port, as by a NAT that forgot it.
    pub rebind_udp_every: Option<Duration>,
    /// Whether it gets another address too.
    pub rebind_address: bool,
}

/// Something that whoever carries packets is to do at once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Instruction {
    /// Reset every TCP connection.
    KillTcp,
    /// Send every UDP flow from another port.
    RebindUdp {
        /// And from another address.
        address: bool,
    },
}

/// The instructions of a schedule, in order.
#[derive(Clone, Copy, Debug)]
pub struct Agenda {
    schedule: Schedule,
    kill: Option<Duration>,
    rebind: Option<Duration>,
}

impl Schedule {
    /// What is to be done when, from the start.
    #[must_use]
    pub const fn agenda(&self) -> Agenda {
        Agenda { schedule: *self, kill: self.kill_tcp_every, rebind: self.rebind_udp_every }
    }

    /// When `blocked` is in force in `direction`.
    pub(super) fn outages(&self, blocked: Blocked, direction: Direction) -> Vec<Outage> {
        if !blocked.covers(direction) {
            return Vec::new();
        }
        let until = self.length.and_then(|length| self.after.checked_add(length));
        vec![Outage { from: self.after, until: until.unwrap_or(Duration::MAX) }]
    }
}

impl Agenda {
    /// When the next instruction is due, counted from the start.
    #[must_use]
    pub fn next_due(&self) -> Option<Duration> {
        [self.kill, self.rebind].into_iter().flatten().min()
    }

    /// Takes one instruction that is due at `elapsed`. Those missed in between are not made up for.
    pub fn pop(&mut self, elapsed: Duration) -> Option<Instruction> {
        if is_due(&mut self.kill, self.schedule.kill_tcp_every, elapsed) {
            return Some(Instruction::KillTcp);
        }
        let rebinds = is_due(&mut self.rebind, self.schedule.rebind_udp_every, elapsed);
        rebinds.then_some(Instruction::RebindUdp { address: self.schedule.rebind_address })
    }
}

/// Whether `next` has come; then it is the first multiple of `every` after `elapsed`.
fn is_due(next: &mut Option<Duration>, every: Option<Duration>, elapsed: Duration) -> bool {
    let (Some(due), Some(every)) = (*next, every) else { return false };
    if due > elapsed {
        return false;
    }
    let missed = elapsed.saturating_sub(due).as_nanos() / every.as_nanos().max(1);
    let steps = u32::try_from(missed).unwrap_or(u32::MAX).saturating_add(1);
    *next = every.checked_mul(steps).and_then(|step| due.checked_add(step));
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn instructions_come_when_they_are_due_and_are_not_made_up_for() {
        let schedule = Schedule {
            kill_tcp_every: Some(secs(5)),
            rebind_udp_every: Some(secs(3)),
            ..Schedule::default()
        };
        let mut agenda = schedule.agenda();
        assert_eq!(agenda.next_due(), Some(secs(3)));
        assert_eq!(agenda.pop(secs(2)), None);
        assert_eq!(agenda.pop(secs(3)), Some(Instruction::RebindUdp { address: false }));
        assert_eq!(agenda.pop(secs(3)), None);
        assert_eq!(agenda.next_due(), Some(secs(5)));
        assert_eq!(agenda.pop(secs(16)), Some(Instruction::KillTcp));
        assert_eq!(agenda.pop(secs(16)), Some(Instruction::RebindUdp { address: false }));
        assert_eq!(agenda.pop(secs(16)), None);
        assert_eq!(agenda.next_due(), Some(secs(18)));
        assert_eq!(Schedule::default().agenda().next_due(), None);
    }

    #[test]
    fn a_block_holds_in_its_directions_and_its_time() {
        let schedule = Schedule {
            block_udp: Blocked::Up,
            after: secs(2),
            length: Some(secs(3)),
            ..Schedule::default()
        };
        let up = schedule.outages(schedule.block_udp, Direction::Up);
        assert_eq!(up, [Outage { from: secs(2), until: secs(5) }]);
        assert!(schedule.outages(schedule.block_udp, Direction::Down).is_empty());
        let endless = Schedule { length: None, ..schedule };
        let up = endless.outages(endless.block_udp, Direction::Up);
        assert!(up[0].covers(secs(1_000_000)) && !up[0].covers(secs(1)));
    }
}
