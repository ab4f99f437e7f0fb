//! `palisade-signer yubihsm …`: what an operator does with a device. Sessions are short and closed at the end.

pub mod audit;
pub mod backup;
pub mod connector;
pub mod keys;
pub mod setup;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, anyhow};
use serde_json::{Value, json};
use thiserror::Error;

use crate::{
    config::Connector,
    io::{
        key::yubihsm::{
            commands::DeviceOption,
            lane::Lane,
            session::{HsmError, Session},
            transport,
        },
        secret_file,
    },
    yubihsm::{
        auth_key::AuthKey,
        command, frame,
        object::{DeviceInfo, ObjectType},
        refusal::Refusal,
        roles,
    },
};

/// Longest step: generating a key takes a device some time.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a verb has to say, for people and for machines.
pub struct Said {
    /// Lines for people.
    pub lines: Vec<String>,
    /// The same for machines.
    pub json: Value,
    /// Whether something is not as it should be.
    pub findings: bool,
}

/// A verb that does not do what it was asked for, and why.
#[derive(Debug, Error)]
#[error("{what}")]
pub struct Refused {
    what: String,
    /// What the operator can do.
    pub remedy: String,
}

/// How to open a session.
pub struct Login {
    /// As typed.
    pub connector: String,
    /// Id of the authentication key.
    pub auth_key: u16,
    /// File with its password.
    pub password_file: PathBuf,
}

// === impl Said ===

impl Said {
    fn good(lines: Vec<String>, json: Value) -> Self {
        Self { lines, json, findings: false }
    }
}

// === impl Login ===

impl Login {
    /// Opens the session.
    pub fn open(&self) -> anyhow::Result<Session> {
        let password = secret_file::read(&self.password_file)?;
        let key = AuthKey::from_password(password.trim_end_matches(['\n', '\r']).as_bytes());
        Ok(Session::connect(&connector(&self.connector)?, self.auth_key, &key, PATIENCE)?)
    }
}

pub(super) fn refused(what: impl Into<String>, remedy: impl Into<String>) -> anyhow::Error {
    Refused { what: what.into(), remedy: remedy.into() }.into()
}

fn connector(text: &str) -> anyhow::Result<Connector> {
    Connector::parse(text, Path::new("")).map_err(|what| anyhow!("{text:?}: {what}"))
}

/// Asks a device who it is, without a session.
fn ask(connector: &Connector) -> anyhow::Result<DeviceInfo> {
    let lane: Arc<Lane> = Lane::of(connector);
    let mut wire = transport::open(&lane);
    let question = frame::encode(command::DEVICE_INFO, &[])?;
    let answer = wire.exchange(&question, Instant::now() + PATIENCE).map_err(HsmError::from)?;
    let body = frame::decode_reply(command::DEVICE_INFO, &answer).with_context(|| connector.to_string())?;
    DeviceInfo::parse(body).with_context(|| format!("{connector}: its description has an unknown form"))
}

fn device_json(connector: &Connector, info: &DeviceInfo) -> Value {
    json!({
        "connector": connector.to_string(),
        "serial": info.serial,
        "firmware": firmware(info),
        "log_used": info.log_used,
        "log_size": info.log_size,
    })
}

fn firmware(info: &DeviceInfo) -> String {
    info.version.map(|part| part.to_string()).join(".")
}

/// `yubihsm detect`.
pub fn detect(at: Option<&str>) -> anyhow::Result<Said> {
    let connectors = match at {
        Some(text) => vec![connector(text)?],
        None => usb_devices()?,
    };
    if connectors.is_empty() {
        return Err(refused(
            "no YubiHSM 2 at the USB ports of this machine",
            "plug it in; let this user open it (README, YubiHSM); or --connector http://127.0.0.1:12345",
        ));
    }
    let (mut lines, mut found) = (Vec::new(), Vec::new());
    for connector in connectors {
        let info = ask(&connector)?;
        lines.push(format!(
            "{connector}: serial {}, firmware {}, audit log {}/{}",
            info.serial,
            firmware(&info),
            info.log_used,
            info.log_size
        ));
        found.push(device_json(&connector, &info));
    }
    Ok(Said::good(lines, Value::Array(found)))
}

#[cfg(feature = "usb")]
fn usb_devices() -> anyhow::Result<Vec<Connector>> {
    let serials = crate::io::key::yubihsm::usb::serials().map_err(HsmError::from)?;
    Ok(serials.into_iter().map(|serial| Connector::Usb { serial: Some(serial) }).collect())
}

#[cfg(not(feature = "usb"))]
fn usb_devices() -> anyhow::Result<Vec<Connector>> {
    Err(refused("this program was built without USB", "--connector http://127.0.0.1:12345"))
}

/// `yubihsm info`.
pub fn info(login: &Login) -> anyhow::Result<Said> {
    let mut session = login.open()?;
    let info = session.device_info()?;
    let mut lines = vec![format!(
        "serial {}, firmware {}, audit log {}/{}",
        info.serial,
        firmware(&info),
        info.log_used,
        info.log_size
    )];
    let mut findings = Vec::new();
    // Not every role may read options, and that is no finding.
    let options = match (session.option(DeviceOption::ForceAudit), session.option(DeviceOption::CommandAudit))
    {
        (Ok(force), Ok(commands)) => Some((force, commands)),
        (Err(error), _) | (_, Err(error)) if error.refusal() == Some(Refusal::INSUFFICIENT_PERMISSIONS) => {
            None
        }
        (Err(error), _) | (_, Err(error)) => return Err(error.into()),
    };
    let mut force_name = None;
    if let Some((force, commands)) = &options {
        let name = match force.first() {
            Some(0) => "off",
            Some(1) => "on",
            Some(2) => "fixed",
            _ => "unknown",
        };
        force_name = Some(name);
        let on = commands.chunks_exact(2).filter(|pair| pair[1] != 0).count();
        lines.push(format!("forced audit {name}, {on} of {} commands audited", commands.len() / 2));
        if name == "off" {
            findings.push("forced audit is off: a full log is overwritten".to_owned());
        }
        if roles::locks_out(commands) {
            findings.push(
                "session-message is audited: with forced audit a full log locks everybody out".to_owned(),
            );
        }
    }
    let mut objects = Vec::new();
    for listed in session.list_objects(None)? {
        let object = session.object_info(listed.id, listed.kind)?;
        lines.push(format!(
            "{} {}: {:?}, {}, domains {}, {}",
            object.kind, object.id, object.label, object.algorithm, object.domains, object.capabilities
        ));
        if object.kind == ObjectType::AUTHENTICATION_KEY && object.id == roles::FACTORY {
            findings
                .push("authentication key 1 is there, which the factory made and everybody knows".to_owned());
        }
        objects.push(keys::object_json(&object));
    }
    lines.extend(findings.iter().map(|finding| format!("finding: {finding}")));
    let mut json = device_json(&connector(&login.connector)?, &info);
    json["force_audit"] = json!(force_name);
    json["objects"] = Value::Array(objects);
    json["findings"] = json!(findings);
    Ok(Said { lines, json, findings: !findings.is_empty() })
}
