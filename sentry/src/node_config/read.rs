//! What a node's files say, as the settings that the rules judge.
//!
//! A key that is missing has the default of the node, which is seldom the safe one. A value that cannot be understood is
//! reported and never taken for safe. Absent: what an environment variable or a flag of the node says instead.

use core::str::FromStr;

use toml::{Table, Value as Toml};

use super::edit::get;
use super::is_kebab_case;
use super::keys::{Stray, strays};
use crate::listen::Listen;
use crate::node_line::NodeLine;
use crate::peer::{self, PeerError};
use crate::settings::{Setting, Settings};

/// A value that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// Tables and name, separated by dots; empty for a whole file.
    pub key: String,
    /// What is wrong with it.
    pub why: String,
}

/// A node's configuration, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// What the rules judge. Where something was not understood, it is what the plan says.
    pub settings: Option<Settings>,
    /// What was not understood.
    pub unread: Vec<Unread>,
    /// Keys that the node ignores; nothing where its line is not known.
    pub strays: Option<Vec<Stray>>,
    /// Its line, as the caller or the file itself says.
    pub line: Option<NodeLine>,
    /// `p2p.libp2p.enabled`
    pub libp2p: bool,
    /// Listeners for gRPC and REST that no plan has, each with its key.
    pub extra: Vec<(&'static str, Listen)>,
    /// Whether a signer is to dial in.
    pub has_signer: bool,
}

/// Reads `config.toml` and, if there is one, `app.toml`; `planned` is what the fleet says, if there is a fleet.
pub fn read(config: &str, app: Option<&str>, line: Option<NodeLine>, planned: Option<&Settings>) -> Read {
    let mut unread = Vec::new();
    let mut table = |text: &str, file: &str| {
        text.parse::<Table>().unwrap_or_else(|e| {
            let why = format!("{file} is no TOML: {}", e.message());
            unread.push(Unread { key: String::new(), why });
            Table::new()
        })
    };
    let (config_table, app_table) = (table(config, "config.toml"), app.map(|text| table(text, "app.toml")));
    if is_kebab_case(config) {
        let why = "config.toml is that of Tendermint 0.35, whose keys are not known here".to_owned();
        unread.push(Unread { key: String::new(), why });
    }
    let line = line.or_else(|| written_by(&config_table));
    let mut reader = Reader { config: &config_table, app: app_table.as_ref(), unread };
    let extra = reader.extra();
    let settings = planned.map(|planned| reader.settings(planned, line));
    let has_signer = !reader.text("priv_validator_laddr", "").is_empty();
    let libp2p =
        line.is_none_or(NodeLine::has_libp2p) && reader.flag("p2p.libp2p.enabled", false) == Some(true);
    let strays = line.map(|line| strays(&config_table, line));
    Read { settings, unread: reader.unread, strays, line, libp2p, extra, has_signer }
}

/// The line whose node wrote the file last; nodes since 0.38 say so.
fn written_by(config: &Table) -> Option<NodeLine> {
    let version = get(config, "version")?.as_str()?;
    let (major, rest) = version.trim_start_matches('v').split_once('.')?;
    format!("{major}.{}", rest.split('.').next()?).parse().ok()
}

struct Reader<'a> {
    config: &'a Table,
    app: Option<&'a Table>,
    unread: Vec<Unread>,
}

impl Reader<'_> {
    fn settings(&mut self, planned: &Settings, line: Option<NodeLine>) -> Settings {
        let mut s = planned.clone();
        let pprof = if line == Some(NodeLine::V0_33) { "prof_laddr" } else { "rpc.pprof_laddr" };
        s.priv_validator_laddr.read(self.listen("priv_validator_laddr", ""));
        s.p2p_laddr.read(self.parsed("p2p.laddr", "tcp://0.0.0.0:26656"));
        s.p2p_external_address.read(Some(self.text("p2p.external_address", "")));
        s.p2p_seeds.read(self.list("p2p.seeds"));
        s.p2p_persistent_peers.read(self.list("p2p.persistent_peers"));
        s.p2p_private_peer_ids.read(self.list("p2p.private_peer_ids"));
        s.p2p_unconditional_peer_ids.read(self.list("p2p.unconditional_peer_ids"));
        s.p2p_addr_book_strict.read(self.flag("p2p.addr_book_strict", true));
        s.p2p_pex.read(self.flag("p2p.pex", true));
        s.p2p_seed_mode.read(self.flag("p2p.seed_mode", false));
        s.p2p_allow_duplicate_ip.read(self.flag("p2p.allow_duplicate_ip", false));
        s.p2p_max_num_inbound_peers.read(self.number("p2p.max_num_inbound_peers", 40));
        // The other lines have no such key.
        if line.is_none_or(|l| matches!(l, NodeLine::V0_33 | NodeLine::V0_34)) {
            s.p2p_upnp.read(self.flag("p2p.upnp", false));
        }
        s.moniker.read(Some(self.text("moniker", "")));
        if line != Some(NodeLine::V0_33) {
            s.consensus_double_sign_check_height.read(self.number("consensus.double_sign_check_height", 0));
        }
        s.tx_index_indexer.read(Some(self.text("tx_index.indexer", "kv")));
        s.state_sync_snapshot_interval.read(self.number("app: state-sync.snapshot-interval", 0));
        s.rpc_laddr.read(self.listen("rpc.laddr", "tcp://127.0.0.1:26657"));
        s.rpc_unsafe.read(self.flag("rpc.unsafe", false));
        s.rpc_pprof_laddr.read(self.listen(pprof, ""));
        let metrics = match self.flag("instrumentation.prometheus", false) {
            Some(false) => Some(None),
            _ => self.listen("instrumentation.prometheus_listen_addr", ":26660"),
        };
        s.instrumentation_prometheus_listen_addr.read(metrics);
        let grpc =
            match (self.app.is_some_and(|app| app.contains_key("grpc")), self.flag("app: grpc.enable", true))
            {
                (false, _) | (true, Some(false)) => Some(None),
                // Older SDKs listen everywhere where nothing is said.
                (true, _) => self.listen("app: grpc.address", "0.0.0.0:9090"),
            };
        s.grpc_address.read(grpc);
        s
    }

    fn extra(&mut self) -> Vec<(&'static str, Listen)> {
        let mut open = Vec::new();
        for key in ["rpc.grpc_laddr", "grpc.laddr", "grpc.privileged.laddr"] {
            open.push((key, self.listen(key, "")));
        }
        if self.flag("app: api.enable", false) != Some(false) {
            open.push(("api.address", self.listen("app: api.address", "tcp://0.0.0.0:1317")));
        }
        open.into_iter().filter_map(|(key, listen)| Some((key, listen??))).collect()
    }

    fn number(&mut self, key: &str, default: i64) -> Option<i64> {
        match self.value(key).cloned() {
            None => Some(default),
            Some(Toml::Integer(number)) => Some(number),
            Some(Toml::String(text)) if text.trim().parse::<i64>().is_ok() => text.trim().parse().ok(),
            Some(other) => {
                self.wrong(key, &format!("{other} is no number"));
                None
            }
        }
    }

    /// A key of `config.toml`, or of `app.toml` if it begins with `app: `.
    fn value(&self, key: &str) -> Option<&Toml> {
        match key.strip_prefix("app: ") {
            Some(key) => get(self.app?, key),
            None => get(self.config, key),
        }
    }

    fn wrong(&mut self, key: &str, why: &dyn ToString) {
        let (key, why) = (key.trim_start_matches("app: ").to_owned(), why.to_string());
        self.unread.push(Unread { key, why });
    }

    fn text(&mut self, key: &str, default: &str) -> String {
        match self.value(key).cloned() {
            None => default.to_owned(),
            Some(Toml::String(text)) => text,
            Some(other) => {
                self.wrong(key, &format!("{other} is no text"));
                default.to_owned()
            }
        }
    }

    /// Nodes take what Go's ParseBool takes.
    fn flag(&mut self, key: &str, default: bool) -> Option<bool> {
        match self.value(key).cloned() {
            None => Some(default),
            Some(Toml::Boolean(flag)) => Some(flag),
            Some(Toml::Integer(number)) => Some(number != 0),
            Some(Toml::String(text))
                if matches!(text.as_str(), "1" | "t" | "T" | "true" | "TRUE" | "True") =>
            {
                Some(true)
            }
            Some(Toml::String(text))
                if matches!(text.as_str(), "" | "0" | "f" | "F" | "false" | "FALSE" | "False") =>
            {
                Some(false)
            }
            Some(other) => {
                self.wrong(key, &format!("{other} is neither true nor false"));
                None
            }
        }
    }

    fn parsed<T: FromStr<Err: ToString>>(&mut self, key: &str, default: &str) -> Option<T> {
        let text = self.text(key, default);
        text.parse().map_err(|e: T::Err| self.wrong(key, &e)).ok()
    }

    fn listen(&mut self, key: &str, default: &str) -> Option<Option<Listen>> {
        if self.text(key, default).is_empty() { Some(None) } else { self.parsed(key, default).map(Some) }
    }

    fn list<T: FromStr<Err = PeerError>, C: FromIterator<T>>(&mut self, key: &str) -> Option<C> {
        let text = self.text(key, "");
        peer::list(&text).map(|items| items.into_iter().collect()).map_err(|e| self.wrong(key, &e)).ok()
    }
}

impl<T> Setting<T> {
    /// What stands in a file; nothing where it was not understood.
    fn read(&mut self, value: Option<T>) {
        if let Some(value) = value {
            *self = Self { value, origin: crate::settings::Origin::Home };
        }
    }
}
