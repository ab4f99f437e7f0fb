//! The flags of one validator over the rows of a chunk, as the runs in which it did not simply sign. Nothing is said of
//! a run of commits, so a validator that signed all of them is no bytes at all.

use super::varint;
use crate::flag::Flag;

/// Packs flags; empty where all are commits.
pub fn pack(flags: &[Flag]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (mut at, mut written) = (0, 0);
    while at < flags.len() {
        let flag = flags[at];
        let length = flags[at..].iter().take_while(|f| **f == flag).count();
        if flag != Flag::Commit {
            varint::put(&mut bytes, (at - written) as u64);
            varint::put(&mut bytes, ((length - 1) as u64) << 2 | flag as u64);
            written = at + length;
        }
        at += length;
    }
    bytes
}

/// Unpacks `count` flags; `None` for bytes that are not such runs.
pub fn unpack(mut bytes: &[u8], count: usize) -> Option<Vec<Flag>> {
    let mut flags = vec![Flag::Commit; count];
    let mut at = 0usize;
    while !bytes.is_empty() {
        at = at.checked_add(usize::try_from(varint::take(&mut bytes)?).ok()?)?;
        let run = varint::take(&mut bytes)?;
        let to = at.checked_add(usize::try_from(run >> 2).ok()?)?.checked_add(1)?;
        flags.get_mut(at..to)?.fill(Flag::from_number(u8::try_from(run & 3).unwrap_or(0)));
        at = to;
    }
    Some(flags)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_row_of_flags_comes_back(runs in proptest::collection::vec((0u8..4, 1usize..60), 0..40)) {
            let flags: Vec<Flag> =
                runs.iter().flat_map(|(n, length)| vec![Flag::from_number(*n); *length]).collect();
            prop_assert_eq!(unpack(&pack(&flags), flags.len()), Some(flags));
        }

        #[test]
        fn garbage_is_refused_or_read_but_never_a_panic(bytes: Vec<u8>, count in 0usize..2000) {
            if let Some(flags) = unpack(&bytes, count) {
                prop_assert_eq!(flags.len(), count);
            }
        }
    }

    #[test]
    fn who_signs_takes_no_byte_and_who_is_away_takes_few() {
        assert_eq!(pack(&[Flag::Commit; 1024]), b"");
        assert_eq!(pack(&[Flag::Absent; 1024]).len(), 3);
    }
}
