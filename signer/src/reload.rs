//! From one configuration to the next, without touching what stays the same.
//!
//! [`plan`] compares two configurations that are both good and says what has to be opened, closed and dialled; `io/run`
//! performs it. What one process cannot change without a moment in which two truths hold is refused with the reason, and the old
//! configuration stays whole: a reload happens wholly or not at all.

use std::fmt;

use thiserror::Error;

use crate::config::{ChainConfig, Config, KeyConfig, NodeAddr};

/// What changes. Names are those of the configuration files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Keys to open.
    pub keys_added: Vec<String>,
    /// Keys to let go.
    pub keys_removed: Vec<String>,
    /// Chains whose state is to be opened.
    pub chains_added: Vec<String>,
    /// Chains whose state is to be closed.
    pub chains_removed: Vec<String>,
    /// Chains with other settings: their links are made anew, their state stays open.
    pub chains_changed: Vec<String>,
    /// Nodes to dial, with their chain; also those of added and changed chains.
    pub links_added: Vec<(String, NodeAddr)>,
    /// Nodes to leave, with their chain; also those of removed and changed chains.
    pub links_removed: Vec<(String, NodeAddr)>,
}

/// Why the new configuration needs a restart.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NeedsRestart {
    /// A setting of the whole process.
    #[error("{0} cannot change while the signer runs")]
    Setting(&'static str),
    /// Outside of what the process left itself.
    #[error(
        "{0} is out of this process's reach since it has hardened itself; [harden] can name it beforehand"
    )]
    OutOfReach(String),
    /// The same name for another key.
    #[error(
        "key {0:?} has another backend or place; a key keeps its name for as long as the signer runs (give the new key a new name)"
    )]
    Key(String),
    /// Another guard: whether it may sign was decided by the old one.
    #[error("chain {0:?} changes rpc or doppelganger settings, which count from the next start")]
    Doppelganger(String),
    /// Another place for its mark.
    #[error("chain {0:?} changes its store; a mark does not move while the signer runs")]
    Store(String),
    /// The same chain with another key.
    #[error("chain {chain:?} changes from key {from:?} to key {to:?}; its state belongs to the old one")]
    ChainKey {
        /// The chain.
        chain: String,
        /// Its key now.
        from: String,
        /// Its key in the new file.
        to: String,
    },
}

/// Compares. Both configurations have unique names, which [`Config::parse`] sees to.
pub fn plan(old: &Config, new: &Config) -> Result<Plan, NeedsRestart> {
    settings(old, new)?;
    let mut plan = Plan::default();
    for key in &new.keys {
        match find_key(old, &key.name) {
            None => plan.keys_added.push(key.name.clone()),
            Some(there) if there == key => {}
            Some(_) => return Err(NeedsRestart::Key(key.name.clone())),
        }
    }
    let gone = old.keys.iter().filter(|key| find_key(new, &key.name).is_none());
    plan.keys_removed = gone.map(|key| key.name.clone()).collect();

    for chain in &old.chains {
        if new.chain(&chain.id).is_none() {
            plan.chains_removed.push(chain.id.clone());
            plan.links_removed.extend(links(chain));
        }
    }
    for chain in &new.chains {
        let Some(there) = old.chain(&chain.id) else {
            plan.chains_added.push(chain.id.clone());
            plan.links_added.extend(links(chain));
            continue;
        };
        let (from, to) = (key_name(old, there), key_name(new, chain));
        if from != to {
            return Err(NeedsRestart::ChainKey { chain: chain.id.clone(), from: from.into(), to: to.into() });
        }
        if there.doppelganger != chain.doppelganger {
            return Err(NeedsRestart::Doppelganger(chain.id.clone()));
        }
        if there.store != chain.store {
            return Err(NeedsRestart::Store(chain.id.clone()));
        }
        if !same_settings(there, chain) {
            plan.chains_changed.push(chain.id.clone());
            plan.links_removed.extend(links(there));
            plan.links_added.extend(links(chain));
            continue;
        }
        let missing = |node: &&NodeAddr, from: &[NodeAddr]| !from.contains(node);
        let left = there.nodes.iter().filter(|node| missing(node, &chain.nodes));
        plan.links_removed.extend(left.map(|node| (chain.id.clone(), node.clone())));
        let joined = chain.nodes.iter().filter(|node| missing(node, &there.nodes));
        plan.links_added.extend(joined.map(|node| (chain.id.clone(), node.clone())));
    }
    Ok(plan)
}

/// The plan of a signer that starts: all of it is new.
pub fn everything(config: &Config) -> Plan {
    Plan {
        keys_added: config.keys.iter().map(|key| key.name.clone()).collect(),
        chains_added: config.chains.iter().map(|chain| chain.id.clone()).collect(),
        links_added: config.chains.iter().flat_map(links).collect(),
        ..Plan::default()
    }
}

/// What belongs to the process as a whole. Everything but keys and chains is compared, so that a setting that is added to
/// [`Config`] one day is never ignored by a reload in silence.
fn settings(old: &Config, new: &Config) -> Result<(), NeedsRestart> {
    let Config { state_dir, listen, audit_log, admin, harden, keys: _, chains: _ } = old;
    if *state_dir != new.state_dir {
        return Err(NeedsRestart::Setting("state_dir"));
    }
    if *listen != new.listen {
        return Err(NeedsRestart::Setting("listen"));
    }
    if *audit_log != new.audit_log {
        return Err(NeedsRestart::Setting("audit_log"));
    }
    if *admin != new.admin {
        return Err(NeedsRestart::Setting("[admin]"));
    }
    if *harden != new.harden {
        return Err(NeedsRestart::Setting("[harden]"));
    }
    Ok(())
}

/// Whether a chain differs in nothing but its nodes and the place of its key in the file.
fn same_settings(one: &ChainConfig, two: &ChainConfig) -> bool {
    ChainConfig { nodes: two.nodes.clone(), key: two.key, ..one.clone() } == *two
}

fn find_key<'a>(config: &'a Config, name: &str) -> Option<&'a KeyConfig> {
    config.keys.iter().find(|key| key.name == name)
}

fn key_name<'a>(config: &'a Config, chain: &ChainConfig) -> &'a str {
    &config.keys[chain.key].name
}

fn links(chain: &ChainConfig) -> impl Iterator<Item = (String, NodeAddr)> {
    chain.nodes.iter().map(|node| (chain.id.clone(), node.clone()))
}

// === impl Plan ===

impl Plan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("nothing changed");
        }
        let name = |name: &String| name.clone();
        let link = |(chain, node): &(String, NodeAddr)| format!("{chain} {node}");
        let groups: [(&str, Vec<String>); 7] = [
            ("key added", self.keys_added.iter().map(name).collect()),
            ("key removed", self.keys_removed.iter().map(name).collect()),
            ("chain added", self.chains_added.iter().map(name).collect()),
            ("chain removed", self.chains_removed.iter().map(name).collect()),
            ("chain changed", self.chains_changed.iter().map(name).collect()),
            ("link added", self.links_added.iter().map(link).collect()),
            ("link removed", self.links_removed.iter().map(link).collect()),
        ];
        let said: Vec<_> = groups
            .into_iter()
            .flat_map(|(what, names)| names.into_iter().map(move |name| format!("{what}: {name}")))
            .collect();
        f.write_str(&said.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    const OLD: &str = "state_dir = 's'\nlisten = '127.0.0.1:0'\n\
        [[key]]\nname = 'a'\nbackend = 'softsign'\npath = 'a.json'\n\
        [[key]]\nname = 'b'\nbackend = 'softsign'\npath = 'b.json'\n\
        [[chain]]\nid = 'one-1'\nkey = 'a'\nnodes = ['tcp://h:1', 'tcp://h:2']\n\
        [[chain]]\nid = 'two-1'\nkey = 'b'\nnodes = ['tcp://h:3']\n";

    fn planned(new: &str) -> Result<String, String> {
        let read = |text| Config::parse(text, Path::new("/etc")).expect("good");
        plan(&read(OLD), &read(new)).map(|plan| plan.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn what_changes_is_named_and_nothing_else() {
        let third = "[[key]]\nname = 'c'\nbackend = 'softsign'\npath = 'c.json'\n\
            [[chain]]\nid = 'three-1'\nkey = 'c'\nnodes = ['tcp://h:9']\n";
        let cases = [
            (OLD.to_owned(), "nothing changed"),
            (
                OLD.replace("'tcp://h:2'", "'tcp://h:4'"),
                "link added: one-1 tcp://h:4, link removed: one-1 tcp://h:2",
            ),
            (OLD.replace(", 'tcp://h:2'", ""), "link removed: one-1 tcp://h:2"),
            (format!("{OLD}{third}"), "key added: c, chain added: three-1, link added: three-1 tcp://h:9"),
            (
                OLD.split("[[chain]]\nid = 'two-1'").next().expect("some").to_owned(),
                "chain removed: two-1, link removed: two-1 tcp://h:3",
            ),
            // A chain that takes over a node from another.
            (
                OLD.replace(", 'tcp://h:2'", "").replace("'tcp://h:3'", "'tcp://h:3', 'tcp://h:2'"),
                "link added: two-1 tcp://h:2, link removed: one-1 tcp://h:2",
            ),
        ];
        for (new, said) in cases {
            assert_eq!(planned(&new), Ok(said.into()), "{new}");
        }
    }

    #[test]
    fn the_order_of_the_file_means_nothing() {
        let (head, rest) = OLD.split_once("[[key]]\nname = 'a'").expect("there");
        let (a, rest) = rest.split_once("[[key]]").expect("there");
        let (b, chains) = rest.split_once("[[chain]]").expect("there");
        let turned = format!("{head}[[key]]{b}[[key]]\nname = 'a'{a}[[chain]]{chains}");
        assert_eq!(planned(&turned), Ok("nothing changed".into()));
    }

    #[test]
    fn what_needs_a_restart_is_refused_with_the_reason() {
        let cases = [
            (OLD.replace("state_dir = 's'", "state_dir = 't'"), "state_dir cannot change"),
            (OLD.replace("127.0.0.1:0", "127.0.0.1:1"), "listen cannot change"),
            (
                OLD.replace("id = 'one-1'", "id = 'one-1'\nrpc = ['http://h:9']\ndoppelganger_blocks = 5"),
                "chain \"one-1\" changes rpc or doppelganger settings",
            ),
            (OLD.replace("a.json", "c.json"), "key \"a\" has another backend or place"),
            (OLD.replace("key = 'b'", "key = 'a'"), "chain \"two-1\" changes from key \"b\" to key \"a\""),
        ];
        for (new, said) in cases {
            let error = planned(&new).expect_err("refused");
            assert!(error.contains(said), "{error}");
        }
    }
}
