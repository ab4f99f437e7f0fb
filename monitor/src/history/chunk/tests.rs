//! Sealed rows come back as they were, whatever they were; bytes that were never sealed do no harm.

use super::*;
use proptest::prelude::*;

/// A dictionary in memory.
#[derive(Clone, Default)]
pub(crate) struct Book(Vec<(Address, Vec<u8>)>);

impl Dictionary for Book {
    fn number(&mut self, address: &Address, key: &[u8]) -> u64 {
        let found = self.0.iter().position(|(a, k)| a == address && k == key);
        found.unwrap_or_else(|| {
            self.0.push((*address, key.into()));
            self.0.len() - 1
        }) as u64
    }

    fn validator(&self, number: u64) -> Option<(Address, Vec<u8>)> {
        self.0.get(usize::try_from(number).ok()?).cloned()
    }
}

pub(crate) fn set(seed: u8, members: &[(u8, i64)], sorted: bool) -> Arc<Set> {
    let member =
        |(n, power): &(u8, i64)| Member { address: Address([*n; 20]), power: *power, key: vec![*n; 32] };
    let mut members: Vec<_> = members.iter().map(member).collect();
    members.dedup_by_key(|m| m.address);
    if sorted {
        members.sort_by_key(|m| (-m.power, m.address));
    }
    let hash = if seed.is_multiple_of(2) { hex::encode_upper([seed; 32]) } else { format!("odd {seed}") };
    Arc::new(Set::new(hash, members))
}

pub(crate) fn rows() -> impl Strategy<Value = Vec<Arc<Row>>> {
    let members = proptest::collection::btree_map(0u8..12, 0i64..5, 0..9);
    let sets = proptest::collection::vec((members, any::<bool>()), 1..6);
    let row = (1i64..4, -5i64..1_000_000_000_000, 0i32..4, 0usize..12, 0usize..6, any::<u64>(), 1usize..30);
    (sets, proptest::collection::vec(row, 0..40)).prop_map(|(sets, rows)| {
        let sets: Vec<_> = sets
            .into_iter()
            .enumerate()
            .map(|(i, (m, sorted))| {
                set(u8::try_from(i).unwrap_or(0), &m.into_iter().collect::<Vec<_>>(), sorted)
            })
            .collect();
        let (mut height, mut time) = (0, 0);
        let mut all = Vec::new();
        for (step, tick, round, proposer, which, bits, repeat) in rows {
            for _ in 0..repeat {
                height += step;
                time += tick;
                let set = sets[which % sets.len()].clone();
                let count = set.members().len();
                let flags =
                    (0..count).map(|i| Flag::from_number(u8::try_from(bits >> (2 * i) & 3).unwrap_or(0)));
                let proposer = (proposer < count).then_some(proposer);
                all.push(Arc::new(Row { height, time, round, proposer, flags: flags.collect(), set }));
            }
        }
        all
    })
}

proptest! {
    #[test]
    fn sealed_rows_come_back_equal(rows in rows()) {
        let mut book = Book::default();
        let sealed = seal(&rows, &mut book);
        let opened = open(&sealed, &book).map(|rows| rows.into_iter().map(Arc::new).collect::<Vec<_>>());
        prop_assert_eq!(opened, Some(rows));
    }

    #[test]
    fn what_was_never_sealed_does_no_harm(rows in rows(), at: prop::sample::Index, byte: u8, cut: prop::sample::Index) {
        let mut book = Book::default();
        let mut sealed = seal(&rows, &mut book);
        let at = at.index(sealed.frame.len());
        sealed.frame[at] = byte;
        let _ = open(&sealed, &book);
        sealed.frame.truncate(cut.index(sealed.frame.len()));
        let _ = open(&sealed, &book);
    }
}

#[test]
fn a_quiet_chunk_is_small() {
    let members: Vec<_> = (0..64).map(|n| (n, i64::from(100 - n))).collect();
    let set = set(0, &members, true);
    let row = |height: i64| {
        let flags = vec![Flag::Commit; 64];
        let proposer = usize::try_from(height).ok().map(|h| h % 64);
        Arc::new(Row { height, time: height * 6_000_000_123, round: 0, proposer, flags, set: set.clone() })
    };
    let rows: Vec<_> = (1024..2048).map(row).collect();
    let sealed = seal(&rows, &mut Book::default());
    assert!(sealed.runs.is_empty());
    assert!(sealed.frame.len() < 8 * 1024, "{} bytes", sealed.frame.len());
}
