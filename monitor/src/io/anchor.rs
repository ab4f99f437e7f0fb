//! Reads x/slashing's whole state at one height: parameters, signing infos, jail, and the bitmaps from the raw store.
//!
//! A bitmap is only read for validators that have missed something: with a counter of zero every bit is clear. How it is
//! read depends on the SDK line, which is found by asking ([`super::probe`]). Where the line is in doubt or the raw store is
//! refused, the counters are taken, and the flags of the last blocks fill in what they say about the newest slots.

mod chunks;
mod slots;

use super::probe;
use super::rpc::RpcFailure;
use super::sdk::{Sdk, SdkFailure};
use crate::bitmap::Bitmap;
use crate::decode;
use crate::flag::Flag;
use crate::jailing::{Params, Window};
use crate::line::Layout;
use crate::probe::Verdict;
use crate::profile::Profiles;
use crate::row::Row;
use crate::set::Set;
use crate::windows::{Entry, Source, Windows};
use comet::key::Address;
use comet::sdk::Timestamp;
use comet::sdk::decimal::Dec;
use comet::sdk::slashing::{self, SigningInfo};
use std::sync::Arc;

/// Raw reads at once.
const PARALLEL: usize = 8;

/// What was found.
#[derive(Clone, Debug)]
pub enum Anchor {
    /// There is x/slashing.
    Windows(Box<Found>),
    /// The chain has no x/slashing.
    NoSlashing,
}

/// x/slashing's state, and what was found on the way.
#[derive(Clone, Debug)]
pub struct Found {
    /// The state.
    pub windows: Windows,
    /// Who the validators are, where there is a staking module.
    pub profiles: Option<Profiles>,
    /// Which SDK line it is.
    pub line: Arc<Verdict>,
}

/// What the monitor knows already and the reading makes use of.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The set of the head: finds validators whose keys are not Ed25519.
    pub set: Option<Arc<Set>>,
    /// Counted heights, ascending, for slots that the store does not give.
    pub rows: Vec<Arc<Row>>,
    /// The line, where it was found before and nothing has contradicted since.
    pub line: Option<Arc<Verdict>>,
}

/// Reads the state after block `height`.
pub async fn read(sdk: &Sdk, height: i64, known: Known) -> Result<Anchor, SdkFailure> {
    let params = match sdk.slashing_params(height).await {
        Ok(found) => params(&found)?,
        Err(SdkFailure::NoModule) => return Ok(Anchor::NoSlashing),
        Err(error) => return Err(error),
    };
    let infos = sdk.signing_infos(height).await?;
    let profiles = match sdk.validators(height).await {
        Ok((validators, at)) => Some(Profiles::new(at.max(height), &validators, known.set.as_deref())),
        Err(SdkFailure::NoModule) => None,
        Err(error) => return Err(error),
    };
    let infos: Vec<_> = infos.into_iter().filter_map(|i| Some((decode::valcons(&i.address)?, i))).collect();
    let mut line = match known.line {
        Some(line) => line,
        None => Arc::new(probe::facts(sdk, height, &infos).await.verdict()),
    };
    let bitmaps = bitmaps(sdk, height, &params, &infos, &mut line).await;
    let source = if bitmaps.is_some() { Source::Store } else { Source::Counter };
    let rules = line.rules();
    let mut bitmaps = bitmaps.map(Vec::into_iter);
    let entries = infos.into_iter().map(|(address, info)| {
        let jailed = profiles.as_ref().and_then(|p| p.by_address.get(&address)).is_some_and(|p| p.jailed);
        let window = Window {
            start_height: info.start_height,
            index_offset: info.index_offset,
            missed: info.missed_blocks_counter,
            bits: bitmaps.as_mut().and_then(|b| b.next().flatten()),
            partial: None,
        };
        let jailed_until = info.jailed_until.as_ref().and_then(nanoseconds);
        (address, Entry { window, jailed, jailed_since: height, jailed_until, tombstoned: info.tombstoned })
    });
    let entries = entries.collect();
    let mut windows =
        Windows { height, params, source, rules, read_at: height, entries, rotated: Vec::new() };
    if line.doubt.is_none() && recall(&mut windows, &known.rows) && source == Source::Counter {
        windows.source = Source::Replay;
    }
    Ok(Anchor::Windows(Box::new(Found { windows, profiles, line })))
}

/// The bitmaps, in the order of `infos`; `None` for all where only counters are known, and for a single one that does not
/// fit its counter.
async fn bitmaps(
    sdk: &Sdk,
    height: i64,
    params: &Params,
    infos: &[(Address, SigningInfo)],
    line: &mut Arc<Verdict>,
) -> Option<Vec<Option<Bitmap>>> {
    let read = match line.layout() {
        Some(Layout::Chunks) => chunks::read(sdk, height, params, infos).await,
        Some(Layout::Slots { length, amino }) => {
            slots::Reader { sdk, height, params, length, amino }.read(infos).await
        }
        None => {
            tracing::warn!(height, line = line.name(), "only the chain's counters are used");
            return None;
        }
    };
    match read {
        Ok(bitmaps) if plausible(&bitmaps, infos) => Some(bitmaps),
        Ok(_) => {
            let doubt = Some("its raw store does not hold the misses that its counters count".into());
            *line = Arc::new(Verdict { doubt, ..Verdict::clone(line) });
            tracing::warn!(height, line = line.name(), "only the chain's counters are used");
            None
        }
        Err(error) => {
            tracing::warn!(height, %error, "raw store is refused, only counters and the last blocks are used");
            None
        }
    }
}

/// Fills in the newest slots of windows without bits from the flags of the last blocks; whether anything was known.
fn recall(windows: &mut Windows, rows: &[Arc<Row>]) -> bool {
    // The flags of height h - 1 are the last ones that the state after block h has counted.
    let end = rows.partition_point(|row| row.height < windows.height);
    let mut last = windows.height;
    let unbroken = rows[..end].iter().rev().take_while(|row| {
        last -= 1;
        row.height == last
    });
    let newest_first: Vec<_> = unbroken.collect();
    let mut any = false;
    for (address, entry) in windows.entries.iter_mut().filter(|(_, e)| e.window.bits.is_none()) {
        // Whoever is in jail has not been counted lately, or has just been reset.
        let flags = newest_first.iter().filter(|_| !entry.jailed);
        let flags = flags.filter_map(|row| Some(row.flags[row.set.index(address)?]));
        entry.window.recall(&windows.params, flags.take_while(|f| *f != Flag::Unknown).map(Flag::missed));
        any |= !newest_first.is_empty();
    }
    any
}

/// Parameters from their protobuf form.
pub fn params(found: &slashing::Params) -> Result<Params, SdkFailure> {
    let decimal = |bytes: &[u8]| {
        Dec::from_wire(bytes)
            .map_err(|e| SdkFailure::Decode { path: slashing::PARAMS, reason: e.to_string() })
    };
    let duration = found.downtime_jail_duration.unwrap_or_default();
    Ok(Params {
        window: found.signed_blocks_window,
        min_signed: decimal(&found.min_signed_per_window)?,
        jail_duration: duration.seconds.saturating_mul(1_000_000_000).saturating_add(duration.nanos.into()),
        slash_downtime: decimal(&found.slash_fraction_downtime)?,
    })
}

/// Some of the misses that the counters count must be in the store.
fn plausible(bitmaps: &[Option<Bitmap>], infos: &[(Address, SigningInfo)]) -> bool {
    let missed = |(_, info): &&(Address, SigningInfo)| info.missed_blocks_counter > 0;
    let found = bitmaps.iter().zip(infos).filter(|(bits, info)| missed(info) && bits.is_some()).count();
    found > 0 || !infos.iter().any(|info| missed(&info))
}

/// Unix nanoseconds; `None` for 1970 (never jailed) and for what does not fit (tombstoned).
fn nanoseconds(time: &Timestamp) -> Option<i64> {
    time.seconds
        .checked_mul(1_000_000_000)
        .map(|ns| ns.saturating_add(time.nanos.into()))
        .filter(|ns| *ns > 0)
}
