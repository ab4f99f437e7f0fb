//! x/slashing's store as its keys and values lie in it, in the layout of the chain's SDK line (spec/slashing.md §2, §6).

use comet::key::Address;
use comet::sdk::store::slot::{Pair, encode_subspace};
use prost::Message;

use super::messages;
use crate::account::Account;
use crate::app::App;
use crate::line::Line;

const PARAMS: u8 = 0x00;
const INFO: u8 = 0x01;
const MISSED: u8 = 0x02;
const ADDRESS_LENGTH: u8 = 20;

/// A signing info as amino writes it, after its length.
#[derive(Clone, PartialEq, Message)]
struct AminoInfo {
    #[prost(bytes = "vec", tag = "1")]
    address: Vec<u8>,
    #[prost(int64, tag = "2")]
    start_height: i64,
    #[prost(int64, tag = "3")]
    index_offset: i64,
    #[prost(message, optional, tag = "4")]
    jailed_until: Option<comet::sdk::Timestamp>,
    #[prost(bool, tag = "5")]
    tombstoned: bool,
    #[prost(int64, tag = "6")]
    missed: i64,
}

/// The value of a key; empty when there is none, as the RPC cannot tell the two apart.
pub(super) fn value(app: &App, key: &[u8]) -> Vec<u8> {
    if key == [PARAMS] {
        let params = app.line.stores_params().then(|| messages::slashing_params(app).params).flatten();
        return params.map(|p| p.encode_to_vec()).unwrap_or_default();
    }
    let (Some(kind), Some((address, rest))) = (key.first(), address_in(app.line, key)) else {
        return Vec::new();
    };
    let Some(account) = app.find(&address) else { return Vec::new() };
    let found = match (*kind, rest) {
        (INFO, []) => info(app.line, account),
        (MISSED, index) => {
            let index = index.try_into().map(i64::from_le_bytes).unwrap_or(-1);
            if !app.line.has_slots() {
                account.bits.stored(index)
            } else {
                (index >= 0 && account.bits.get(index)).then(|| missed(app.line))
            }
        }
        _ => None,
    };
    found.unwrap_or_default()
}

/// All pairs whose key begins with `prefix`, in key order. Slots that were missed once and are not any more are left out;
/// a real chain has them, as false.
pub(super) fn subspace(app: &App, prefix: &[u8]) -> Vec<u8> {
    let mut pairs = Vec::new();
    for account in &app.accounts {
        let key = |kind, index: Option<i64>| key(app.line, kind, &account.identity.address, index);
        pairs.extend(info(app.line, account).map(|value| Pair { key: key(INFO, None), value }));
        if app.line.has_slots() {
            let slots = account.bits.missed();
            pairs.extend(slots.map(|slot| Pair { key: key(MISSED, Some(slot)), value: missed(app.line) }));
        } else {
            let chunks = account.bits.all_stored();
            pairs.extend(chunks.map(|(chunk, value)| Pair { key: key(MISSED, Some(chunk)), value }));
        }
    }
    pairs.retain(|pair| pair.key.starts_with(prefix));
    pairs.sort_by(|a, b| a.key.cmp(&b.key));
    encode_subspace(pairs, app.line.is_amino())
}

fn info(line: Line, account: &Account) -> Option<Vec<u8>> {
    let info = messages::info_of(account)?;
    if !line.is_amino() {
        return Some(info.encode_to_vec());
    }
    let amino = AminoInfo {
        address: account.identity.address.0.to_vec(),
        start_height: info.start_height,
        index_offset: info.index_offset,
        jailed_until: info.jailed_until.filter(|at| at.seconds != 0),
        tombstoned: info.tombstoned,
        missed: info.missed_blocks_counter,
    };
    Some(amino.encode_length_delimited_to_vec())
}

/// A boolean that is true.
fn missed(line: Line) -> Vec<u8> {
    if line.is_amino() { vec![1, 1] } else { vec![8, 1] }
}

fn key(line: Line, kind: u8, address: &Address, index: Option<i64>) -> Vec<u8> {
    let length: &[u8] = if line.has_length_byte() { &[ADDRESS_LENGTH] } else { &[] };
    let index = index.map(i64::to_le_bytes);
    let index = index.as_ref().map_or(&[][..], |bytes| bytes);
    [&[kind], length, &address.0, index].concat()
}

/// The address in a key, and what follows it.
fn address_in(line: Line, key: &[u8]) -> Option<(Address, &[u8])> {
    let mut rest = key.get(1..)?;
    if line.has_length_byte() {
        rest = rest.strip_prefix(&[ADDRESS_LENGTH])?;
    }
    let (address, rest) = rest.split_at_checked(20)?;
    Some((Address::from_bytes(address)?, rest))
}
