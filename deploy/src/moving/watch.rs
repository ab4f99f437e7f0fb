//! What must hold on the two hosts before, during and after: each check is one question to the [`Facts`].

use super::{Doubt, Facts, Move, SIGN_PATIENCE, Stage};

impl Move {
    /// Before anything: the old host has what it is to give.
    pub(super) fn old_can_give(&mut self, facts: &Facts) -> Stage {
        for chain in &self.order.chains {
            let (Some(key), Some(_)) = (facts.keys.get(&chain.id), facts.marks.get(&chain.id)) else {
                return self.abort(Doubt::OldHasNoMark(chain.id.clone()));
            };
            self.keys.insert(chain.id.clone(), key.clone());
        }
        Stage::LookNew
    }

    /// Before anything: the new host could sign, and does not.
    pub(super) fn new_can_take(&self, facts: &Facts) -> Stage {
        if facts.unit.active != "inactive" && facts.unit.active != "failed"
            || facts.unit.main_pid != 0
            || !facts.processes.is_empty()
        {
            return self.abort(Doubt::NewRuns);
        }
        if facts.unit.load == "not-found" {
            return self.abort(Doubt::NewNotReady("the unit palisade-signer.service is not there".into()));
        }
        if !facts.room {
            return self
                .abort(Doubt::NewNotReady("nothing can be written to /var/lib/palisade-signer".into()));
        }
        for chain in &self.order.chains {
            match facts.keys.get(&chain.id) {
                None => {
                    let why =
                        facts.findings.first().cloned().unwrap_or_else(|| "no signer.toml for it".into());
                    return self.abort(Doubt::NewNotReady(format!("{}: {why}", chain.id)));
                }
                Some(key) if Some(key) != self.keys.get(&chain.id) => {
                    return self.abort(Doubt::OtherKey(chain.id.clone()));
                }
                Some(_) => {}
            }
        }
        Stage::LookChain(0)
    }

    /// The old host: down, masked, without a process and without a line to a node.
    pub(super) fn silent(&self, facts: &Facts) -> Result<(), Doubt> {
        if !matches!(facts.unit.active.as_str(), "inactive" | "failed") || facts.unit.main_pid != 0 {
            return Err(Doubt::OldRuns(format!("the unit is {}", facts.unit.active)));
        }
        if let Some(process) = facts.processes.first() {
            return Err(Doubt::OldRuns(format!("process {process}")));
        }
        if facts.unit.load != "masked" {
            return Err(Doubt::OldRuns(format!("the unit is {}, not masked", facts.unit.load)));
        }
        let ports = self.order.chains.iter().flat_map(|chain| &chain.privval);
        match ports.filter_map(|port| port.parse().ok()).find(|port| facts.connected.contains(port)) {
            Some(port) => Err(Doubt::OldRuns(format!("something is connected with the privval port {port}"))),
            None => Ok(()),
        }
    }

    /// Whether the new host has signed above every mark that it was given.
    pub(super) fn first_signature(&self, asked: u32, silent: bool, facts: &Facts) -> Stage {
        let signed = self.order.chains.iter().all(|chain| {
            let carried = self.carried.get(&chain.id).map(|carried| carried.at);
            facts.marks.get(&chain.id).copied() > carried && carried.is_some()
        });
        match () {
            () if signed && silent => Stage::Done,
            () if asked < SIGN_PATIENCE => Stage::WatchOld(asked + 1),
            () if signed => self.abort(Doubt::OldUnreachable),
            () => self.abort(Doubt::NoSignature),
        }
    }
}
