//! Reads x/slashing's whole state at one height: parameters, signing infos, jail, and the bitmaps from the raw store.
//!
//! A bitmap is only read for validators that have missed something: with a counter of zero every bit is clear. Where the
//! raw store is refused, or its layout is not that of SDK ≥ 0.50, the counters alone are taken and the windows say so.

use super::rpc::RpcFailure;
use super::sdk::{Sdk, SdkFailure};
use crate::bitmap::Bitmap;
use crate::decode;
use crate::jailing::{Params, Window};
use crate::profile::Profiles;
use crate::set::Set;
use crate::windows::{Entry, Source, Windows};
use comet::key::Address;
use comet::sdk::decimal::Dec;
use comet::sdk::slashing::{self, SigningInfo};
use comet::sdk::{Timestamp, store};
use futures_util::{StreamExt as _, TryStreamExt as _};
use std::sync::Arc;

/// Raw reads at once.
const PARALLEL: usize = 8;

/// What was found.
#[derive(Clone, Debug)]
pub enum Anchor {
    /// The windows, and who the validators are where there is a staking module.
    Windows(Windows, Option<Profiles>),
    /// The chain has no x/slashing.
    NoSlashing,
}

/// Reads the state after block `height`. `set` helps to find validators whose keys are not Ed25519.
pub async fn read(sdk: &Sdk, height: i64, set: Option<Arc<Set>>) -> Result<Anchor, SdkFailure> {
    let params = match sdk.slashing_params(height).await {
        Ok(found) => params(&found)?,
        Err(SdkFailure::NoModule) => return Ok(Anchor::NoSlashing),
        Err(error) => return Err(error),
    };
    let infos = sdk.signing_infos(height).await?;
    let profiles = match sdk.validators(height).await {
        Ok((validators, at)) => Some(Profiles::new(at.max(height), &validators, set.as_deref())),
        Err(SdkFailure::NoModule) => None,
        Err(error) => return Err(error),
    };
    let infos: Vec<_> = infos.into_iter().filter_map(|i| Some((decode::valcons(&i.address)?, i))).collect();
    let bitmaps = match bitmaps(sdk, height, &params, &infos).await {
        Ok(bitmaps) if plausible(&bitmaps, &params, &infos) => Some(bitmaps),
        Ok(_) => {
            tracing::warn!(height, "raw store has another layout than SDK 0.50, only counters are used");
            None
        }
        Err(error) => {
            tracing::warn!(height, %error, "raw store is refused, only counters are used");
            None
        }
    };
    let source = if bitmaps.is_some() { Source::Store } else { Source::Counter };
    let mut bitmaps = bitmaps.map(Vec::into_iter);
    let entries = infos.into_iter().map(|(address, info)| {
        let bits = bitmaps.as_mut().map(|b| b.next().unwrap_or_default());
        let jailed = profiles.as_ref().and_then(|p| p.by_address.get(&address)).is_some_and(|p| p.jailed);
        let window = Window {
            start_height: info.start_height,
            index_offset: info.index_offset,
            missed: info.missed_blocks_counter,
            bits,
        };
        let jailed_until = info.jailed_until.as_ref().and_then(nanoseconds);
        (address, Entry { window, jailed, jailed_since: height, jailed_until, tombstoned: info.tombstoned })
    });
    let entries = entries.collect();
    Ok(Anchor::Windows(Windows { height, params, source, entries }, profiles))
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

/// One bitmap per info, in the same order.
async fn bitmaps(
    sdk: &Sdk,
    height: i64,
    params: &Params,
    infos: &[(Address, SigningInfo)],
) -> Result<Vec<Bitmap>, RpcFailure> {
    let wanted = infos.iter().enumerate().filter(|(_, (_, info))| info.missed_blocks_counter > 0);
    let wanted = wanted.flat_map(|(at, (address, info))| {
        let written = usize::try_from(info.index_offset).unwrap_or(0).min(params.slots());
        (0..store::chunks(written)).map(move |chunk| (at, *address, chunk))
    });
    let read = |(at, address, chunk): (usize, Address, usize)| async move {
        let key = store::bitmap_chunk(&address.0, chunk as u64);
        let value = sdk.store(store::PATH, &key, height).await?;
        let bits = store::Chunk::decode(&value)
            .map_err(|e| decode::DecodeError::Shape { what: "bitmap", reason: e.to_string() })?;
        Ok::<_, RpcFailure>((at, chunk, bits))
    };
    let wanted: Vec<_> = wanted.collect();
    let chunks: Vec<_> =
        futures_util::stream::iter(wanted).map(read).buffer_unordered(PARALLEL).try_collect().await?;
    let mut bitmaps = vec![Bitmap::default(); infos.len()];
    for (at, chunk, bits) in chunks {
        for bit in (0..store::CHUNK_BITS).filter(|bit| bits.get(*bit)) {
            bitmaps[at].replace(chunk * store::CHUNK_BITS + bit, true);
        }
    }
    Ok(bitmaps)
}

/// Counters and bits must speak of the same thing: no more bits than the counter, and not none at all for everyone.
fn plausible(bitmaps: &[Bitmap], params: &Params, infos: &[(Address, SigningInfo)]) -> bool {
    let counts = || bitmaps.iter().map(|b| i64::try_from(b.count(params.slots())).unwrap_or(i64::MAX));
    let counters = || infos.iter().map(|(_, info)| info.missed_blocks_counter);
    let within = counts().zip(counters()).all(|(bits, counter)| bits <= counter);
    within && (counters().sum::<i64>() == 0 || counts().sum::<i64>() > 0)
}

/// Unix nanoseconds; `None` for 1970 (never jailed) and for what does not fit (tombstoned).
fn nanoseconds(time: &Timestamp) -> Option<i64> {
    time.seconds
        .checked_mul(1_000_000_000)
        .map(|ns| ns.saturating_add(time.nanos.into()))
        .filter(|ns| *ns > 0)
}
