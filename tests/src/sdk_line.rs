//! The Cosmos SDK lines that the monitor is proved on, and where their command lines, genesis and transactions differ.
//! What is not said here is the same in all of them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use comet::bech32;
use serde_json::{Value, json};

use crate::binaries;

/// What a proposal needs before its voting starts; the default of every line.
const DEPOSIT: &str = "10000000";

/// One line, in the version that `tests/nodes` pins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SdkLine {
    /// SDK 0.39.3 on Tendermint 0.33.9: amino, no protobuf queries.
    V0_39,
    /// SDK 0.45.16 on CometBFT 0.34.27, the SDK's own `simd`.
    V0_45,
    /// SDK 0.53.8 on CometBFT 0.38.25.
    V0_53,
}

/// A transaction that an operator sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// `MsgUnjail` for the sender's validator.
    Unjail,
    /// A proposal that `signed_blocks_window` be this.
    ProposeWindow(i64),
    /// Yes to the proposal with this number.
    Vote(u64),
}

// === impl SdkLine ===

impl SdkLine {
    /// The node's program.
    pub fn program(self) -> Result<PathBuf> {
        match self {
            Self::V0_39 => binaries::node("sdk-v0.39"),
            Self::V0_45 => binaries::node("sdk-v0.45"),
            Self::V0_53 => binaries::hub053(),
        }
    }

    /// Prefix of account addresses.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::V0_45 => "cosmos",
            Self::V0_39 | Self::V0_53 => "akash",
        }
    }

    /// The words of a command that works on the genesis.
    pub fn genesis(self, command: &str) -> Vec<&str> {
        match self {
            Self::V0_53 => vec!["network", command],
            Self::V0_39 | Self::V0_45 => vec![command],
        }
    }

    /// The rest of `gentx`: who delegates how much to which consensus key.
    pub fn gentx(self, home: &Path, amount: &str, consensus: &[u8]) -> Result<Vec<String>> {
        Ok(match self {
            Self::V0_39 => {
                // Amino's type prefix of an Ed25519 key, and its length.
                let amino = [&[0x16, 0x24, 0xde, 0x64, 0x20][..], consensus].concat();
                let key = bech32::encode(&format!("{}valconspub", self.prefix()), &amino)?;
                let home = home.display().to_string();
                ["--name", "op", "--amount", amount, "--home-client", &home, "--pubkey", &key]
                    .map(str::to_owned)
                    .into()
            }
            Self::V0_45 | Self::V0_53 => vec!["op".into(), amount.into()],
        })
    }

    /// Writes a duration as this line's genesis has it.
    fn duration(self, duration: Duration) -> String {
        match self {
            Self::V0_39 => duration.as_nanos().to_string(),
            Self::V0_45 | Self::V0_53 => format!("{}s", duration.as_secs()),
        }
    }

    /// Sets the slashing parameters and the voting period in a genesis.
    pub fn set_params(self, genesis: &mut Value, window: i64, jail: Duration, voting: Duration) {
        let slashing = &mut genesis["app_state"]["slashing"]["params"];
        slashing["signed_blocks_window"] = window.to_string().into();
        slashing["min_signed_per_window"] = "0.500000000000000000".into();
        slashing["downtime_jail_duration"] = self.duration(jail).into();
        let gov = &mut genesis["app_state"]["gov"];
        match self {
            Self::V0_39 | Self::V0_45 => gov["voting_params"]["voting_period"] = self.duration(voting).into(),
            Self::V0_53 => {
                gov["params"]["voting_period"] = self.duration(voting).into();
                // Must be less.
                gov["params"]["expedited_voting_period"] = self.duration(voting / 2).into();
            }
        }
    }

    /// The words that send `order`; `params` are the slashing parameters now, and `file` may be written for them.
    pub fn order(self, order: Order, sender: &str, params: &Value, file: &Path) -> Result<Vec<String>> {
        let path = file.display().to_string();
        let words = |words: &[&str]| Ok(words.iter().map(|&word| word.to_owned()).collect());
        if self == Self::V0_53 {
            std::fs::write(file, json!([self.message(order, sender, params)?]).to_string())?;
            return words(&["tx", &path]);
        }
        match order {
            Order::Unjail => words(&["tx", "slashing", "unjail"]),
            Order::Vote(proposal) => words(&["tx", "gov", "vote", &proposal.to_string(), "yes"]),
            Order::ProposeWindow(window) => {
                let deposit = match self {
                    Self::V0_39 => json!([{"denom": "stake", "amount": DEPOSIT}]),
                    _ => json!(format!("{DEPOSIT}stake")),
                };
                let change = json!({
                    "subspace": "slashing", "key": "SignedBlocksWindow", "value": window.to_string(),
                });
                let proposal = json!({
                    "title": "window", "description": "another", "changes": [change], "deposit": deposit,
                });
                std::fs::write(file, proposal.to_string())?;
                words(&["tx", "gov", "submit-proposal", "param-change", &path])
            }
        }
    }

    fn message(self, order: Order, sender: &str, params: &Value) -> Result<Value> {
        let bytes = bech32::decode(sender)?.1;
        Ok(match order {
            Order::Unjail => json!({
                "@type": "/cosmos.slashing.v1beta1.MsgUnjail",
                "validator_addr": bech32::encode(&format!("{}valoper", self.prefix()), &bytes)?,
            }),
            Order::Vote(proposal) => json!({
                "@type": "/cosmos.gov.v1.MsgVote",
                "proposal_id": proposal.to_string(), "voter": sender, "option": "VOTE_OPTION_YES",
            }),
            Order::ProposeWindow(window) => {
                let mut params = params.clone();
                params["signed_blocks_window"] = window.to_string().into();
                let change = json!({
                    "@type": "/cosmos.slashing.v1beta1.MsgUpdateParams",
                    "authority": self.governance()?, "params": params,
                });
                json!({
                    "@type": "/cosmos.gov.v1.MsgSubmitProposal",
                    "messages": [change], "proposer": sender, "title": "window", "summary": "another",
                    "initial_deposit": [{"denom": "stake", "amount": DEPOSIT}],
                })
            }
        })
    }

    /// The account of x/gov, who alone may change parameters: the same bytes on every chain.
    fn governance(self) -> Result<String> {
        let (_, bytes) = bech32::decode("cosmos10d07y265gmmuvt4z0w9aw880jnsr700j6zn9kn")?;
        Ok(bech32::encode(self.prefix(), &bytes)?)
    }
}
