//! The node lines that a signer meets, and where their homes and command lines differ. What is not said here is the same
//! in all of them.

use std::path::PathBuf;

use anyhow::Result;
use serde_json::{Value, json};

use crate::binaries;

/// One line of Tendermint or CometBFT, in the version that `tests/nodes` pins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// Tendermint 0.33.9: the last that speaks amino.
    V0_33,
    /// CometBFT 0.34.35.
    V0_34,
    /// CometBFT 0.37.18.
    V0_37,
    /// CometBFT 0.38.25: the first line with vote extensions.
    V0_38,
    /// CometBFT 0.39.4.
    V0_39,
    /// CometBFT 0.40.0.
    V0_40,
    /// CometBFT 1.0.1, whose privval protocol is `cometbft.privval.v1`.
    V1_0,
}

// === impl Line ===

impl Line {
    /// The lines that speak protobuf, oldest first.
    pub const PROTOBUF: [Self; 6] =
        [Self::V0_34, Self::V0_37, Self::V0_38, Self::V0_39, Self::V0_40, Self::V1_0];

    /// As a fleet file calls it.
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

    /// The node's program.
    pub fn program(self) -> Result<PathBuf> {
        match self {
            Self::V0_33 => binaries::node("tendermint-v0.33"),
            Self::V0_34 => binaries::node("cometbft-v0.34"),
            Self::V0_37 => binaries::node("cometbft-v0.37"),
            Self::V0_38 => binaries::node("cometbft"),
            Self::V0_39 => binaries::node("cometbft-v0.39"),
            Self::V0_40 => binaries::node("cometbft-v0.40"),
            Self::V1_0 => binaries::node("cometbft-v1.0"),
        }
    }

    /// The verb that runs a node.
    pub fn verb(self) -> &'static str {
        match self {
            Self::V0_33 => "node",
            _ => "start",
        }
    }

    /// `priv_validator_state.json` of a validator that has signed nothing. Amino writes the round as text.
    pub fn fresh_state(self) -> &'static str {
        match self {
            Self::V0_33 => r#"{"height":"0","round":"0","step":0}"#,
            _ => r#"{"height":"0","round":0,"step":0}"#,
        }
    }

    /// Whether precommits may carry extensions.
    pub fn has_vote_extensions(self) -> bool {
        !matches!(self, Self::V0_33 | Self::V0_34 | Self::V0_37)
    }

    /// `consensus_params` of a genesis for validators with keys of these types, with vote extensions from height 1 or never.
    pub fn params(self, extensions: bool, key_types: &[&str]) -> Value {
        let mut params = json!({
            "block": {"max_bytes": "4194304", "max_gas": "-1"},
            "evidence": {
                "max_age_num_blocks": "100000",
                "max_age_duration": "172800000000000",
                "max_bytes": "1048576",
            },
            "validator": {"pub_key_types": key_types},
            "version": {"app": "0"},
        });
        match self {
            _ if !extensions => {}
            Self::V1_0 => {
                params["synchrony"] = json!({"precision": "505000000", "message_delay": "15000000000"});
                params["feature"] = json!({"vote_extensions_enable_height": "1", "pbts_enable_height": "0"});
            }
            _ => params["abci"] = json!({"vote_extensions_enable_height": "1"}),
        }
        params
    }
}
