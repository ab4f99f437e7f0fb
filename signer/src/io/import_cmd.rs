//! `state import`: another signer's state, or several of them, become the mark to go on from.

use std::{
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use crate::{
    config::RpcUrl,
    doppelganger::{explains, sighting},
    import::state::{self, ImportStateError, Imported, Origin, highest},
    io::{
        rpc, secret_file,
        state_cmd::{StateError, Target},
    },
    mark::{Hrs, Mark, Step},
};

/// Heights closed above the highest state of horcrux: its cosigners write theirs after they have signed, in no fixed order.
const HORCRUX_BUMP: u32 = 2;
/// How far back the first look of `--wait-blocks` goes.
const LOOK_BACK: i64 = 200;
/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(5);
/// How long no new block may come.
const PATIENCE: Duration = Duration::from_secs(600);

/// How to import.
#[derive(Clone, Copy, Debug, Default)]
pub struct ImportOptions {
    /// The chain is new, so states that never signed are fine.
    pub new_chain: bool,
    /// Close the imported round: a floor at its precommit.
    pub bump_to_precommit: bool,
    /// Close so many whole heights above the highest state; `None` is 2 for horcrux and 0 for all others.
    pub bump_heights: Option<u32>,
}

/// What an import would do.
#[derive(Debug)]
pub struct Import {
    /// What was read; `None` for a fresh state.
    pub files: Vec<(PathBuf, Option<Imported>)>,
    /// The mark that comes out.
    pub mark: Mark,
    /// Heights closed above the highest state.
    pub bumped: u32,
}

impl Target {
    /// Reads states of this chain and key; changes nothing.
    pub fn read_states(&self, paths: &[PathBuf], options: ImportOptions) -> Result<Import, StateError> {
        let mut files = Vec::new();
        for path in paths {
            let text = secret_file::read_to_import(path)?;
            let imported = match state::read(&text, &self.identity.chain_id, &self.identity.public_key) {
                Ok(imported) => Some(imported),
                Err(ImportStateError::Fresh) => None,
                Err(source) => return Err(StateError::Import { path: path.clone(), source }),
            };
            files.push((path.clone(), imported));
        }
        let states: Vec<_> = files.iter().filter_map(|(_, imported)| imported.clone()).collect();
        let horcrux = states.iter().any(|one| one.origin == Origin::Horcrux);
        let bumped = options.bump_heights.unwrap_or(if horcrux { HORCRUX_BUMP } else { 0 });
        let mark = match (highest(&states, bumped), paths.first()) {
            (Some(mark), _) => mark,
            (None, Some(path)) if !options.new_chain => {
                return Err(StateError::Import { path: path.clone(), source: ImportStateError::Fresh });
            }
            (None, _) => Mark::floor(Hrs::whole_height(0)),
        };
        let open = options.bump_to_precommit && mark.hrs.height > 0 && mark.hrs.step < Step::Precommit;
        let mark = if open { Mark::floor(Hrs { step: Step::Precommit, ..mark.hrs }) } else { mark };
        Ok(Import { files, mark, bumped })
    }

    /// Waits until the chain has made `blocks` more blocks, none of them nor any before with a precommit of this key above `mark`.
    /// `tell` hears of each new height.
    pub fn wait_blocks(
        &self,
        mark: &Mark,
        blocks: u32,
        rpcs: &[RpcUrl],
        tell: &mut dyn FnMut(i64),
    ) -> Result<(), StateError> {
        if rpcs.is_empty() {
            return Err(StateError::NoRpc);
        }
        let mut seen = vec![None; rpcs.len()];
        let (mut end, mut tip, mut moved) = (None, 0, Instant::now());
        loop {
            for (url, seen) in rpcs.iter().zip(&mut seen) {
                let height = self.scan(url, mark, *seen)?;
                *seen = Some(height);
                if height > tip {
                    (tip, moved) = (height, Instant::now());
                    tell(tip);
                }
            }
            // The newest commit is what one node saw; the block after it has the final one.
            let end = *end.get_or_insert(tip.saturating_add(i64::from(blocks)));
            if tip >= end {
                return Ok(());
            }
            if moved.elapsed() > PATIENCE {
                return Err(StateError::Halted { height: tip, minutes: PATIENCE.as_secs() / 60 });
            }
            thread::sleep(Duration::from_millis(300));
        }
    }

    /// Looks at the commits from the last one seen (once more: it was not final) to the newest, which is given back.
    fn scan(&self, url: &RpcUrl, mark: &Mark, seen: Option<i64>) -> Result<i64, StateError> {
        let failed = |source| StateError::Rpc { rpc: url.to_string(), source };
        let chain_id = self.identity.chain_id.as_str();
        let Some(newest) = rpc::commit(url, chain_id, None, ANSWER).map_err(failed)? else { return Ok(0) };
        let tip = newest.commit.height;
        let from = seen.unwrap_or_else(|| mark.hrs.height.max(tip - LOOK_BACK + 1)).max(1);
        for height in (from..=tip).rev() {
            let signed = match rpc::commit(url, chain_id, Some(height), ANSWER) {
                Ok(signed) => signed,
                Err(error) if rpc::lowest(&error).is_some_and(|lowest| lowest > height) => break,
                Err(error) => return Err(failed(error)),
            };
            let found = signed.and_then(|signed| sighting(&signed.commit, &self.identity.public_key));
            if let Some(found) = found.filter(|found| !explains(mark, &self.identity.public_key, found)) {
                return Err(StateError::StillSigning { rpc: url.to_string(), at: found.hrs });
            }
        }
        Ok(tip)
    }
}
