//! Keys and chains that an operator holds back.
//!
//! A pause survives reloads and restarts: whoever paused a key, perhaps because another signer is about to take it over, must not
//! find it signing because the host was rebooted. So the list is a file, and one that cannot be read is a refusal to start.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// What is held.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Paused {
    /// Keys, by their names in the configuration.
    pub keys: BTreeSet<String>,
    /// Chains, by id.
    pub chains: BTreeSet<String>,
}

/// What a pause or a resume is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A key, with every chain that it signs for.
    Key(String),
    /// One chain.
    Chain(String),
}

// === impl Paused ===

impl Paused {
    /// Reads the file's text.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// The file's text.
    pub fn text(&self) -> String {
        serde_json::to_string_pretty(self).expect("two lists of names are JSON") + "\n"
    }

    /// Whether a chain that is signed with this key is held.
    pub fn holds(&self, key: &str, chain: &str) -> bool {
        self.keys.contains(key) || self.chains.contains(chain)
    }

    /// Holds a subject or lets it go; whether that changed anything.
    pub fn set(&mut self, subject: &Subject, held: bool) -> bool {
        let (set, name) = match subject {
            Subject::Key(name) => (&mut self.keys, name),
            Subject::Chain(id) => (&mut self.chains, id),
        };
        if held { set.insert(name.clone()) } else { set.remove(name) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_signs_only_when_neither_it_nor_its_key_is_held() {
        let (key, chain) = (Subject::Key("k".into()), Subject::Chain("c-1".into()));
        let mut paused = Paused::default();
        assert!(!paused.holds("k", "c-1"));
        assert!(paused.set(&key, true) && paused.set(&chain, true) && !paused.set(&chain, true));
        assert!(paused.holds("k", "other") && paused.holds("other", "c-1"));
        assert!(paused.set(&key, false));
        assert!(paused.holds("k", "c-1"), "the chain is still held");
        assert!(paused.set(&chain, false) && !paused.holds("k", "c-1"));
    }

    #[test]
    fn the_file_says_what_is_held_and_nothing_unknown_is_taken_for_it() {
        let mut paused = Paused::default();
        paused.set(&Subject::Key("k".into()), true);
        assert_eq!(Paused::parse(&paused.text()).expect("our own"), paused);
        for bad in ["", "{}", "{\"keys\":[]}", "{\"keys\":[],\"chains\":[],\"more\":1}", "[]"] {
            assert!(Paused::parse(bad).is_err(), "{bad}");
        }
    }
}
