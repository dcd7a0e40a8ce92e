//! What an IP header says of congestion.

/// A mark of explicit congestion notification (RFC 3168, section 5); none is `None`.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "two bits have no more")]
pub enum Ecn {
    /// ECT(1): never sent here.
    Ect1,
    /// ECT(0): a router may mark the packet instead of dropping it.
    Ect0,
    /// A router has.
    Ce,
}
