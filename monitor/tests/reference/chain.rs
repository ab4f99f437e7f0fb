//! x/slashing, x/staking and x/evidence of every SDK line, written down as plainly as the rules are told in
//! spec/slashing.md §1 to §5, and with nothing from the product: what the monitor computes is held against this.

use std::collections::{BTreeMap, BTreeSet};

/// SDK minor version: 39, 42, 45, 46, 47, 50, 55.
pub(crate) type Version = u32;
pub(crate) type Name = [u8; 20];

#[derive(Clone, Debug)]
pub(crate) struct Info {
    pub(crate) start_height: i64,
    pub(crate) index_offset: i64,
    pub(crate) missed: i64,
    pub(crate) missed_slots: BTreeSet<i64>,
    pub(crate) jailed_until: Option<i64>,
    pub(crate) tombstoned: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Validator {
    pub(crate) name: Name,
    pub(crate) jailed: bool,
    /// Wants to be in the set, and has the stake.
    pub(crate) staked: bool,
    bonded: bool,
    rotates: Option<(i64, Name)>,
}

/// What a block's events say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Emitted {
    pub(crate) liveness: Vec<(Name, i64)>,
    pub(crate) jailed: Vec<Name>,
    pub(crate) rotated: Vec<(Name, Name)>,
    pub(crate) evidence: usize,
}

#[derive(Clone, Debug)]
pub(crate) struct Chain {
    pub(crate) version: Version,
    pub(crate) height: i64,
    pub(crate) window: i64,
    /// In hundredths.
    pub(crate) min_signed: i64,
    pub(crate) jail_time: i64,
    pub(crate) validators: Vec<Validator>,
    pub(crate) infos: BTreeMap<Name, Info>,
    /// Members by height.
    pub(crate) sets: BTreeMap<i64, Vec<Name>>,
}

impl Chain {
    pub(crate) fn new(version: Version, names: &[Name], window: i64, min_signed: i64) -> Self {
        let validator =
            |name: &Name| Validator { name: *name, jailed: false, staked: true, bonded: true, rotates: None };
        let info = Info {
            start_height: 0,
            index_offset: 0,
            missed: 0,
            missed_slots: BTreeSet::new(),
            jailed_until: None,
            tombstoned: false,
        };
        let sets = [1, 2, 3].map(|height| (height, names.to_vec())).into();
        Self {
            version,
            height: 1,
            window,
            min_signed,
            jail_time: 5_000_000_000,
            validators: names.iter().map(validator).collect(),
            infos: names.iter().map(|name| (*name, info.clone())).collect(),
            sets,
        }
    }

    pub(crate) fn validator(&mut self, name: &Name) -> &mut Validator {
        self.validators.iter_mut().find(|v| v.name == *name).expect("a known validator")
    }

    fn is_jailed(&self, name: &Name) -> bool {
        self.validators.iter().any(|v| v.name == *name && v.jailed)
    }

    /// Block `height + 1`; `absent` missed the height before, `guilty` is shown to have signed twice. What is done by
    /// transactions comes from the caller, between this and [`Self::end`].
    pub(crate) fn begin(&mut self, time: i64, absent: &BTreeSet<Name>, guilty: Option<Name>) -> Emitted {
        self.height += 1;
        let mut emitted = Emitted::default();
        for name in self.sets[&(self.height - 1)].clone() {
            self.handle(&name, absent.contains(&name), time, &mut emitted);
        }
        if let Some(name) = guilty.filter(|n| !self.infos[n].tombstoned) {
            emitted.evidence = 1;
            let info = self.infos.get_mut(&name).expect("it has an info");
            info.tombstoned = true;
            info.jailed_until = None;
            if !self.is_jailed(&name) {
                emitted.jailed.push(name);
                self.validator(&name).jailed = true;
            }
        }
        emitted
    }

    /// One call of HandleValidatorSignature.
    pub(crate) fn handle(&mut self, name: &Name, missed: bool, time: i64, emitted: &mut Emitted) {
        let jailed = self.is_jailed(name);
        if self.version >= 47 && jailed {
            return;
        }
        let info = self.infos.get_mut(name).expect("it has an info");
        let index = info.index_offset % self.window;
        info.index_offset += 1;
        let previous = info.missed_slots.contains(&index);
        if !previous && missed {
            info.missed_slots.insert(index);
            info.missed += 1;
        }
        if previous && !missed {
            info.missed_slots.remove(&index);
            info.missed -= 1;
        }
        if missed {
            emitted.liveness.push((*name, info.missed));
        }
        // Half to even of min_signed * window / 100.
        let product = self.min_signed * self.window;
        let (whole, rest) = (product / 100, product % 100);
        let signed = if rest > 50 || (rest == 50 && whole % 2 == 1) { whole + 1 } else { whole };
        if self.height > info.start_height + self.window && info.missed > self.window - signed && !jailed {
            info.jailed_until = Some(time + self.jail_time);
            info.missed = 0;
            info.index_offset = 0;
            info.missed_slots.clear();
            emitted.jailed.push(*name);
            self.validator(name).jailed = true;
        }
    }

    /// MsgUnjail; whether it was taken.
    pub(crate) fn unjail(&mut self, name: &Name, time: i64) -> bool {
        let info = &self.infos[name];
        let may = !info.tombstoned && info.jailed_until.is_none_or(|until| time >= until);
        let validator = self.validator(name);
        if may && validator.jailed {
            validator.jailed = false;
            return true;
        }
        false
    }

    /// MsgRotateConsPubKey (0.55): in the set from the second height on, in x/slashing at the end of that block.
    pub(crate) fn rotate(&mut self, name: &Name, new: Name) {
        let apply = self.height + 2;
        self.validator(name).rotates = Some((apply, new));
    }

    pub(crate) fn is_rotating(&self, name: &Name) -> bool {
        self.validators.iter().any(|v| v.name == *name && v.rotates.is_some())
    }

    /// EndBlock: rotations that are due, bondings, and the set of two heights later.
    pub(crate) fn end(&mut self, emitted: &mut Emitted) {
        let height = self.height;
        for v in &mut self.validators {
            if let Some((_, new)) = v.rotates.filter(|(apply, _)| *apply == height) {
                let info = self.infos.remove(&v.name).expect("it has an info");
                self.infos.insert(new, info);
                emitted.rotated.push((v.name, new));
                v.name = new;
                v.rotates = None;
            }
        }
        let mut set = Vec::new();
        for v in &mut self.validators {
            let bonded = v.staked && !v.jailed;
            if bonded && !v.bonded {
                match self.infos.get_mut(&v.name) {
                    Some(info) if self.version >= 46 => info.start_height = height,
                    Some(_) => {}
                    None => {
                        let info = Info {
                            start_height: height,
                            index_offset: 0,
                            missed: 0,
                            missed_slots: BTreeSet::new(),
                            jailed_until: None,
                            tombstoned: false,
                        };
                        self.infos.insert(v.name, info);
                    }
                }
            }
            v.bonded = bonded;
            if bonded {
                set.push(v.rotates.map_or(v.name, |(_, new)| new));
            }
        }
        self.sets.insert(height + 2, set);
        self.sets.retain(|h, _| *h >= height - 2);
    }

    /// A validator that has never been on the chain.
    pub(crate) fn join(&mut self, name: Name) {
        self.validators.push(Validator { name, jailed: false, staked: true, bonded: false, rotates: None });
    }
}
