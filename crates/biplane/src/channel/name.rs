//! The integer that stands for a channel's name, made when its program is compiled.

/// FNV-1a over the bytes of `name`, 64 bits. Two names of one protocol with the same hash are
/// refused when the protocol is put to use, so the hash may stand for the name.
pub(crate) const fn hash_of(name: &str) -> u64 {
    let mut rest = name.as_bytes();
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    while let [first, others @ ..] = rest {
        hash = (hash ^ *first as u64).wrapping_mul(0x0000_0100_0000_01b3);
        rest = others;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_vectors_hold() {
        assert_eq!(hash_of(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(hash_of("a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(hash_of("foobar"), 0x8594_4171_f739_67e8);
    }
}
