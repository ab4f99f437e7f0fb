//! x/slashing's store as its keys and values lie in it (SDK 0.50 and later).

use comet::key::Address;
use prost::Message;

use super::messages;
use crate::account::Account;
use crate::app::App;

const PARAMS: u8 = 0x00;
const INFO: u8 = 0x01;
const BITMAP: u8 = 0x02;
const ADDRESS_LENGTH: u8 = 20;

#[derive(Clone, PartialEq, Message)]
struct Pairs {
    #[prost(message, repeated, tag = "1")]
    pairs: Vec<Pair>,
}

#[derive(Clone, PartialEq, Message)]
struct Pair {
    #[prost(bytes = "vec", tag = "1")]
    key: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// The value of a key; empty when there is none, as the RPC cannot tell the two apart.
pub(super) fn value(app: &App, key: &[u8]) -> Vec<u8> {
    let found = match key {
        [PARAMS] => messages::slashing_params(app).params.map(|p| p.encode_to_vec()),
        [INFO, ADDRESS_LENGTH, address @ ..] => {
            account(app, address).and_then(messages::info_of).map(|info| info.encode_to_vec())
        }
        [BITMAP, ADDRESS_LENGTH, rest @ ..] if rest.len() == 28 => {
            let (address, chunk) = rest.split_at(20);
            let chunk = chunk.try_into().map(i64::from_le_bytes).unwrap_or(-1);
            account(app, address).and_then(|a| a.bits.stored(chunk))
        }
        _ => None,
    };
    found.unwrap_or_default()
}

/// All pairs whose key begins with `prefix`, in key order.
pub(super) fn subspace(app: &App, prefix: &[u8]) -> Vec<u8> {
    let mut pairs = Vec::new();
    for account in &app.accounts {
        let address = account.identity.address;
        pairs.extend(
            messages::info_of(account).map(|i| Pair { key: info_key(&address), value: i.encode_to_vec() }),
        );
        let chunks = account.bits.all_stored();
        pairs.extend(chunks.map(|(chunk, value)| Pair { key: chunk_key(&address, chunk), value }));
    }
    pairs.retain(|pair| pair.key.starts_with(prefix));
    pairs.sort_by(|a, b| a.key.cmp(&b.key));
    Pairs { pairs }.encode_to_vec()
}

fn account<'a>(app: &'a App, address: &[u8]) -> Option<&'a Account> {
    app.find(&Address::from_bytes(address)?)
}

fn info_key(address: &Address) -> Vec<u8> {
    [&[INFO, ADDRESS_LENGTH], address.0.as_slice()].concat()
}

fn chunk_key(address: &Address, chunk: i64) -> Vec<u8> {
    [&[BITMAP, ADDRESS_LENGTH], address.0.as_slice(), &chunk.to_le_bytes()].concat()
}
