//! What a `tmkms.toml` becomes: a `signer.toml`, a list of what is different now, and the commands to type next.
//!
//! Keys and marks are not touched here: each has a command that shows the public key and asks. What cannot be carried is said
//! instead of being guessed, and what prevents a double sign never gets weaker on the way.

use std::{collections::HashSet, fmt::Write as _, path::Path};

use super::{Adapter, Chain, MaxHeight, Purpose, Softsign, Tmkms, Validator, YubiHsm};
use crate::{config::Connector, yubihsm::roles::SIGNERS};

/// What came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    /// A `signer.toml`.
    pub config: String,
    /// What an operator has to know.
    pub findings: Vec<Finding>,
    /// What to type next, in this order.
    pub commands: Vec<String>,
}

/// One thing that is not as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Whether something is missing in the new file until a person acts.
    pub missing: bool,
    /// In words.
    pub what: String,
}

struct Key {
    name: String,
    chains: Vec<String>,
    toml: String,
}

#[derive(Default)]
struct Notes(Vec<Finding>);

impl Notes {
    fn differs(&mut self, what: String) {
        self.0.push(Finding { missing: false, what });
    }

    fn lacks(&mut self, what: String) {
        self.0.push(Finding { missing: true, what });
    }
}

/// Carries a file over; its relative paths are relative to `cwd`, the directory that tmkms was started in.
pub fn carry(old: &Tmkms, cwd: &Path) -> Carried {
    let mut notes = Notes::default();
    let mut commands =
        vec!["systemctl disable --now tmkms   # or however it runs; it must not start again".to_owned()];
    let mut config = String::from(
        "state_dir = \"state\"                 # relative paths are relative to this file\n\
         listen = \"127.0.0.1:26661\"          # /metrics /livez /readyz\n",
    );
    let mut keys = Vec::new();
    for softsign in &old.providers.softsign {
        softsign_key(softsign, old, cwd, &mut keys, &mut notes, &mut commands);
    }
    for (at, hsm) in old.providers.yubihsm.iter().enumerate() {
        hsm_keys(at, hsm, cwd, &mut keys, &mut notes);
    }
    for (providers, name, instead) in [
        (
            &old.providers.ledgertm,
            "ledgertm",
            "a Ledger's key cannot leave it, so this validator needs a new consensus key",
        ),
        (
            &old.providers.fortanixdsm,
            "fortanixdsm",
            "if its PKCS#11 module has the key, backend = \"pkcs11\" may reach it",
        ),
    ] {
        if !providers.is_empty() {
            notes.lacks(format!("providers.{name} is not supported and was left out; {instead}"));
        }
    }
    let mut used = HashSet::new();
    let mut chains = String::new();
    for chain in &old.chain {
        if let Some((toml, key)) = one_chain(chain, old, &keys, cwd, &mut notes, &mut commands) {
            chains += &toml;
            used.insert(key);
        }
    }
    for validator in &old.validator {
        if !old.chain.iter().any(|chain| chain.id == validator.chain_id) {
            notes.lacks(format!(
                "validator of chain {:?}, which has no [[chain]], was left out",
                validator.chain_id
            ));
        }
    }
    for key in keys.iter().filter(|key| used.contains(&key.name)) {
        config += &key.toml;
    }
    config += &chains;
    if old.validator.iter().any(|validator| validator.secret_key.is_some()) {
        notes.differs(
            "secret_key is dropped: the signer makes an identity of its own, which no node checks over tcp://".into(),
        );
    }
    commands.push("palisade-signer check --config signer.toml".into());
    Carried { config, findings: notes.0, commands }
}

fn softsign_key(
    softsign: &Softsign,
    old: &Tmkms,
    cwd: &Path,
    keys: &mut Vec<Key>,
    notes: &mut Notes,
    commands: &mut Vec<String>,
) {
    let Softsign { chain_ids, key_type, _format: _, path } = softsign;
    if *key_type == Purpose::Account {
        return notes.differs(format!("account key {} is left out: nodes do not ask for it", path.display()));
    }
    let from = absolute(path, cwd, "providers.softsign path", notes);
    let name = free_name(chain_ids.first().map_or("key", String::as_str), keys);
    let prefix = chain_ids.iter().find_map(|id| prefix(old.chain.iter().find(|chain| chain.id == *id)?));
    let prefix = prefix.map_or_else(String::new, |prefix| format!(" --prefix {}", quoted(prefix)));
    let to = format!("keys/{name}.json");
    commands.push(format!("palisade-signer key import {} {}{prefix}", quoted(&from), quoted(&to)));
    let toml = format!("\n[[key]]\nname = {name:?}\nbackend = \"softsign\"\npath = {to:?}\n");
    keys.push(Key { name, chains: chain_ids.clone(), toml });
}

fn hsm_keys(at: usize, hsm: &YubiHsm, cwd: &Path, keys: &mut Vec<Key>, notes: &mut Notes) {
    let YubiHsm { adapter, auth, keys: stored, serial_number, connector_server } = hsm;
    let serial: Option<u32> = serial_number.as_ref().and_then(|serial| serial.parse().ok());
    let connector = match (adapter, serial) {
        (Adapter::Usb { .. }, Some(serial)) => format!("usb:{serial}"),
        (Adapter::Usb { .. }, None) => "usb".into(),
        (Adapter::Http { addr }, _) => addr.replacen("tcp://", "http://", 1),
    };
    if let Err(why) = Connector::parse(&connector, cwd) {
        return notes.lacks(format!("providers.yubihsm at {connector:?} was left out: {why}"));
    }
    let auth_key = if auth.key == 1 {
        notes.lacks(
            "tmkms signed with authentication key 1, the factory's, which may do everything and is refused here; make one \
             that may only sign (palisade-signer yubihsm setup, or your own with sign-eddsa and get-log-entries), put its id \
             at auth_key, and delete key 1"
                .into(),
        );
        SIGNERS + 1
    } else {
        auth.key
    };
    let password = match &auth.password_file {
        Some(path) if auth.key != 1 => absolute(path, cwd, "providers.yubihsm password_file", notes),
        _ => "secrets/hsm.password".into(),
    };
    if auth.password.is_some() {
        notes.lacks(format!(
            "the password of the HSM is written in tmkms.toml; write it to {password} (mode 0600) and consider it known to \
             whoever read that file or its backups"
        ));
    }
    let served = connector_server.as_ref().and_then(|server| {
        let address = server.laddr.trim_start_matches("tcp://").to_owned();
        match Connector::parse_listen(&address, cwd) {
            Ok(_) => Some(format!("connector_listen = {address:?}\n")),
            Err(why) => {
                notes.lacks(format!("connector_server at {address:?} was left out: {why}"));
                None
            }
        }
    });
    let log = serial.map_or_else(|| format!("hsm{at}"), |serial| serial.to_string());
    let mut first = true;
    for key in stored {
        if key.purpose == Purpose::Account {
            notes.differs(format!("account key {} of the HSM is left out: nodes do not ask for it", key.key));
            continue;
        }
        let name = free_name(key.chain_ids.first().map_or("hsm", String::as_str), keys);
        let mut toml = format!(
            "\n[[key]]\nname = {name:?}\nbackend = \"yubihsm\"\nconnector = {connector:?}\nauth_key = {auth_key}\n\
             password_file = {password:?}            # mode 0600\nkey_id = {}\naudit_log = \"audit/{log}.log\"\n",
            key.key
        );
        // One process serves a device once.
        if let (true, Some(served)) = (first, &served) {
            toml += served;
        }
        first = false;
        keys.push(Key { name, chains: key.chain_ids.clone(), toml });
    }
}

/// The chain's table, and the name of its key.
fn one_chain(
    chain: &Chain,
    old: &Tmkms,
    keys: &[Key],
    cwd: &Path,
    notes: &mut Notes,
    commands: &mut Vec<String>,
) -> Option<(String, String)> {
    let id = &chain.id;
    let mut of_chain = keys.iter().filter(|key| key.chains.contains(id));
    let Some(key) = of_chain.next() else {
        notes.lacks(format!("chain {id:?} was left out: no supported provider has a consensus key for it"));
        return None;
    };
    for other in of_chain {
        notes.lacks(format!(
            "chain {id:?} has the keys {:?} and {:?}; the first was taken, so make sure that it is the validator's",
            key.name, other.name
        ));
    }
    let validators: Vec<_> = old.validator.iter().filter(|validator| validator.chain_id == *id).collect();
    let mut nodes = Vec::new();
    for validator in &validators {
        let node = node(validator, cwd, notes);
        if nodes.contains(&node) {
            notes.differs(format!("chain {id:?}: node {node} was there twice"));
        } else {
            nodes.push(node);
        }
    }
    if nodes.is_empty() {
        notes.lacks(format!("chain {id:?} was left out: no [[validator]] names a node of it"));
        return None;
    }
    let mut toml = format!("\n[[chain]]\nid = {id:?}\nkey = {:?}\nnodes = {nodes:?}\n", key.name);
    match max_height(&validators) {
        Ok(Some(height)) => drop(writeln!(toml, "max_height = {height}")),
        Ok(None) => {}
        Err(text) => {
            notes.lacks(format!("chain {id:?}: max_height {text:?} is no height and was left out"));
        }
    }
    if !chain.sign_extensions {
        notes.differs(format!(
            "chain {id:?}: sign_extensions was false; here extensions are signed whenever a node (CometBFT 0.38 and later) \
             asks, as its blocks need them"
        ));
    }
    if chain.state_hook.is_some() {
        notes.differs(format!(
            "chain {id:?}: state_hook is dropped; rpc and doppelganger_blocks look at the chain before the first signature"
        ));
    }
    let state = chain.state_file.clone().unwrap_or_else(|| format!("{id}_priv_validator_state.json").into());
    let state = absolute(&state, cwd, &format!("state_file of chain {id:?}"), notes);
    let prefix = prefix(chain).map_or_else(String::new, |prefix| format!(" --prefix {}", quoted(prefix)));
    commands.push(format!(
        "palisade-signer state import --config signer.toml --chain {} --i-stopped-the-old-signer{prefix} {}",
        quoted(id),
        quoted(&state)
    ));
    Some((toml, key.name.clone()))
}

fn node(validator: &Validator, cwd: &Path, notes: &mut Notes) -> String {
    let Validator { addr, chain_id: _, reconnect, timeout, secret_key: _, max_height: _, protocol_version } =
        validator;
    let address = match addr.strip_prefix("unix://") {
        Some(path) => format!("unix://{}", absolute(Path::new(path), cwd, "validator addr", notes)),
        None => {
            let address = addr.strip_prefix("tcp://").unwrap_or(addr);
            let address = address.rsplit_once('@').map_or(address, |(peer, address)| {
                notes.differs(format!(
                    "peer id {peer} of {address} is dropped: a node makes a fresh key for its listener at every start, so it \
                     never proved anything; use a firewall, WireGuard, or noise:// with CometBFT 0.40"
                ));
                address
            });
            format!("tcp://{address}")
        }
    };
    if !reconnect {
        notes.differs(format!(
            "reconnect = false of {address} is dropped: lost links are always dialled anew"
        ));
    }
    if timeout.is_some() {
        notes.differs(format!(
            "timeout of {address} is dropped: a silent node is left after the time that its pings allow"
        ));
    }
    if protocol_version.as_ref().is_some_and(|version| !matches!(version.as_str(), "v0.34" | "v0.38")) {
        notes.lacks(format!(
            "protocol_version of {address}: if that node really is Tendermint 0.33, write {{ addr = \"{address}\", protocol = \
             \"0.33\" }}; every later line needs nothing"
        ));
    }
    address
}

/// The lowest, as one chain has one.
fn max_height(validators: &[&Validator]) -> Result<Option<i64>, String> {
    let heights = validators.iter().filter_map(|validator| validator.max_height.as_ref());
    let heights = heights.map(|height| match height {
        MaxHeight::Number(number) if *number > 0 => Ok(*number),
        MaxHeight::Number(number) => Err(number.to_string()),
        MaxHeight::Text(text) => text.parse().ok().filter(|height| *height > 0).ok_or_else(|| text.clone()),
    });
    Ok(heights.collect::<Result<Vec<i64>, _>>()?.into_iter().min())
}

fn absolute(path: &Path, cwd: &Path, what: &str, notes: &mut Notes) -> String {
    if path.is_relative() {
        notes.differs(format!(
            "{what} {} is relative to the directory that tmkms was started in; taken as {}",
            path.display(),
            cwd.join(path).display()
        ));
    }
    cwd.join(path).display().to_string()
}

/// `cosmos` of `cosmosvalconspub`; nothing where the chain shows its keys in another way.
fn prefix(chain: &Chain) -> Option<&str> {
    chain
        .key_format
        .consensus_key_prefix
        .as_deref()?
        .strip_suffix("valconspub")
        .filter(|prefix| !prefix.is_empty())
}

/// A name that is a file name and no other key has.
fn free_name(wanted: &str, keys: &[Key]) -> String {
    let name: String =
        wanted.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect();
    let taken = |name: &str| keys.iter().any(|key| key.name == name);
    let more = (2..).map(|n| format!("{name}-{n}"));
    std::iter::once(name.clone())
        .chain(more)
        .find(|name| !taken(name))
        .expect("there are more numbers than keys")
}

/// For a shell.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-@:+=,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.into()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}
