//! Seeded chance without a generator that must be threaded through everything: every random choice is a hash of
//! the world's seed and the names of what is chosen. The tempting alternative, one shared generator, would make
//! each node's luck depend on the order in which calls happen to arrive.

use std::fmt::Write as _;

/// A named source of chance. Cheap to copy; deriving never changes the parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chance(u64);

impl Chance {
    /// The root of a world's chance.
    pub fn from_seed(seed: u64) -> Self {
        Self(mix(seed ^ 0x9e37_79b9_7f4a_7c15))
    }

    /// A child stream for a name: same parent and same name, same child.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        // FNV-1a folds the text, the finaliser spreads it: neither alone is well distributed.
        let folded = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self(mix(self.0 ^ mix(folded)))
    }

    /// A child stream for a number.
    #[must_use]
    pub fn numbered(self, number: u64) -> Self {
        Self(mix(self.0.wrapping_add(mix(number.wrapping_add(0x632b_e59b_d9b4_e019)))))
    }

    /// The 64 bits of this stream.
    pub fn bits(self) -> u64 {
        self.0
    }

    /// A fraction in `[0, 1)`.
    pub fn fraction(self) -> f64 {
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True with the given probability (0 never, 1 always).
    pub fn hits(self, probability: f64) -> bool {
        self.fraction() < probability
    }

    /// A whole number in `low..=high`; `low` when the range is empty or inverted.
    pub fn between(self, low: u64, high: u64) -> u64 {
        if high <= low {
            return low;
        }
        let span = u128::from(high - low) + 1;
        // Multiplying and shifting avoids the bias of a remainder; the product's top half is below `span`.
        low + u64::try_from((u128::from(self.0) * span) >> 64).unwrap_or(0)
    }

    /// Lowercase hexadecimal text of `length` digits.
    pub fn hex(self, length: usize) -> String {
        let mut text = String::with_capacity(length + 16);
        let mut block = 0_u64;
        while text.len() < length {
            // Writing to a String cannot fail.
            let _ = write!(text, "{:016x}", self.numbered(block).bits());
            block += 1;
        }
        text.truncate(length);
        text
    }

    /// A version 4 shaped UUID, as command and request ids are.
    pub fn uuid(self) -> String {
        let hex = self.hex(32);
        format!("{}-{}-4{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..32])
    }
}

/// The SplitMix64 finaliser.
fn mix(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_names_give_the_same_choice() {
        let a = Chance::from_seed(7).named("node").numbered(3);
        let b = Chance::from_seed(7).named("node").numbered(3);
        assert_eq!(a, b);
        assert_ne!(a, Chance::from_seed(8).named("node").numbered(3));
        assert_ne!(a, Chance::from_seed(7).named("node").numbered(4));
    }

    #[test]
    fn fractions_spread_evenly() {
        let root = Chance::from_seed(1);
        let below = (0..10_000).filter(|&n| root.numbered(n).hits(0.3)).count();
        assert!((2_800..3_200).contains(&below), "{below}");
    }

    #[test]
    fn ranges_include_both_ends() {
        let root = Chance::from_seed(2);
        let seen: std::collections::BTreeSet<u64> =
            (0..200).map(|n| root.numbered(n).between(3, 5)).collect();
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), vec![3, 4, 5]);
        assert_eq!(root.between(5, 5), 5);
        assert_eq!(root.between(9, 5), 9);
    }

    #[test]
    fn uuids_have_the_shape_of_command_ids() {
        let id = Chance::from_seed(3).uuid();
        assert_eq!(id.len(), 36);
        assert_eq!(id.matches('-').count(), 4);
    }
}
