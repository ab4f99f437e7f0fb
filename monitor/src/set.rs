//! A validator set: who may sign a height, in the order of its commit.

use comet::key::Address;

/// One member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Consensus address.
    pub address: Address,
    /// Power.
    pub power: i64,
    /// Raw consensus key: how members are found among x/staking's validators, of any key type.
    pub key: Vec<u8>,
}

/// The set of one `validators_hash`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Set {
    hash: String,
    members: Vec<Member>,
    by_address: Vec<(Address, usize)>,
}

impl Set {
    /// A set in commit order.
    pub fn new(hash: String, members: Vec<Member>) -> Self {
        let mut by_address: Vec<_> = members.iter().enumerate().map(|(i, m)| (m.address, i)).collect();
        by_address.sort_unstable();
        Self { hash, members, by_address }
    }

    /// `validators_hash` of the headers it belongs to.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Members in commit order.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Index of a member.
    pub fn index(&self, address: &Address) -> Option<usize> {
        let at = self.by_address.binary_search_by_key(address, |(a, _)| *a).ok()?;
        Some(self.by_address[at].1)
    }

    /// Sum of all powers.
    pub fn power(&self) -> i64 {
        self.members.iter().fold(0, |sum, m| sum.saturating_add(m.power))
    }
}
