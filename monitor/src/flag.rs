//! What a commit says about one validator at one height, in two bits.

/// A `block_id_flag`, or that there is none to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Flag {
    /// A value no CometBFT line defines.
    #[default]
    Unknown = 0,
    /// No precommit: missed.
    Absent = 1,
    /// A precommit for the block.
    Commit = 2,
    /// A precommit for nil: signed for x/slashing, but a sign of a node that is late.
    Nil = 3,
}

impl Flag {
    /// From the number in a commit, or the two bits of a packed row.
    pub fn from_number(number: u8) -> Self {
        match number {
            1 => Self::Absent,
            2 => Self::Commit,
            3 => Self::Nil,
            _ => Self::Unknown,
        }
    }

    /// Whether x/slashing counts it as missed: exactly when absent.
    pub fn missed(self) -> bool {
        self == Self::Absent
    }

    /// One letter for the grid: lower case, or upper case when the validator proposed the block.
    pub fn letter(self, proposed: bool) -> char {
        let letter = match self {
            Self::Unknown => '?',
            Self::Absent => 'm',
            Self::Commit => 's',
            Self::Nil => 'n',
        };
        if proposed { letter.to_ascii_uppercase() } else { letter }
    }
}

/// Packs flags, four to a byte, lowest bits first.
pub fn pack(flags: &[Flag]) -> Vec<u8> {
    flags.chunks(4).map(|four| four.iter().rev().fold(0, |byte, flag| byte << 2 | *flag as u8)).collect()
}

/// Unpacks the first `count` flags; missing bytes are unknown.
pub fn unpack(bytes: &[u8], count: usize) -> Vec<Flag> {
    let bits = |i: usize| bytes.get(i / 4).map_or(0, |byte| byte >> (2 * (i % 4)) & 3);
    (0..count).map(|i| Flag::from_number(bits(i))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn packing_round_trips(numbers in proptest::collection::vec(0u8..4, 0..200)) {
            let flags: Vec<Flag> = numbers.into_iter().map(Flag::from_number).collect();
            let packed = pack(&flags);
            prop_assert_eq!(packed.len(), flags.len().div_ceil(4));
            prop_assert_eq!(unpack(&packed, flags.len()), flags);
        }
    }

    #[test]
    fn short_rows_are_unknown() {
        assert_eq!(unpack(&[0b10_01], 3), [Flag::Absent, Flag::Commit, Flag::Unknown]);
        assert_eq!(unpack(&[], 1), [Flag::Unknown]);
    }
}
