//! What other monitors' configurations say, as `monitor.toml`: chains, endpoints and own validators.
//!
//! Every setting that has no place here is named, and whatever may be a secret is not repeated: it has to go into a file of
//! its own. Nothing is guessed; what the other configuration does not hold is named as well.

use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A part of a URL's path that is this long and has no other purpose is taken for a key.
const KEY: usize = 20;

/// Why a configuration cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// Not YAML.
    #[error(
        "{file}: {reason}\ntry: the file that tenderduty runs with; an encrypted one has to be decrypted first"
    )]
    Yaml {
        /// Which file.
        file: String,
        /// Parser's words.
        reason: String,
    },
    /// Not TOML.
    #[error("{file}: {reason}\ntry: the file that missed-blocks-checker runs with")]
    Toml {
        /// Which file.
        file: String,
        /// Parser's words.
        reason: String,
    },
    /// No chain in it.
    #[error("{0}: there is no chain in it\ntry: name the directory chains.d as well")]
    NoChain(String),
}

/// The result.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Migrated {
    /// `monitor.toml`.
    pub text: String,
    /// What differs or is missing.
    pub notes: Vec<String>,
}

#[derive(Default)]
struct Chain {
    rpc: Vec<String>,
    rest: Vec<String>,
    watch: Vec<String>,
}

/// tenderduty's `config.yml`, with the files of `chains.d` by name (one chain each).
pub fn tenderduty(file: &str, text: &str, chains_d: &[(String, String)]) -> Result<Migrated, MigrateError> {
    let mut notes = Vec::new();
    let main = yaml(file, text)?;
    let mut found: Vec<(String, Map<String, Value>)> = Vec::new();
    for (key, value) in &main {
        match (key.as_str(), value) {
            ("chains", Value::Object(chains)) => {
                found.extend(chains.iter().filter_map(|(n, c)| Some((n.clone(), c.as_object()?.clone()))));
            }
            (
                "chains"
                | "listen_port"
                | "enable_dashboard"
                | "prometheus_enabled"
                | "prometheus_listen_port",
                _,
            ) => {}
            (
                "pagerduty" | "discord" | "telegram" | "slack" | "webhook" | "healthcheck",
                Value::Object(channel),
            ) => {
                if is_true(channel.get("enabled")) {
                    notes.push(format!(
                        "{key}: is enabled; its address and token are secrets and not repeated here: put each into a file and name it in the alerts' section"
                    ));
                }
            }
            (key, value) => notes.push(left_out(key, value)),
        }
    }
    for (name, text) in chains_d {
        found.push((name.clone(), yaml(name, text)?));
    }
    let mut chains = BTreeMap::<String, Chain>::new();
    for (name, chain) in found {
        let Some(id) = chain.get("chain_id").and_then(Value::as_str) else {
            notes.push(format!("chain {name:?}: has no chain_id, left out"));
            continue;
        };
        let entry = chains.entry(id.into()).or_default();
        for (key, value) in &chain {
            match (key.as_str(), value) {
                ("chain_id", _) => {}
                ("valoper_address", Value::String(who)) => push(&mut entry.watch, who),
                ("valcons_override", Value::String(who)) if who.is_empty() => {}
                ("valcons_override", Value::String(who)) => push(&mut entry.watch, who),
                ("nodes", Value::Array(nodes)) => {
                    let urls = nodes.iter().filter_map(|n| n.get("url").and_then(Value::as_str));
                    urls.for_each(|url| push(&mut entry.rpc, url));
                }
                ("public_fallback", value) if !is_true(Some(value)) => {}
                ("public_fallback", _) => {
                    notes.push(format!(
                        "chain {id}: public_fallback: name public endpoints under rpc yourself"
                    ));
                }
                ("alerts", Value::Object(alerts)) => {
                    let set: Vec<_> = alerts.keys().map(String::as_str).collect();
                    notes.push(format!(
                        "chain {id}: alerts: left out, the default rules go by blocks and seconds to jail; it had {}",
                        set.join(", ")
                    ));
                }
                (key, value) => notes.push(format!("chain {id}: {}", left_out(key, value))),
            }
        }
    }
    let listen = main.get("listen_port").and_then(Value::as_u64).unwrap_or(9464);
    if is_true(main.get("prometheus_enabled")) {
        notes.push(format!(
            "prometheus_listen_port: page and metrics share one address here, http://127.0.0.1:{listen}/metrics"
        ));
    }
    write(file, listen, chains, notes)
}

/// missed-blocks-checker's `config.toml`.
pub fn missed_blocks_checker(file: &str, text: &str) -> Result<Migrated, MigrateError> {
    #[derive(Deserialize)]
    struct Raw {
        #[serde(default)]
        chains: Vec<Map<String, Value>>,
        #[serde(flatten)]
        other: Map<String, Value>,
    }
    let raw: Raw = toml::from_str(text)
        .map_err(|e| MigrateError::Toml { file: file.into(), reason: e.message().to_owned() })?;
    let mut notes = Vec::new();
    let mut listen = 9464;
    for (key, value) in &raw.other {
        match key.as_str() {
            "metrics" => {
                let address = value.get("listen-addr").and_then(Value::as_str).unwrap_or_default();
                listen = address.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or(listen);
            }
            "database" => notes.push("database: left out, the history is kept in data_dir".into()),
            key => notes.push(left_out(key, value)),
        }
    }
    let mut chains = BTreeMap::<String, Chain>::new();
    for chain in raw.chains {
        let Some(name) = chain.get("name").and_then(Value::as_str) else {
            notes.push("a chain without a name is left out".into());
            continue;
        };
        notes.push(format!(
            "chain {name}: its chain id is not in the file: replace id = {name:?} (`palisade-monitor check` tells it)"
        ));
        notes.push(format!(
            "chain {name}: no own validators are in the file: add them to watch; all are shown"
        ));
        let entry = chains.entry(name.into()).or_default();
        let list = |value: &Value| -> Vec<String> {
            let all = value.as_array().into_iter().flatten();
            all.filter_map(|v| v.as_str().map(Into::into)).collect()
        };
        for (key, value) in &chain {
            match key.as_str() {
                "name" => {}
                "rpc-endpoints" => list(value).iter().for_each(|url| push(&mut entry.rpc, url)),
                "lcd-endpoints" => list(value).iter().for_each(|url| push(&mut entry.rest, url)),
                "telegram" | "discord" => notes.push(format!(
                    "chain {name}: {key}: its token is a secret and not repeated here: put it into a file and name it in the alerts' section"
                )),
                key => notes.push(format!("chain {name}: {}", left_out(key, value))),
            }
        }
    }
    write(file, listen, chains, notes)
}

fn yaml(file: &str, text: &str) -> Result<Map<String, Value>, MigrateError> {
    serde_saphyr::from_str(text).map_err(|e| {
        // The parser's words may quote the line, and the line may hold a secret.
        let reason = e.to_string().lines().next().unwrap_or_default().chars().take(120).collect();
        MigrateError::Yaml { file: file.into(), reason }
    })
}

fn is_true(value: Option<&Value>) -> bool {
    match value {
        Some(Value::Bool(set)) => *set,
        Some(Value::String(word)) => matches!(word.to_lowercase().as_str(), "yes" | "true" | "on"),
        _ => false,
    }
}

/// Names a setting; its value only where it is a number or a switch.
fn left_out(key: &str, value: &Value) -> String {
    match value {
        Value::Bool(_) | Value::Number(_) => format!("{key} = {value}: has no place here, left out"),
        _ => format!("{key}: has no place here, left out"),
    }
}

fn push(list: &mut Vec<String>, item: &str) {
    if !item.is_empty() && !list.iter().any(|known| known == item) {
        list.push(item.into());
    }
}

fn write(
    file: &str,
    listen: u64,
    chains: BTreeMap<String, Chain>,
    mut notes: Vec<String>,
) -> Result<Migrated, MigrateError> {
    if chains.is_empty() {
        return Err(MigrateError::NoChain(file.into()));
    }
    let mut text = format!("listen = \"127.0.0.1:{listen}\"\ndata_dir = \"data\"\n");
    notes.push(format!(
        "listen: 127.0.0.1:{listen}; what should be reached from elsewhere needs [page] with TLS and a token"
    ));
    for (id, chain) in chains {
        let _ = write!(text, "\n[[chain]]\nid = {}\n", quoted(&id));
        if chain.rpc.is_empty() {
            notes.push(format!("chain {id}: has no node; add rpc = [\"http://…\"]"));
        }
        for (key, urls) in [("rpc", &chain.rpc), ("rest", &chain.rest)] {
            if urls.is_empty() && key == "rest" {
                continue;
            }
            let _ = writeln!(text, "{key} = [");
            for (at, url) in urls.iter().enumerate() {
                let (line, secret) = endpoint(url, &format!("{id}-{key}-{}.token", at + 1));
                let _ = writeln!(text, "  {line},");
                if let Some(note) = secret {
                    notes.push(format!("chain {id}: {note}"));
                }
            }
            let _ = writeln!(text, "]");
        }
        let watch: Vec<_> = chain.watch.iter().map(|w| quoted(w)).collect();
        let _ = writeln!(text, "watch = [{}]", watch.join(", "));
    }
    Ok(Migrated { text, notes })
}

/// A URL as an endpoint, without the secrets that it may hold.
fn endpoint(url: &str, token_file: &str) -> (String, Option<String>) {
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let (place, query) = rest.split_once('?').map_or((rest, None), |(p, q)| (p, Some(q)));
    let (authority, path) = place.split_once('/').map_or((place, ""), |(a, p)| (a, p));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let is_key = |part: &str| {
        part.len() >= KEY && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
    };
    let mut inside = false;
    let parts: Vec<_> = path
        .split('/')
        .map(|part| {
            if inside || !is_key(part) {
                return part;
            }
            inside = true;
            "{token}"
        })
        .collect();
    let path = parts.join("/");
    let slash = if path.is_empty() { "" } else { "/" };
    let clean = quoted(&format!("{scheme}://{host}{slash}{path}"));
    if !inside && query.is_none() && host == authority {
        return (clean, None);
    }
    let table = format!("{{ url = {clean}, token = {{ file = {} }} }}", quoted(token_file));
    (
        table,
        Some(format!(
            "the URL at {host} holds a key: put it into {token_file}, readable by the monitor alone"
        )),
    )
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.into()).to_string()
}

#[cfg(test)]
mod tests;
