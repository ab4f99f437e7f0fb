//! The lines of the Cosmos SDK, as far as their x/slashing differs: spec/slashing.md §2 as a table.
//!
//! Which line a chain runs is found by [`crate::probe`], never configured.

/// A range of SDK versions with the same x/slashing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Line {
    /// 0.39, amino and LCD.
    V039,
    /// 0.40 to 0.42.
    V040,
    /// 0.43 to 0.45: keys with a length byte.
    V043,
    /// 0.46: `start_height` is renewed.
    V046,
    /// 0.47: whoever is in jail is not counted.
    V047,
    /// 0.50 to 0.54: bitmaps in chunks.
    V050,
    /// 0.55: consensus keys rotate.
    V055,
}

/// What differs between the lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// A validator in jail is not counted. Where it is, the two blocks after a jailing leave (2, 2) behind.
    pub skips_jailed: bool,
    /// Bonding again renews `start_height`, and with it the grace period.
    pub renews_start: bool,
    /// A rotated consensus key takes signing info and bitmap along.
    pub rotates: bool,
    /// How the store is laid out.
    pub layout: Layout,
}

/// How the missed blocks are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// One key for each slot that was ever missed.
    Slots {
        /// The address in a key is preceded by its length.
        length: bool,
        /// Values are amino with a length prefix, otherwise protobuf.
        amino: bool,
    },
    /// 1024 slots to a key.
    Chunks,
}

impl Line {
    /// All, oldest first.
    pub const ALL: [Self; 7] =
        [Self::V039, Self::V040, Self::V043, Self::V046, Self::V047, Self::V050, Self::V055];

    /// The versions, for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::V039 => "0.39",
            Self::V040 => "0.40-0.42",
            Self::V043 => "0.43-0.45",
            Self::V046 => "0.46",
            Self::V047 => "0.47",
            Self::V050 => "0.50-0.54",
            Self::V055 => "0.55",
        }
    }

    /// Its rules.
    pub fn rules(self) -> Rules {
        let layout = match self {
            Self::V039 => Layout::Slots { length: false, amino: true },
            Self::V040 => Layout::Slots { length: false, amino: false },
            Self::V043 | Self::V046 | Self::V047 => Layout::Slots { length: true, amino: false },
            Self::V050 | Self::V055 => Layout::Chunks,
        };
        Rules {
            skips_jailed: self >= Self::V047,
            renews_start: self >= Self::V046,
            rotates: self >= Self::V055,
            layout,
        }
    }

    /// The line of an SDK version such as `v0.45.16` or `0.50.13-rc1`; `None` for what is no such version, and for 0.52,
    /// whose x/slashing was never released.
    pub fn of_version(version: &str) -> Option<Self> {
        let mut numbers = version.trim_start_matches('v').split(['.', '-', '+']);
        let (major, minor): (u32, u32) = (numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?);
        match (major, minor) {
            (0, 38 | 39) => Some(Self::V039),
            (0, 40..=42) => Some(Self::V040),
            (0, 43..=45) => Some(Self::V043),
            (0, 46) => Some(Self::V046),
            (0, 47) => Some(Self::V047),
            (0, 50 | 51 | 53 | 54) => Some(Self::V050),
            (0, 55) => Some(Self::V055),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_have_their_line() {
        for (version, line) in [
            ("v0.39.3", Some(Line::V039)),
            ("0.42.11", Some(Line::V040)),
            ("v0.45.16-fork.1", Some(Line::V043)),
            ("v0.46.16", Some(Line::V046)),
            ("v0.47.17", Some(Line::V047)),
            ("v0.53.8", Some(Line::V050)),
            ("v0.55.0", Some(Line::V055)),
            ("v0.52.0-rc.1", None),
            ("", None),
            ("main", None),
            ("v1.2.3", None),
        ] {
            assert_eq!(Line::of_version(version), line, "{version}");
        }
    }

    #[test]
    fn rules_only_ever_gain() {
        for pair in Line::ALL.windows(2) {
            let (old, new) = (pair[0].rules(), pair[1].rules());
            assert!(old != new && pair[0] < pair[1]);
            assert!(old.skips_jailed <= new.skips_jailed && old.renews_start <= new.renews_start);
        }
    }
}
