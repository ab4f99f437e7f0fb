//! The lines of Tendermint and CometBFT whose configuration is known, because its keys come and go and a node ignores
//! without a word what it does not know (spec p2p.md §3.1).
//!
//! Absent: Tendermint 0.35, which Sei's forks run. Its file has other names for everything.

use core::fmt;
use core::str::FromStr;

/// One line, all patch versions of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NodeLine {
    /// Tendermint 0.33.
    V0_33,
    /// Tendermint and CometBFT 0.34.
    V0_34,
    /// CometBFT 0.37.
    V0_37,
    /// CometBFT 0.38.
    V0_38,
    /// CometBFT 0.39.
    V0_39,
    /// CometBFT 0.40.
    V0_40,
    /// CometBFT 1.0.
    V1_0,
}

/// A string that names no known line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no known node line")]
pub struct LineError(pub String);

impl NodeLine {
    /// Oldest first.
    pub const ALL: [Self; 7] =
        [Self::V0_33, Self::V0_34, Self::V0_37, Self::V0_38, Self::V0_39, Self::V0_40, Self::V1_0];

    /// As `fleet.toml` spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::V0_33 => "0.33",
            Self::V0_34 => "0.34",
            Self::V0_37 => "0.37",
            Self::V0_38 => "0.38",
            Self::V0_39 => "0.39",
            Self::V0_40 => "0.40",
            Self::V1_0 => "1.0",
        }
    }

    /// Every name, for a person.
    pub fn names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }

    /// Whether it has `[p2p.libp2p]`.
    pub fn has_libp2p(self) -> bool {
        matches!(self, Self::V0_39 | Self::V0_40)
    }
}

impl FromStr for NodeLine {
    type Err = LineError;

    fn from_str(text: &str) -> Result<Self, LineError> {
        Self::ALL.into_iter().find(|line| line.name() == text).ok_or_else(|| LineError(text.to_owned()))
    }
}

impl fmt::Display for NodeLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
