//! What an operator and a running signer say to each other: gRPC over a unix socket, `palisade.signer.v1.Admin`.
//!
//! The messages are few and ours, so they are written by hand. Field numbers are never used again for something else. How they
//! travel is in `io/admin.rs`; here is also what `palisade-signer status` prints.

use serde::Serialize;

/// Paths of the calls.
pub mod path {
    /// [`super::Nothing`] to [`super::Status`].
    pub const STATUS: &str = "/palisade.signer.v1.Admin/Status";
    /// [`super::Named`] to [`super::Said`].
    pub const PAUSE: &str = "/palisade.signer.v1.Admin/Pause";
    /// [`super::Named`] to [`super::Said`].
    pub const RESUME: &str = "/palisade.signer.v1.Admin/Resume";
    /// [`super::Nothing`] to [`super::Said`].
    pub const RELOAD: &str = "/palisade.signer.v1.Admin/Reload";
    /// [`super::Nothing`] to [`super::Said`].
    pub const DRAIN: &str = "/palisade.signer.v1.Admin/Drain";
}

/// A call without arguments.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Nothing {}

/// A key or a chain; exactly one is not empty.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Named {
    /// Name of a key.
    #[prost(string, tag = "1")]
    pub key: String,
    /// Id of a chain.
    #[prost(string, tag = "2")]
    pub chain: String,
}

/// What was done.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Said {
    /// For people.
    #[prost(string, tag = "1")]
    pub what: String,
}

/// How it goes.
#[derive(Clone, PartialEq, prost::Message, Serialize)]
pub struct Status {
    /// Of the program.
    #[prost(string, tag = "1")]
    pub version: String,
    /// Whether every key can sign and every chain has a node.
    #[prost(bool, tag = "2")]
    pub ready: bool,
    /// Why not.
    #[prost(string, repeated, tag = "3")]
    pub troubles: Vec<String>,
    /// In the order of the configuration.
    #[prost(message, repeated, tag = "4")]
    pub keys: Vec<KeyStatus>,
    /// In the order of the configuration.
    #[prost(message, repeated, tag = "5")]
    pub chains: Vec<ChainStatus>,
    /// In the order of the configuration.
    #[prost(message, repeated, tag = "6")]
    pub links: Vec<LinkStatus>,
    /// What the process forbade itself, one line for each.
    #[prost(string, repeated, tag = "7")]
    pub hardening: Vec<String>,
    /// Where the audit log stands; empty without one.
    #[prost(string, tag = "8")]
    pub audit_log: String,
}

/// One key.
#[derive(Clone, PartialEq, Eq, prost::Message, Serialize)]
pub struct KeyStatus {
    /// In the configuration.
    #[prost(string, tag = "1")]
    pub name: String,
    /// In hex.
    #[prost(string, tag = "2")]
    pub public_key: String,
    /// `signing`, `paused` or `stopped`.
    #[prost(string, tag = "3")]
    pub state: String,
    /// `softsign`, `pkcs11` or `yubihsm`.
    #[prost(string, tag = "4")]
    pub backend: String,
    /// Devices that hold the key, the one that signs first; empty for backends that have none.
    #[prost(message, repeated, tag = "5")]
    pub hsms: Vec<HsmStatus>,
}

/// One device.
#[derive(Clone, PartialEq, Eq, prost::Message, Serialize)]
pub struct HsmStatus {
    /// `primary` or `standby`.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Where it is, as configured.
    #[prost(string, tag = "2")]
    pub connector: String,
    /// Whether there is a session.
    #[prost(bool, tag = "3")]
    pub up: bool,
    /// Commands of this session.
    #[prost(int64, tag = "4")]
    pub commands_in_session: i64,
    /// Entries of its audit log that are not in the file yet.
    #[prost(int64, tag = "5")]
    pub log_entries_unread: i64,
}

/// One chain.
#[derive(Clone, PartialEq, Eq, prost::Message, Serialize)]
pub struct ChainStatus {
    /// Chain id.
    #[prost(string, tag = "1")]
    pub id: String,
    /// Name of its key.
    #[prost(string, tag = "2")]
    pub key: String,
    /// Whether it is held, by itself or with its key.
    #[prost(bool, tag = "3")]
    pub paused: bool,
    /// `height/round/step` of the durable mark, `height/all` of a floor; empty while its key is at work for too long to be asked.
    #[prost(string, tag = "4")]
    pub last_signed: String,
}

/// One link.
#[derive(Clone, PartialEq, prost::Message, Serialize)]
pub struct LinkStatus {
    /// Chain id.
    #[prost(string, tag = "1")]
    pub chain: String,
    /// As configured.
    #[prost(string, tag = "2")]
    pub node: String,
    /// Whether there is a connection.
    #[prost(bool, tag = "3")]
    pub connected: bool,
    /// Since the node was heard.
    #[prost(double, optional, tag = "4")]
    pub silent_seconds: Option<f64>,
    /// `height/round/step` of the last signature that went out here.
    #[prost(string, optional, tag = "5")]
    pub last_signed: Option<String>,
    /// From arrival to reply, of the last 1,024 requests.
    #[prost(uint32, optional, tag = "6")]
    pub p50_micros: Option<u32>,
    /// The same.
    #[prost(uint32, optional, tag = "7")]
    pub p99_micros: Option<u32>,
}

/// A table for people.
pub fn table(status: &Status) -> String {
    let ready = if status.ready { "ready" } else { "not ready" };
    let mut text = format!("palisade-signer {}, {ready}\n", status.version);
    for trouble in &status.troubles {
        text += &format!("  {trouble}\n");
    }
    let keys = status
        .keys
        .iter()
        .map(|key| [key.name.clone(), key.backend.clone(), key.state.clone(), key.public_key.clone()]);
    text += &columns(["KEY", "BACKEND", "STATE", "PUBLIC KEY"], keys);
    let hsms = status.keys.iter().flat_map(|key| key.hsms.iter().map(move |hsm| (key, hsm)));
    let hsms = hsms.map(|(key, hsm)| {
        let state = if hsm.up { "up" } else { "down" };
        let [commands, unread] = [hsm.commands_in_session, hsm.log_entries_unread]
            .map(|n| if hsm.up { n.to_string() } else { "-".into() });
        [key.name.clone(), hsm.name.clone(), hsm.connector.clone(), state.into(), commands, unread]
    });
    let mut hsms = hsms.peekable();
    if hsms.peek().is_some() {
        text += &columns(["KEY", "HSM", "CONNECTOR", "STATE", "COMMANDS", "LOG UNREAD"], hsms);
    }
    let chains = status.chains.iter().map(|chain| {
        let state = if chain.paused { "paused" } else { "signing" };
        [chain.id.clone(), chain.key.clone(), state.into(), or_dash(Some(&chain.last_signed))]
    });
    text += &columns(["CHAIN", "KEY", "STATE", "LAST SIGNED"], chains);
    let links = status.links.iter().map(|link| {
        let micros = |micros: Option<u32>| micros.map_or_else(|| "-".into(), |micros| format!("{micros} µs"));
        let silence = link.silent_seconds.map_or_else(|| "-".into(), |seconds| format!("{seconds:.1} s"));
        [
            link.chain.clone(),
            link.node.clone(),
            if link.connected { "up" } else { "down" }.into(),
            silence,
            or_dash(link.last_signed.as_ref()),
            micros(link.p50_micros),
            micros(link.p99_micros),
        ]
    });
    text += &columns(["CHAIN", "NODE", "LINK", "SILENT", "LAST SIGNED", "P50", "P99"], links);
    for line in &status.hardening {
        text += &format!("{line}\n");
    }
    if !status.audit_log.is_empty() {
        text += &format!("audit log: {}\n", status.audit_log);
    }
    text
}

fn or_dash(text: Option<&String>) -> String {
    text.filter(|text| !text.is_empty()).cloned().unwrap_or_else(|| "-".into())
}

fn columns<const N: usize>(head: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let rows: Vec<[String; N]> = std::iter::once(head.map(String::from)).chain(rows).collect();
    let widths: [usize; N] =
        std::array::from_fn(|at| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0));
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        text += cells.collect::<Vec<_>>().join("  ").trim_end();
        text += "\n";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_every_key_chain_and_link() {
        let status = Status {
            version: "1.2.3".into(),
            troubles: vec!["chain b-1 has no node connected".into()],
            keys: vec![KeyStatus {
                name: "k".into(),
                public_key: "00ff".into(),
                state: "signing".into(),
                backend: "yubihsm".into(),
                hsms: vec![
                    HsmStatus {
                        name: "primary".into(),
                        connector: "usb:7550054".into(),
                        up: true,
                        commands_in_session: 812,
                        log_entries_unread: 3,
                    },
                    HsmStatus { name: "standby".into(), connector: "usb".into(), ..HsmStatus::default() },
                ],
            }],
            chains: vec![ChainStatus {
                id: "a-1".into(),
                key: "k".into(),
                paused: true,
                last_signed: "7/0/3".into(),
            }],
            links: vec![
                LinkStatus {
                    chain: "a-1".into(),
                    node: "tcp://10.0.0.1:26659".into(),
                    connected: true,
                    silent_seconds: Some(0.25),
                    last_signed: Some("7/0/3".into()),
                    p50_micros: Some(150),
                    p99_micros: Some(900),
                },
                LinkStatus { chain: "b-1".into(), node: "unix:///n".into(), ..LinkStatus::default() },
            ],
            hardening: vec!["landlock: on".into()],
            ..Status::default()
        };
        assert_eq!(
            table(&status),
            "palisade-signer 1.2.3, not ready\n  chain b-1 has no node connected\n\
             KEY  BACKEND  STATE    PUBLIC KEY\n\
             k    yubihsm  signing  00ff\n\
             KEY  HSM      CONNECTOR    STATE  COMMANDS  LOG UNREAD\n\
             k    primary  usb:7550054  up     812       3\n\
             k    standby  usb          down   -         -\n\
             CHAIN  KEY  STATE   LAST SIGNED\n\
             a-1    k    paused  7/0/3\n\
             CHAIN  NODE                  LINK  SILENT  LAST SIGNED  P50     P99\n\
             a-1    tcp://10.0.0.1:26659  up    0.2 s   7/0/3        150 µs  900 µs\n\
             b-1    unix:///n             down  -       -            -       -\n\
             landlock: on\n"
        );
    }
}
