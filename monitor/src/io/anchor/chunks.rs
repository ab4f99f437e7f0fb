//! Bitmaps of SDK 0.50 and later: 1024 slots to a key.

use super::{PARALLEL, Params, RpcFailure, Sdk};
use crate::bitmap::Bitmap;
use crate::decode::DecodeError;
use comet::key::Address;
use comet::sdk::slashing::SigningInfo;
use comet::sdk::store;
use futures_util::{StreamExt as _, TryStreamExt as _};

/// One bitmap per info, in the same order; `None` for one with more bits in the window than its counter says, or with none.
pub(super) async fn read(
    sdk: &Sdk,
    height: i64,
    params: &Params,
    infos: &[(Address, SigningInfo)],
) -> Result<Vec<Option<Bitmap>>, RpcFailure> {
    let wanted = infos.iter().enumerate().filter(|(_, (_, info))| info.missed_blocks_counter > 0);
    let wanted = wanted.flat_map(|(at, (address, info))| {
        let written = usize::try_from(info.index_offset).unwrap_or(0).min(params.slots());
        (0..store::chunks(written)).map(move |chunk| (at, *address, chunk))
    });
    let read = |(at, address, chunk): (usize, Address, usize)| async move {
        let key = store::bitmap_chunk(&address.0, chunk as u64);
        let value = sdk.store(store::PATH, &key, height).await?;
        let bits = store::Chunk::decode(&value)
            .map_err(|e| DecodeError::Shape { what: "bitmap", reason: e.to_string() })?;
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
    let fits = |(bits, (_, info)): (Bitmap, &(Address, SigningInfo))| {
        let counted = i64::try_from(bits.count(params.slots())).unwrap_or(i64::MAX);
        // Less than the counter are the ghosts of a window that was lowered.
        (counted <= info.missed_blocks_counter).then_some(bits)
    };
    Ok(bitmaps.into_iter().zip(infos).map(fits).collect())
}
