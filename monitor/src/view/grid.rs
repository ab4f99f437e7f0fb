//! The grid's letters, for all validators in one pass over the rows: a row's flags lie together, a validator's do not.

use super::GRID;
use crate::chain::State;
use crate::set::Set;
use comet::key::Address;
use std::collections::BTreeSet;
use std::sync::Arc;

/// For each of `who`, in their order, one letter per height of the grid; empty before the first counted height.
pub(super) fn letters(state: &State, who: &BTreeSet<Address>) -> Vec<String> {
    let Some(last) = state.recent().next_back().map(|r| r.height) else {
        return vec![String::new(); who.len()];
    };
    let width = usize::try_from(GRID).unwrap_or(1).max(1);
    let mut cells = vec![b'?'; who.len() * width];
    // Places in a set are looked up once per set, not once per height.
    let mut known: Option<(&Arc<Set>, Vec<Option<usize>>)> = None;
    for row in state.recent().rev() {
        let Some(age) = usize::try_from(last - row.height).ok().filter(|age| *age < width) else { break };
        let places = match &mut known {
            Some((set, places)) if Arc::ptr_eq(set, &row.set) => places,
            other => {
                let places = who.iter().map(|address| row.set.index(address)).collect();
                &mut other.insert((&row.set, places)).1
            }
        };
        let column = cells.iter_mut().skip(width - 1 - age).step_by(width);
        for (cell, place) in column.zip(places) {
            let letter = place.map_or('-', |i| row.flags[i].letter(row.proposer == Some(i)));
            *cell = u8::try_from(letter).unwrap_or(b'?');
        }
    }
    cells.chunks(width).map(|line| String::from_utf8_lossy(line).into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::Saved;
    use crate::flag::Flag;
    use crate::row::Row;
    use crate::set::Member;

    /// Against the obvious way, cell by cell, over sets that change and heights that are missing.
    #[test]
    fn every_cell_is_what_its_row_says() {
        let who = |n: u8| Address([n; 20]);
        let set = |hash: &str, members: &[u8]| {
            let member = |n: &u8| Member { address: who(*n), power: 1, key: vec![*n] };
            Arc::new(Set::new(hash.into(), members.iter().map(member).collect()))
        };
        let sets = [set("A", &[3, 1, 2]), set("B", &[2, 4, 3, 1])];
        let flags = [Flag::Commit, Flag::Absent, Flag::Nil, Flag::Unknown];
        let rows: Vec<Row> = (1..=150_i64)
            .filter(|height| height % 17 != 0)
            .map(|height| {
                let n = usize::try_from(height).unwrap();
                let set = sets[n / 40 % 2].clone();
                let flags = (0..set.members().len()).map(|i| flags[(n * 7 + i * 5) % 11 % 4]).collect();
                Row { height, time: height, round: 0, proposer: Some(n % 3), flags, set }
            })
            .collect();
        let state = State::restore(Saved { rows: rows.clone(), ..Saved::default() });
        let all: BTreeSet<Address> = (1..=5).map(who).collect();
        let cell = |address: &Address, height: i64| {
            let row = rows.iter().find(|row| row.height == height);
            row.map_or('?', |row| row.of(address).map_or('-', |(flag, proposed)| flag.letter(proposed)))
        };
        let expected: Vec<String> =
            all.iter().map(|address| (51..=150).map(|height| cell(address, height)).collect()).collect();
        assert_eq!(letters(&state, &all), expected);
        assert_eq!(letters(&State::new(), &all), vec![String::new(); 5]);
    }
}
