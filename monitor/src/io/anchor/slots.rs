//! Bitmaps up to SDK 0.47: one key to a slot.
//!
//! A subspace read gives all slots of a validator at once, but of the newest state and not of the height asked for. The few
//! slots written since are then read by key at that height, so the whole is exact; the sum of all bits, those beyond a
//! lowered window included, must be the counter. So corrected, all endpoints must say the same, or most of them: a sum is
//! right wherever the bits are. Where it is not (a jailing has cleared them meanwhile) and where subspaces
//! are refused, slots are read one by one if they are few.

use super::{PARALLEL, Params, RpcFailure, Sdk};
use crate::bitmap::Bitmap;
use crate::decode::DecodeError;
use crate::io::pool::most;
use comet::key::Address;
use comet::sdk::slashing::SigningInfo;
use comet::sdk::store;
use comet::sdk::store::slot::{self, SlotError};
use futures_util::{StreamExt as _, TryStreamExt as _};
use std::collections::BTreeSet;

/// Single slots that are read at most.
const SINGLE: usize = 4096;
/// Blocks that may pass during a subspace read; after more of them slots are read one by one.
const PASSED: i64 = 64;

/// What is read, and how.
pub(super) struct Reader<'a> {
    pub(super) sdk: &'a Sdk,
    pub(super) height: i64,
    pub(super) params: &'a Params,
    pub(super) length: bool,
    pub(super) amino: bool,
}

impl Reader<'_> {
    /// One bitmap per info, in the same order; `None` for one that does not fit its counter.
    pub(super) async fn read(
        &self,
        infos: &[(Address, SigningInfo)],
    ) -> Result<Vec<Option<Bitmap>>, RpcFailure> {
        let mut bitmaps = vec![Some(Bitmap::default()); infos.len()];
        let wanted = infos.iter().enumerate().filter(|(_, (_, info))| info.missed_blocks_counter > 0);
        let wanted: Vec<_> = wanted.map(|(at, (address, info))| (at, *address, info)).collect();
        let Some((_, first, _)) = wanted.first() else { return Ok(bitmaps) };
        let single: usize = wanted.iter().map(|(_, _, info)| self.written(info)).sum();
        let by_subspace = match self.subspace(first).await {
            Ok(_) => true,
            Err(error) if single > SINGLE => return Err(error),
            Err(_) => false,
        };
        let read = |(at, address, info): (usize, Address, &SigningInfo)| {
            let (info, address) = (info.clone(), address);
            async move {
                let counter = info.missed_blocks_counter;
                if by_subspace {
                    let bits = self.newest_corrected(&address, &info).await?;
                    if let Some(bits) = bits.filter(|bits| i64::try_from(bits.total()) == Ok(counter)) {
                        return Ok((at, Some(bits)));
                    }
                    // A jailing since that height has cleared the newest state; what it cleared is still in the old one.
                    if self.written(&info) > SINGLE {
                        return Ok((at, None));
                    }
                }
                let bits = bitmap(self.single(&address, 0..self.written(&info)).await?);
                let counted = i64::try_from(bits.count(self.params.slots())).unwrap_or(i64::MAX);
                Ok::<_, RpcFailure>((at, (counted <= counter).then_some(bits)))
            }
        };
        let read: Vec<_> =
            futures_util::stream::iter(wanted).map(read).buffer_unordered(PARALLEL).try_collect().await?;
        for (at, bits) in read {
            bitmaps[at] = bits;
        }
        Ok(bitmaps)
    }

    fn written(&self, info: &SigningInfo) -> usize {
        usize::try_from(info.index_offset).unwrap_or(0).min(self.params.slots())
    }

    /// All missed slots of one validator, of the newest state, as each endpoint sees it.
    async fn subspace(&self, address: &Address) -> Result<Vec<Vec<u64>>, RpcFailure> {
        let prefix = slot::prefix(&address.0, self.length);
        let answers = self.sdk.subspace(&prefix, self.height).await?;
        let read = answers.iter().map(|answer| slot::subspace(answer, &prefix, self.amino));
        let (good, mut bad): (Vec<_>, Vec<_>) = read.partition(Result::is_ok);
        // Whoever talks nonsense has no say, unless nobody else talks.
        match bad.pop() {
            Some(Err(error)) if good.is_empty() => Err(foreign(&error)),
            _ => Ok(good.into_iter().flatten().collect()),
        }
    }

    /// A subspace, with the slots that were written after the height of this anchor read again at that height. `None` when
    /// too many were: the sum of the bits alone proves nothing, it may be right by chance.
    async fn newest_corrected(
        &self,
        address: &Address,
        info: &SigningInfo,
    ) -> Result<Option<Bitmap>, RpcFailure> {
        let newest = self.subspace(address).await?;
        let status = self.sdk.pool().ask(|client| async move { client.status().await }).await?;
        let tip = status.sync_info.latest_block_height.max(self.sdk.pool().tip().unwrap_or(0));
        let passed = (tip - self.height + 1).max(1);
        if passed > PASSED.min(self.params.window) {
            return Ok(None);
        }
        let window = self.params.window.max(1);
        let slots = (0..passed).map(|j| (info.index_offset + j).rem_euclid(window));
        let since = self.single(address, slots.filter_map(|s| usize::try_from(s).ok())).await?;
        let corrected = newest.into_iter().map(|missed| {
            let mut missed: BTreeSet<usize> = missed.into_iter().flat_map(usize::try_from).collect();
            for (slot, again) in &since {
                if *again {
                    missed.insert(*slot)
                } else {
                    missed.remove(slot)
                };
            }
            missed
        });
        Ok(most(corrected.collect()).map(|missed| bitmap(missed.into_iter().map(|slot| (slot, true)))))
    }

    /// Reads single slots at the height of this anchor.
    async fn single(
        &self,
        address: &Address,
        slots: impl IntoIterator<Item = usize>,
    ) -> Result<Vec<(usize, bool)>, RpcFailure> {
        let read = |index: usize| async move {
            let key = slot::key(&address.0, self.length, index as u64);
            let value = self.sdk.store(store::PATH, &key, self.height).await?;
            Ok::<_, RpcFailure>((index, slot::missed(&value, self.amino).map_err(|e| foreign(&e))?))
        };
        futures_util::stream::iter(slots).map(read).buffer_unordered(PARALLEL).try_collect().await
    }
}

fn bitmap(slots: impl IntoIterator<Item = (usize, bool)>) -> Bitmap {
    let mut bits = Bitmap::default();
    for (slot, missed) in slots {
        bits.replace(slot, missed);
    }
    bits
}

fn foreign(error: &SlotError) -> RpcFailure {
    DecodeError::Shape { what: "slot", reason: error.to_string() }.into()
}
