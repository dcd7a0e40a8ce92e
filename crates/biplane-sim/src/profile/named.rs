//! The networks that have a name, so that figures compare.

use core::time::Duration;

use super::{Capacity, Profile, Queue, Way};
use crate::Trace;

const MBIT: u64 = 1_000_000;
/// Every run drives down the same road.
const ROAD: u64 = 4;

/// A network that has a name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Name {
    Lan,
    Fibre,
    Wifi,
    WifiBusy,
    FourG,
    FourGDriving,
    ThreeG,
    Satellite,
    Awful,
}

impl Name {
    pub(super) const ALL: [Self; 9] = [
        Self::Lan,
        Self::Fibre,
        Self::Wifi,
        Self::WifiBusy,
        Self::FourG,
        Self::FourGDriving,
        Self::ThreeG,
        Self::Satellite,
        Self::Awful,
    ];

    /// As it is written.
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Lan => "lan",
            Self::Fibre => "fibre",
            Self::Wifi => "wifi",
            Self::WifiBusy => "wifi-busy",
            Self::FourG => "4g",
            Self::FourGDriving => "4g-driving",
            Self::ThreeG => "3g",
            Self::Satellite => "satellite",
            Self::Awful => "awful",
        }
    }

    /// The one that is written so.
    pub(super) fn of(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|name| name.text() == text)
    }

    pub(super) fn profile(self) -> Profile {
        match self {
            Self::Lan => Profile::lan(),
            Self::Fibre => Profile::fibre(),
            Self::Wifi => Profile::wifi(),
            Self::WifiBusy => Profile::wifi_busy(),
            Self::FourG => Profile::four_g(),
            Self::FourGDriving => Profile::four_g_driving(),
            Self::ThreeG => Profile::three_g(),
            Self::Satellite => Profile::satellite(),
            Self::Awful => Profile::awful(),
        }
    }
}

/// Delay, jitter and queue of a way, in microseconds.
const fn way(delay: u64, jitter: u64, queue: u64) -> Way {
    Way {
        delay: Duration::from_micros(delay),
        jitter: Duration::from_micros(jitter),
        jitter_reorders: false,
        loss: 0.0,
        burst: 1.0,
        duplicate: 0.0,
        reorder: 0.0,
        reorder_by: Duration::from_millis(50),
        corrupt: 0.0,
        capacity: Capacity::Unlimited,
        queue: Some(Queue::Time(Duration::from_micros(queue))),
        mtu: None,
    }
}

impl Way {
    fn lossy(self, share: f64, burst: f64) -> Self {
        Self { loss: share, burst, ..self }
    }
}

impl Profile {
    /// A cable at home: 0.2 ± 0.05 ms, 1 gbit/s with a queue of 50 ms.
    #[must_use]
    pub fn lan() -> Self {
        Self::named(Name::Lan, &way(200, 50, 50_000), 1_000 * MBIT, 1_000 * MBIT)
    }

    /// Fibre to the home: 5 ± 1 ms, 0.01 % lost, 300 mbit/s down and 100 up with queues of 250 ms.
    #[must_use]
    pub fn fibre() -> Self {
        let way = way(5_000, 1_000, 250_000).lossy(0.000_1, 1.0);
        Self::named(Name::Fibre, &way, 100 * MBIT, 300 * MBIT)
    }

    /// Wireless at home: 3 ± 4 ms, 0.5 % lost in bursts of 3, 60 mbit/s with a queue of 100 ms.
    #[must_use]
    pub fn wifi() -> Self {
        let way = way(3_000, 4_000, 100_000).lossy(0.005, 3.0);
        Self::named(Name::Wifi, &way, 60 * MBIT, 60 * MBIT)
    }

    /// Wireless among many: 8 ± 20 ms, 2 % lost in bursts of 5, 15 mbit/s with a queue of 300 ms.
    #[must_use]
    pub fn wifi_busy() -> Self {
        let way = way(8_000, 20_000, 300_000).lossy(0.02, 5.0);
        Self::named(Name::WifiBusy, &way, 15 * MBIT, 15 * MBIT)
    }

    /// A phone: 25 ± 8 ms, 0.3 % lost, 20 mbit/s down and 8 up with queues of 500 ms.
    #[must_use]
    pub fn four_g() -> Self {
        let way = way(25_000, 8_000, 500_000).lossy(0.003, 1.0);
        Self::named(Name::FourG, &way, 8 * MBIT, 20 * MBIT)
    }

    /// A phone in a car: 30 ms, nothing lost, and what [`Trace::driving`] carries, 6 mbit/s down and
    /// 3 up as a rule, before queues of 1 MB.
    #[must_use]
    pub fn four_g_driving() -> Self {
        let way = |seed, usual| Way {
            queue: Some(Queue::Bytes(1_000_000)),
            capacity: Capacity::Trace(Trace::driving(seed, usual)),
            ..way(30_000, 0, 0)
        };
        let (up, down) = (way(ROAD, 3 * MBIT / 8), way(ROAD + 1, 6 * MBIT / 8));
        Self { name: Some(Name::FourGDriving), up, down, ..Self::default() }
    }

    /// An old phone: 60 ± 25 ms, 1 % lost, 3 mbit/s down and 1 up with queues of 1.5 s.
    #[must_use]
    pub fn three_g() -> Self {
        let way = way(60_000, 25_000, 1_500_000).lossy(0.01, 1.0);
        Self::named(Name::ThreeG, &way, MBIT, 3 * MBIT)
    }

    /// By way of a geostationary satellite: 300 ± 10 ms, 0.5 % lost, 50 mbit/s down and 5 up with
    /// queues of 600 ms.
    #[must_use]
    pub fn satellite() -> Self {
        let way = way(300_000, 10_000, 600_000).lossy(0.005, 1.0);
        Self::named(Name::Satellite, &way, 5 * MBIT, 50 * MBIT)
    }

    /// The end of the valley: 100 ± 80 ms, 10 % lost in bursts of 5, 1 mbit/s down and 0.5 up with
    /// queues of 1 s.
    #[must_use]
    pub fn awful() -> Self {
        let way = way(100_000, 80_000, 1_000_000).lossy(0.1, 5.0);
        Self::named(Name::Awful, &way, MBIT / 2, MBIT)
    }

    /// The same way in both directions, but for the rates in bits a second.
    fn named(name: Name, way: &Way, up: u64, down: u64) -> Self {
        Self {
            name: Some(name),
            up: Way { capacity: Capacity::Rate(up), ..way.clone() },
            down: Way { capacity: Capacity::Rate(down), ..way.clone() },
            ..Self::default()
        }
    }
}
