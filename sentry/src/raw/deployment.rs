//! The part of `fleet.toml` that only deployment reads: how hosts are reached, what is installed on them.
//!
//! Paths and digests, never a secret: a private key or a token has no place in this file, and there is no field for one.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

/// `[deploy]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawDeploy {
    pub(crate) admins: Vec<Spanned<String>>,
    #[serde(default)]
    pub(crate) time_servers: Vec<Spanned<String>>,
    pub(crate) ssh_user: Option<Spanned<String>>,
    pub(crate) jump: Option<Spanned<String>>,
    pub(crate) wireguard_port: Option<u16>,
    #[serde(default)]
    pub(crate) wireguard_userspace: bool,
    pub(crate) etcd_tls: Option<Spanned<String>>,
    pub(crate) binaries: RawBinaries,
    #[serde(default)]
    pub(crate) ansible: BTreeMap<String, Spanned<toml::Value>>,
}

/// `[deploy.binaries]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct RawBinaries {
    pub(crate) palisade_signer: Option<RawArtefact>,
    pub(crate) palisade_monitor: Option<RawArtefact>,
    pub(crate) palisade_sentry: Option<RawArtefact>,
    pub(crate) etcd: Option<RawArtefact>,
}

/// `{ path = "…", sha256 = "…" }` or `{ url = "…", sha256 = "…" }`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawArtefact {
    pub(crate) path: Option<String>,
    pub(crate) url: Option<String>,
    pub(crate) sha256: Spanned<String>,
}

/// `[chain.software]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawSoftware {
    pub(crate) daemon: Spanned<String>,
    pub(crate) version: Spanned<String>,
    pub(crate) binary: RawArtefact,
    pub(crate) cosmovisor: Option<RawArtefact>,
    pub(crate) genesis: Option<RawArtefact>,
    pub(crate) home: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) args: Vec<String>,
    pub(crate) init: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) upgrades: BTreeMap<String, RawUpgrade>,
    #[serde(default = "writes_code")]
    pub(crate) wasm: bool,
}

/// Every daemon on Cosmos SDK 0.50 or newer does: its logger brings sonic, which writes machine code as the program starts.
fn writes_code() -> bool {
    true
}

/// `[chain.software.upgrades.NAME]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawUpgrade {
    pub(crate) version: Spanned<String>,
    pub(crate) binary: RawArtefact,
}

/// `[host.ssh]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawSsh {
    pub(crate) address: Spanned<String>,
    pub(crate) user: Option<Spanned<String>>,
    pub(crate) port: Option<u16>,
    pub(crate) jump: Option<Spanned<String>>,
}

/// `[host.tunnel]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawTunnel {
    pub(crate) public_key: Spanned<String>,
    pub(crate) endpoint: Option<Spanned<String>>,
}

/// `[host.prometheus]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawPrometheus {
    pub(crate) listen: Option<Spanned<String>>,
}

/// `[host.watch]`: the sentry watch daemon.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawWatch {
    pub(crate) listen: Option<Spanned<String>>,
    pub(crate) every: Option<Spanned<String>>,
}
