//! Which validator is meant: by operator address, consensus address, or a part of its name.

use comet::bech32;
use comet::key::Address;

/// That a text means nobody, or more than one where it should not.
#[derive(Debug, thiserror::Error)]
#[error(
    "{wanted:?} is no validator of this history\ntry: its valoper or valcons address, its hex address, or a part of its moniker"
)]
pub struct Nobody {
    /// What was asked for.
    pub wanted: String,
}

/// All that `wanted` may mean. `known` are address, valoper and moniker.
pub fn find<'a>(
    wanted: &str,
    known: impl Iterator<Item = (Address, &'a str, &'a str)>,
) -> Result<Vec<Address>, Nobody> {
    if let Some(address) = Address::from_hex(wanted) {
        return Ok(vec![address]);
    }
    if let (true, Ok((_, bytes))) = (wanted.contains("valcons"), bech32::decode(wanted))
        && let Some(address) = Address::from_bytes(&bytes)
    {
        return Ok(vec![address]);
    }
    let part = wanted.to_lowercase();
    let named = |(_, valoper, moniker): &(Address, &str, &str)| {
        *valoper == wanted || (!part.is_empty() && moniker.to_lowercase().contains(&part))
    };
    let found: Vec<_> = known.filter(named).map(|(address, ..)| address).collect();
    if found.is_empty() { Err(Nobody { wanted: wanted.into() }) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_every_name_it_has() {
        let (a, b) = (Address([1; 20]), Address([2; 20]));
        let known = [(a, "xvaloper1a", "Alpha One"), (b, "xvaloper1b", "alpha two")];
        let find = |wanted: &str| find(wanted, known.into_iter());
        assert_eq!(find("ALPHA").unwrap(), [a, b]);
        assert_eq!(find("one").unwrap(), [a]);
        assert_eq!(find("xvaloper1b").unwrap(), [b]);
        assert_eq!(find(&b.to_string().to_lowercase()).unwrap(), [b]);
        assert_eq!(find(&bech32::encode("xvalcons", &[9; 20]).unwrap()).unwrap(), [Address([9; 20])]);
        assert!(find("nobody").is_err() && find("").is_err());
    }
}
