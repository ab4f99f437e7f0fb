//! `state recover`: a floor from the chain's own blocks, for a key whose mark is lost.

use std::{
    path::PathBuf,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::{
    config::RpcUrl,
    doppelganger::Sighting,
    io::{
        rpc::{self, AskError},
        state_cmd::{StateError, Target},
        store_file::{self, StateFileError},
    },
    mark::{Hrs, Mark},
    recover::{View, floor, newest_signed},
};

/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(10);

/// How to recover.
#[derive(Clone, Copy, Debug)]
pub struct RecoverOptions {
    /// Heights closed above the newest block.
    pub margin: u32,
    /// How many commits are searched for the key.
    pub look_back: u32,
    /// The age of the newest block does not matter.
    pub halted: bool,
    /// Put the floor in the place of a state file that cannot be used.
    pub replace: bool,
}

/// What a recovery would do.
#[derive(Debug)]
pub struct Recovery {
    /// What each node says.
    pub views: Vec<View>,
    /// The newest precommit of this key in the commits that were searched.
    pub signed: Option<Sighting>,
    /// The lowest height that was searched.
    pub searched_from: i64,
    /// Everything up to here will be closed.
    pub floor: Hrs,
}

impl Target {
    /// Asks the nodes; changes nothing. Each of them must answer, and for this chain.
    pub fn look_for_floor(&self, rpcs: &[RpcUrl], options: RecoverOptions) -> Result<Recovery, StateError> {
        let chain_id = self.identity.chain_id.as_str();
        let mut views = Vec::new();
        for url in rpcs {
            let failed = |source| StateError::Rpc { rpc: url.to_string(), source };
            let newest = rpc::commit(url, chain_id, None, ANSWER).map_err(failed)?;
            let none = || failed(AskError::Shape("its chain has no block".into()));
            views.push(View { rpc: url.to_string(), newest: newest.ok_or_else(none)? });
        }
        let there = match store_file::salvage(&self.path, &self.identity) {
            Ok(mark) => mark.map(|mark| mark.hrs),
            Err(StateFileError::Missing { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let now = i64::try_from(now).unwrap_or(i64::MAX);
        let floor = floor(&views, there, options.margin, now, options.halted)?;
        let (signed, searched_from) = self.search(rpcs, &views, options.look_back)?;
        Ok(Recovery { views, signed, searched_from, floor })
    }

    /// Looks for this key from the newest block of the node that is furthest down to the first commit that has it.
    fn search(
        &self,
        rpcs: &[RpcUrl],
        views: &[View],
        look_back: u32,
    ) -> Result<(Option<Sighting>, i64), StateError> {
        let furthest = rpcs.iter().zip(views).max_by_key(|(_, view)| view.newest.header.height);
        let Some((url, view)) = furthest else { return Err(StateError::NoRpc) };
        let tip = view.newest.header.height;
        if let Some(found) = newest_signed([&view.newest], &self.identity.public_key) {
            return Ok((Some(found), tip));
        }
        let deepest = (tip - i64::from(look_back) + 1).max(1);
        for height in (deepest..tip).rev() {
            let signed = match rpc::commit(url, &self.identity.chain_id, Some(height), ANSWER) {
                Ok(signed) => signed,
                Err(error) if rpc::lowest(&error).is_some_and(|lowest| lowest > height) => {
                    return Ok((None, height + 1));
                }
                Err(source) => return Err(StateError::Rpc { rpc: url.to_string(), source }),
            };
            if let Some(found) = newest_signed(signed.as_ref(), &self.identity.public_key) {
                return Ok((Some(found), height));
            }
        }
        Ok((None, deepest.min(tip)))
    }

    /// Makes the floor durable: in a new state file, as a raise of the one that is there, or with `replace` in its place; that one
    /// is kept under the name returned.
    pub fn recover(&self, floor: Hrs, replace: bool) -> Result<Option<PathBuf>, StateError> {
        match self.raise(&Mark::floor(floor)) {
            Err(StateError::File(StateFileError::Unusable { .. })) if replace => self.init(floor, true),
            done => done.map(|()| None),
        }
    }
}
