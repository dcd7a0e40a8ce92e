//! The three numberings of a session, and how their low bits travel.
//!
//! Inside, every number is 64 bits wide, ordered, and never wraps. On the wire stand the low 32
//! bits of a packet or control number and the low 24 bits of a sequence number; the receiver finds
//! the rest by what it expects next (RFC 9000, appendix A.3).

/// The number of a UDP packet: per direction, for the life of the session. Below 2⁶².
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PacketNumber(pub u64);

/// The low 32 bits of a [`PacketNumber`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TruncatedNumber(pub u32);

/// The number of a message: per channel and direction, for the life of the session, which ends
/// before they do.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SequenceNumber(pub u64);

/// The number of a numbered control record: per direction, for the life of the session.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ControlNumber(pub u64);

impl PacketNumber {
    /// The last number of a session.
    pub const MAX: Self = Self((1 << 62) - 1);

    /// The low half, as it travels.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the low half is what travels")]
    pub const fn truncated(self) -> TruncatedNumber {
        TruncatedNumber(self.0 as u32)
    }

    /// The number that follows this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl TruncatedNumber {
    const TOP: u64 = PacketNumber::MAX.0;

    /// The packet number nearest to `expected` that ends in these bits.
    #[must_use]
    pub const fn expand(self, expected: PacketNumber) -> PacketNumber {
        PacketNumber(expand(self.0 as u64, 32, expected.0, Self::TOP))
    }
}

impl SequenceNumber {
    /// How many numbers apart two messages in flight on one channel may be: a quarter of what the
    /// truncated form can tell apart.
    pub const SPAN: u64 = 1 << 22;

    /// The low 24 bits, as they travel.
    #[must_use]
    pub const fn truncated(self) -> u32 {
        (self.0 & 0x00ff_ffff) as u32
    }

    /// The sequence number nearest to `expected` whose low 24 bits are `truncated`.
    #[must_use]
    pub const fn expand(truncated: u32, expected: Self) -> Self {
        Self(expand(truncated as u64 & 0x00ff_ffff, 24, expected.0, u64::MAX))
    }

    /// The number that follows this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl ControlNumber {
    /// The low half, as it travels.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the low half is what travels")]
    pub const fn truncated(self) -> u32 {
        self.0 as u32
    }

    /// The control number nearest to `expected` whose low half is `truncated`.
    #[must_use]
    pub const fn expand(truncated: u32, expected: Self) -> Self {
        Self(expand(truncated as u64, 32, expected.0, u64::MAX))
    }

    /// The number that follows this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// The value up to `top` nearest to `expected` whose low `bits` are `truncated`.
const fn expand(truncated: u64, bits: u32, expected: u64, top: u64) -> u64 {
    let window = 1_u64 << bits;
    let candidate = (expected & !(window - 1)) | truncated;
    let (below, above) = (expected.saturating_sub(candidate), candidate.saturating_sub(expected));
    if below >= window / 2 && candidate <= top - window {
        candidate + window
    } else if (above > window / 2 || candidate > top) && candidate >= window {
        candidate - window
    } else {
        candidate
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn expands_like_rfc_9000_appendix_a3() {
        let expected = PacketNumber(0xa82f_30ea + 1);
        assert_eq!(TruncatedNumber(0xa82f_9b32).expand(expected), PacketNumber(0xa82f_9b32));
    }

    #[test]
    fn crosses_the_wrap_in_both_directions() {
        let after = PacketNumber(0x1_0000_0002);
        assert_eq!(TruncatedNumber(0xffff_fff0).expand(after), PacketNumber(0xffff_fff0));
        let before = PacketNumber(0xffff_fff0);
        assert_eq!(TruncatedNumber(2).expand(before), after);
    }

    #[test]
    fn nothing_is_above_the_last_number() {
        for expected in [PacketNumber::MAX, PacketNumber::MAX.next()] {
            for low in [0, 5, 1 << 31, u32::MAX - 1, u32::MAX] {
                let number = TruncatedNumber(low).expand(expected);
                assert!(number <= PacketNumber::MAX, "{low} of {expected:?}: {number:?}");
                assert_eq!(number.truncated(), TruncatedNumber(low));
            }
        }
    }

    #[test]
    fn message_numbers_know_no_end() {
        let before = SequenceNumber((1 << 62) - 5);
        let after = SequenceNumber((1 << 62) + 5);
        assert_eq!(SequenceNumber::expand(after.truncated(), before), after);
        let last = SequenceNumber(u64::MAX);
        assert_eq!(SequenceNumber::expand(last.truncated(), last), last);
        assert_eq!(SequenceNumber::expand(0, last), SequenceNumber(u64::MAX - 0xff_ffff));
    }

    /// As many random cases as `BIPLANE_CASES` says: by how much the nearest number with these low
    /// bits is off, by a second way to find it.
    #[test]
    fn expansion_agrees_with_a_search_of_all_candidates() {
        let cases = std::env::var("BIPLANE_CASES").ok().and_then(|cases| cases.parse().ok());
        let cases: u64 = cases.unwrap_or(100_000);
        let (mut random, mut wrong) = (0x9e37_79b9_7f4a_7c15_u64, 0_u64);
        let mut draw = || {
            // xorshift64*: ten cases a microsecond, and nothing to depend on.
            random ^= random >> 12;
            random ^= random << 25;
            random ^= random >> 27;
            random.wrapping_mul(0x2545_f491_4f6c_dd1d)
        };
        for _ in 0..cases {
            // Every magnitude alike, with the edges of every power of two among them.
            let bits = draw() % 63;
            let edge = ((1_u64 << bits) + draw() % 4_096).saturating_sub(2_048);
            let expected = PacketNumber(edge.min(PacketNumber::MAX.0));
            let near = PacketNumber((expected.0 + draw() % 4_096).saturating_sub(2_048));
            let far = PacketNumber(draw() >> 2);
            let truncated = if draw() % 2 == 0 { near } else { far }.truncated();
            let found = truncated.expand(expected).0;
            wrong += u64::from(found != nearest(truncated.0, expected.0));
        }
        eprintln!("figure cases {cases}");
        assert_eq!(wrong, 0, "of {cases} cases");
    }

    /// The nearest of the three numbers that end so; of two as near, the higher.
    fn nearest(truncated: u32, expected: u64) -> u64 {
        let middle = (expected >> 32 << 32) | u64::from(truncated);
        let all = [middle.checked_sub(1 << 32), Some(middle), Some(middle + (1 << 32))];
        let fit = all.into_iter().flatten().filter(|number| *number <= PacketNumber::MAX.0);
        fit.min_by_key(|number| (number.abs_diff(expected), u64::MAX - number)).unwrap()
    }

    proptest! {
        #[test]
        fn what_is_near_comes_back_whole(
            number in 0..=PacketNumber::MAX.0,
            distance in -0x7fff_ffff_i64..0x7fff_ffff,
        ) {
            let expected = number.saturating_add_signed(distance).min(PacketNumber::MAX.0);
            let number = PacketNumber(number);
            prop_assert_eq!(number.truncated().expand(PacketNumber(expected)), number);
        }

        #[test]
        fn sequence_numbers_come_back_whole(
            number in 0..=PacketNumber::MAX.0,
            distance in -0x7f_ffff_i64..0x7f_ffff,
        ) {
            let expected = number.saturating_add_signed(distance).min(PacketNumber::MAX.0);
            let number = SequenceNumber(number);
            let back = SequenceNumber::expand(number.truncated(), SequenceNumber(expected));
            prop_assert_eq!(back, number);
        }
    }
}
