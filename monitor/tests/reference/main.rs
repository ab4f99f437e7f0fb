//! The monitor against the reference rules, over random histories of every SDK line: windows and limits that change,
//! validators that leave, join, go to jail, come back, sign twice or rotate their keys. After every block both must hold
//! the same numbers, and what the forecast said of the future must come true.
//!
//! `PALISADE_SEED=n` repeats one history; each failure prints its seed.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod chain;

use chain::{Chain, Emitted, Name, Version};
use comet::key::Address;
use palisade_monitor::bitmap::Bitmap;
use palisade_monitor::chain::{State, apply};
use palisade_monitor::change::Change;
use palisade_monitor::event::{Block, Claims, Commit, Event};
use palisade_monitor::flag::Flag;
use palisade_monitor::forecast::{ToJail, to_jail};
use palisade_monitor::jailing::{Params, Window};
use palisade_monitor::line::Line;
use palisade_monitor::set::{Member, Set};
use palisade_monitor::windows::{Entry, Source, Windows};
use std::collections::BTreeSet;

const LINES: [(Version, Line); 7] = [
    (39, Line::V039),
    (42, Line::V040),
    (45, Line::V043),
    (46, Line::V046),
    (47, Line::V047),
    (50, Line::V050),
    (55, Line::V055),
];
const HISTORIES: u64 = 280;
const BLOCKS: i64 = 220;

/// splitmix64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % sides
    }

    fn one_in(&mut self, sides: u64) -> bool {
        self.roll(sides) == 0
    }

    fn between(&mut self, low: i64, high: i64) -> i64 {
        low + i64::try_from(self.roll(u64::try_from(high - low + 1).unwrap())).unwrap()
    }
}

fn name(n: i64) -> Name {
    let mut bytes = [0; 20];
    bytes[..8].copy_from_slice(&n.to_be_bytes());
    bytes
}

fn time(height: i64) -> i64 {
    height * 1_000_000_000
}

fn params(chain: &Chain) -> Params {
    Params {
        window: chain.window,
        min_signed: format!("{}.{:02}", chain.min_signed / 100, chain.min_signed % 100).parse().unwrap(),
        jail_duration: chain.jail_time,
        slash_downtime: "0".parse().unwrap(),
    }
}

/// What a monitor reads of the chain's state after its last block.
fn anchor(chain: &Chain, line: Line, bits: bool) -> Windows {
    let entries = chain.infos.iter().map(|(name, info)| {
        let mut map = Bitmap::default();
        info.missed_slots.iter().for_each(|slot| {
            map.replace(usize::try_from(*slot).unwrap(), true);
        });
        let window = Window {
            start_height: info.start_height,
            index_offset: info.index_offset,
            missed: info.missed,
            bits: bits.then_some(map),
            partial: None,
        };
        let jailed = chain.validators.iter().any(|v| v.name == *name && v.jailed);
        let entry = Entry {
            window,
            jailed,
            jailed_since: chain.height,
            jailed_until: info.jailed_until,
            tombstoned: info.tombstoned,
        };
        (Address(*name), entry)
    });
    Windows {
        height: chain.height,
        params: params(chain),
        source: if bits { Source::Store } else { Source::Counter },
        rules: line.rules(),
        read_at: chain.height,
        entries: entries.collect(),
        rotated: Vec::new(),
    }
}

fn hash(set: &[Name]) -> String {
    set.iter().map(hex::encode).collect()
}

fn set(members: &[Name]) -> Set {
    let member = |name: &Name| Member { address: Address(*name), power: 10, key: name.to_vec() };
    Set::new(hash(members), members.iter().map(member).collect())
}

/// Takes `event` and all sets that the monitor asks for.
fn feed(mut state: State, event: Event, chain: &Chain) -> (State, Vec<Change>) {
    let (next, mut changes) = apply(state, event);
    state = next;
    while let Some((height, _)) = state.wanted_set() {
        let (next, more) = apply(state, Event::Set(set(&chain.sets[&height])));
        state = next;
        changes.extend(more);
    }
    (state, changes)
}

fn block(chain: &Chain, signed: &[Name], absent: &BTreeSet<Name>, emitted: &Emitted, nil: u64) -> Block {
    let vote = |(i, name): (usize, &Name)| match absent.contains(name) {
        true => (Flag::Absent, None),
        false if i as u64 == nil => (Flag::Nil, Some(Address(*name))),
        false => (Flag::Commit, Some(Address(*name))),
    };
    let members = &chain.sets[&chain.height];
    Block {
        height: chain.height,
        time: time(chain.height),
        set_hash: hash(members),
        proposer: members.first().map(|n| Address(*n)),
        commit: Some(Commit {
            height: chain.height - 1,
            round: 0,
            votes: signed.iter().enumerate().map(vote).collect(),
        }),
        evidence: emitted.evidence,
        claims: Some(Claims {
            liveness: emitted.liveness.iter().map(|(n, c)| (Address(*n), *c)).collect(),
            jailed: emitted.jailed.iter().map(|n| Address(*n)).collect(),
            rotated: emitted.rotated.iter().map(|(a, b)| (Address(*a), Address(*b))).collect(),
            ..Claims::default()
        }),
        ..Block::default()
    }
}

/// Both say the same of everybody in the set.
fn compare(state: &State, chain: &Chain, exact: bool, seed: u64) {
    let windows = state.windows().unwrap_or_else(|| panic!("seed {seed}: no windows at {}", chain.height));
    assert_eq!(windows.height, chain.height, "seed {seed}");
    // Whoever is new in the set of the last block is handled by the next one.
    for name in &chain.sets[&(chain.height - 1)] {
        let Some(info) = chain.infos.get(name) else { continue };
        let what = format!(
            "seed {seed}, SDK 0.{}, height {}, {}",
            chain.version,
            chain.height,
            hex::encode(&name[..8])
        );
        let Some(entry) = windows.entries.get(&Address(*name)) else {
            // In the set, and not handled for the first time yet.
            assert_eq!(info.index_offset, 0, "{what}");
            continue;
        };
        let own = &entry.window;
        assert!(own.at_least() <= info.missed && info.missed <= own.missed, "{what}: {own:?} {info:?}");
        assert_eq!(own.index_offset, info.index_offset, "{what}: {info:?}");
        let jailed = chain.validators.iter().any(|v| v.name == *name && v.jailed);
        if exact {
            assert_eq!(own.missed, info.missed, "{what}");
            assert_eq!(entry.jailed, jailed, "{what}");
            let bits = own.bits.as_ref().unwrap();
            let missed = |slot: &i64| bits.get(usize::try_from(*slot).unwrap());
            let slots: BTreeSet<i64> = (0..200).filter(missed).collect();
            assert_eq!(slots, info.missed_slots, "{what}");
        }
    }
}

/// k* of everybody, against the reference missing every block from now on.
fn foretell(state: &State, chain: &Chain, seed: u64) -> usize {
    let windows = state.windows().unwrap();
    let mut certain = 0;
    // Who has left, or is new, may have bonded again already: the set shows it two blocks later.
    let both = |name: &&Name| chain.sets[&(chain.height - 1)].contains(*name);
    for name in chain.sets[&chain.height].iter().filter(both) {
        let Some(entry) = windows.entries.get(&Address(*name)).filter(|e| !e.jailed) else { continue };
        if chain
            .infos
            .get(name)
            .is_none_or(|info| info.start_height > 0 && info.start_height >= chain.height - 2)
        {
            continue;
        }
        let mut future = chain.clone();
        let jailed = (1..=400).find(|_| {
            future.height += 1;
            let mut emitted = Emitted::default();
            future.handle(name, true, 0, &mut emitted);
            !emitted.jailed.is_empty()
        });
        match to_jail(&entry.window, &windows.params, windows.height) {
            ToJail::Exact { blocks } => {
                assert_eq!(Some(blocks), jailed, "seed {seed}, height {}, {entry:?}", chain.height);
                certain += 1;
            }
            ToJail::AtLeast { blocks } => {
                assert!(jailed.is_none_or(|k| blocks <= k), "seed {seed}: {blocks} > {jailed:?}, {entry:?}");
            }
            ToJail::Never => assert_eq!(jailed, None, "seed {seed}, {entry:?}"),
        }
    }
    certain
}

/// What happened in a history; a test that meets too little proves too little.
#[derive(Debug, Default)]
struct Seen {
    jailed: usize,
    unjailed: usize,
    tombstoned: usize,
    rotated: usize,
    changed: usize,
    foretold: usize,
    whole: usize,
}

fn history(seed: u64, (version, line): (Version, Line), bits: bool, seen: &mut Seen) {
    let mut dice = Dice(seed);
    let names: Vec<Name> = (1..=dice.between(3, 6)).map(name).collect();
    let mut fresh = 100;
    let mut chain = Chain::new(version, &names, dice.between(3, 30), dice.between(0, 100));
    let mut state = State::new();
    let first = block(&chain, &[], &BTreeSet::new(), &Emitted::default(), 9);
    state = feed(state, Event::Block(Block { commit: None, ..first }), &chain).0;
    state = feed(state, Event::Anchor(anchor(&chain, line, bits)), &chain).0;
    let mut down: BTreeSet<Name> = BTreeSet::new();
    let mut stale = 0i64;
    for _ in 0..BLOCKS {
        let signed = chain.sets[&chain.height].clone();
        for name in &signed {
            let toggles = if down.contains(name) { dice.one_in(12) } else { dice.one_in(40) };
            if toggles && !down.remove(name) {
                down.insert(*name);
            }
        }
        let moving = |n: &Name| chain.is_rotating(n) || chain.validators.iter().all(|v| v.name != *n);
        let absent: BTreeSet<Name> =
            signed.iter().filter(|n| !moving(n) && (down.contains(*n) || dice.one_in(15))).copied().collect();
        let guilty = signed.iter().find(|n| !moving(n) && dice.one_in(1500)).copied();
        let now = time(chain.height + 1);
        let mut emitted = chain.begin(now, &absent, guilty);
        seen.jailed += emitted.jailed.len();
        seen.tombstoned += emitted.evidence;
        for v in chain.validators.clone() {
            if v.jailed && dice.one_in(6) && chain.unjail(&v.name, now) {
                seen.unjailed += 1;
            }
            // Who comes back within two blocks has a new start_height before the set shows it: the monitor learns that by a
            // contradiction, so here only those do who cannot be jailed meanwhile.
            let still_in = chain.sets[&chain.height].contains(&v.name) && !v.staked;
            let roomy = chain.window * (100 - chain.min_signed) / 100 >= 4;
            let safe = !still_in || (roomy && chain.infos.get(&v.name).is_some_and(|i| i.missed == 0));
            if safe && dice.one_in(if still_in { 3 } else { 90 }) {
                chain.validator(&v.name).staked ^= chain.validators.iter().filter(|o| o.staked).count() > 1;
            }
            let info = chain.infos.get(&v.name);
            let calm = info.is_some_and(|i| i.missed == 0) && !v.jailed && v.staked;
            let in_set = chain.sets[&chain.height].contains(&v.name) && signed.contains(&v.name);
            if version >= 55 && calm && in_set && !chain.is_rotating(&v.name) && dice.one_in(30) {
                fresh += 1;
                chain.rotate(&v.name, name(fresh));
                seen.rotated += 1;
            }
        }
        if dice.one_in(70) {
            fresh += 1;
            chain.join(name(fresh));
        }
        // Not there and back again before anybody has looked.
        let changes_params = stale == 0 && dice.one_in(50);
        chain.end(&mut emitted);
        let next = block(&chain, &signed, &absent, &emitted, dice.roll(12));
        let (taken, changes) = feed(state, Event::Block(next), &chain);
        state = taken;
        // With counters only, a jailing beside evidence is told apart by the reading that follows.
        let unclear = !bits && emitted.evidence > 0;
        stale = stale.max(i64::from(unclear));
        if stale == 0 {
            let odd =
                changes.iter().find(|c| matches!(c, Change::Contradicted { .. } | Change::Misaligned { .. }));
            assert!(odd.is_none(), "seed {seed}, SDK 0.{version}, height {}: {odd:?}", chain.height);
            compare(&state, &chain, bits, seed);
            if dice.one_in(8) {
                seen.foretold += foretell(&state, &chain, seed);
            }
        }
        if changes_params {
            // Decided at the end of this block; the monitor hears of it some blocks later.
            seen.changed += 1;
            if dice.one_in(2) {
                chain.window = dice.between(3, 40);
            } else {
                chain.min_signed = dice.between(0, 100);
            }
            stale = stale.max(1) + dice.between(0, 3);
        }
        let again = stale > 0 && {
            stale -= 1;
            stale == 0
        };
        // With counters only the monitor reads them again and again.
        if again || (!bits && dice.one_in(10)) {
            let (taken, changes) = feed(state, Event::Anchor(anchor(&chain, line, bits)), &chain);
            state = taken;
            let odd =
                changes.iter().find(|c| matches!(c, Change::Disagreement { .. } | Change::AnchorLost { .. }));
            assert!(odd.is_none(), "seed {seed}, SDK 0.{version}, height {}: {odd:?}", chain.height);
        }
    }
    let windows = state.windows().unwrap();
    seen.whole += windows.entries.values().filter(|e| e.window.bits.is_some()).count();
}

fn seeds() -> Vec<u64> {
    if let Some(seed) = std::env::var("PALISADE_SEED").ok().and_then(|s| s.parse().ok()) {
        return vec![seed];
    }
    let start =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() % 1_000_000_000;
    println!("seeds {}..{}", start * 1000, start * 1000 + HISTORIES);
    (0..HISTORIES).map(|i| start * 1000 + i).collect()
}

#[test]
fn with_bits_every_number_of_every_line_is_that_of_the_rules() {
    let mut seen = Seen::default();
    for seed in seeds() {
        history(seed, LINES[usize::try_from(seed % 7).unwrap()], true, &mut seen);
    }
    println!("{seen:?}");
    if std::env::var_os("PALISADE_SEED").is_none() {
        assert!(seen.jailed > 200 && seen.unjailed > 100 && seen.tombstoned > 10, "too tame: {seen:?}");
        assert!(seen.rotated > 20 && seen.changed > 200 && seen.foretold > 1000, "too tame: {seen:?}");
    }
}

#[test]
fn with_counters_the_bounds_hold_and_the_windows_become_whole() {
    let mut seen = Seen::default();
    for seed in seeds() {
        history(seed, LINES[usize::try_from(seed % 7).unwrap()], false, &mut seen);
    }
    println!("{seen:?}");
    if std::env::var_os("PALISADE_SEED").is_none() {
        assert!(seen.whole > 200 && seen.foretold > 500, "nothing became whole: {seen:?}");
    }
}
