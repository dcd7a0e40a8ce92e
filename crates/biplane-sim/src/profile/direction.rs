//! Up and down.

/// Which way something goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "there is no third")]
pub enum Direction {
    /// From the client to the server.
    Up,
    /// From the server to the client.
    Down,
}

/// In which directions nothing comes through.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "there are no more")]
pub enum Blocked {
    /// In none.
    #[default]
    Neither,
    /// Nothing reaches the server.
    Up,
    /// Nothing reaches the client.
    Down,
    /// In both.
    Both,
}

impl Direction {
    /// Both, up first.
    pub const ALL: [Self; 2] = [Self::Up, Self::Down];

    /// The other one.
    #[must_use]
    pub const fn back(self) -> Self {
        match self {
            Self::Up => Self::Down,
            Self::Down => Self::Up,
        }
    }
}

impl Blocked {
    /// Whether it is so in `direction`.
    #[must_use]
    pub const fn covers(self, direction: Direction) -> bool {
        match self {
            Self::Neither => false,
            Self::Up => matches!(direction, Direction::Up),
            Self::Down => matches!(direction, Direction::Down),
            Self::Both => true,
        }
    }
}
