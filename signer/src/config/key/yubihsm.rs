//! `backend = "yubihsm"`: where the device is, how to open a session, which key, and where its audit log goes.

use core::fmt;
use std::path::{Path, PathBuf};

use comet::consensus::KeyType;
use serde::Deserialize;

use crate::config::{
    ConfigError,
    key::{SecretSource, source},
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct RawYubiHsm {
    pub(super) name: String,
    connector: String,
    auth_key: u16,
    password_file: Option<PathBuf>,
    credential: Option<String>,
    key_id: u16,
    key_type: Option<String>,
    audit_log: PathBuf,
    connector_listen: Option<String>,
    standby: Option<RawStandby>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStandby {
    connector: String,
    auth_key: u16,
    password_file: Option<PathBuf>,
    credential: Option<String>,
    key_id: u16,
    audit_log: PathBuf,
}

/// A key in a YubiHSM 2, or in two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct YubiHsmConfig {
    /// The device that signs.
    pub primary: HsmConfig,
    /// The device that signs while the other one does not.
    pub standby: Option<HsmConfig>,
    /// The type as the chain has it, where the device cannot know: a key on secp256k1 may be one of secp256k1eth.
    pub key_type: Option<KeyType>,
    /// Where this process serves the primary to others, as a connector: a unix socket, or an address of this machine.
    pub connector_listen: Option<Connector>,
}

/// One device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HsmConfig {
    /// Where it is.
    pub connector: Connector,
    /// Id of the authentication key; never 1, the factory's.
    pub auth_key: u16,
    /// Where the password is.
    pub password: SecretSource,
    /// Id of the asymmetric key.
    pub key_id: u16,
    /// Where the device's audit log goes.
    pub audit_log: PathBuf,
}

/// Where a device is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Connector {
    /// A connector over TCP. Not encrypted, but what goes through it is.
    Http {
        /// Name or address.
        host: String,
        /// Port.
        port: u16,
    },
    /// A connector behind a unix socket.
    Unix {
        /// The socket.
        path: PathBuf,
    },
    /// A USB port of this machine.
    Usb {
        /// Serial number; none where there is only one device.
        serial: Option<u32>,
    },
}

// === impl RawYubiHsm ===

impl RawYubiHsm {
    pub(super) fn resolve(self, dir: &Path) -> Result<(String, YubiHsmConfig), ConfigError> {
        let Self {
            name,
            connector,
            auth_key,
            password_file,
            credential,
            key_id,
            key_type,
            audit_log,
            connector_listen,
            standby,
        } = self;
        let primary = HsmConfig::resolve(
            &name,
            dir,
            RawStandby { connector, auth_key, password_file, credential, key_id, audit_log },
        )?;
        let standby = standby.map(|standby| HsmConfig::resolve(&name, dir, standby)).transpose()?;
        if let Some(standby) = &standby {
            if standby.connector == primary.connector {
                return Err(ConfigError::Hsm { key: name, what: "the standby is the same device" });
            }
            if standby.audit_log == primary.audit_log {
                return Err(ConfigError::Hsm {
                    key: name,
                    what: "each device needs an audit_log of its own",
                });
            }
        }
        let connector_listen = connector_listen
            .map(|text| Connector::parse_listen(&text, dir))
            .transpose()
            .map_err(|what| ConfigError::Hsm { key: name.clone(), what })?;
        let wrong = "key_type must be ed25519, secp256k1 or secp256k1eth";
        let key_type = key_type
            .map(|text| KeyType::from_name(&text).ok_or(ConfigError::Hsm { key: name.clone(), what: wrong }))
            .transpose()?;
        Ok((name, YubiHsmConfig { primary, standby, key_type, connector_listen }))
    }
}

// === impl HsmConfig ===

impl HsmConfig {
    fn resolve(key: &str, dir: &Path, raw: RawStandby) -> Result<Self, ConfigError> {
        let wrong = |what| ConfigError::Hsm { key: key.into(), what };
        let RawStandby { connector, auth_key, password_file, credential, key_id, audit_log } = raw;
        let password = source(key, dir, ["password_file", "credential"], password_file, credential)?;
        match auth_key {
            0 => return Err(wrong("auth_key 0 is none")),
            1 => {
                return Err(wrong(
                    "auth_key 1 is the factory's, which may do everything; make one that may only sign: \
                     palisade-signer yubihsm setup",
                ));
            }
            _ => {}
        }
        let connector = Connector::parse(&connector, dir).map_err(wrong)?;
        Ok(Self { connector, auth_key, password, key_id, audit_log: dir.join(audit_log) })
    }
}

// === impl Connector ===

impl Connector {
    /// Reads `http://HOST:PORT`, `unix:///PATH`, `usb` or `usb:SERIAL`; a relative path is relative to `dir`.
    pub fn parse(text: &str, dir: &Path) -> Result<Self, &'static str> {
        const WRONG: &str = "connector must be http://HOST:PORT, unix:///PATH, usb or usb:SERIAL";
        if let Some(path) = text.strip_prefix("unix://") {
            return if path.is_empty() { Err(WRONG) } else { Ok(Self::Unix { path: dir.join(path) }) };
        }
        if let Some(serial) = text.strip_prefix("usb:") {
            return serial.parse().map(|serial| Self::Usb { serial: Some(serial) }).map_err(|_| WRONG);
        }
        if text == "usb" {
            return Ok(Self::Usb { serial: None });
        }
        let address = text.strip_prefix("http://").ok_or(WRONG)?;
        let (host, port) = address.trim_end_matches('/').rsplit_once(':').ok_or(WRONG)?;
        let port = port.parse().map_err(|_| WRONG)?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() || host.contains(['/', '@', '?', ' ']) {
            return Err(WRONG);
        }
        Ok(Self::Http { host: host.into(), port })
    }

    /// Reads where to serve a device: `unix:///PATH` or an address of this machine, `127.0.0.1:PORT` or `[::1]:PORT`.
    pub fn parse_listen(text: &str, dir: &Path) -> Result<Self, &'static str> {
        const WRONG: &str = "a device is served at unix:///PATH or a loopback address with a port, and nowhere else: whoever \
                             reaches it may use up the device's sessions";
        if text.starts_with("unix://") {
            return Self::parse(text, dir).map_err(|_| WRONG);
        }
        let address: core::net::SocketAddr = text.parse().map_err(|_| WRONG)?;
        if !address.ip().is_loopback() {
            return Err(WRONG);
        }
        Ok(Self::Http { host: address.ip().to_string(), port: address.port() })
    }
}

impl fmt::Display for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http { host, port } if host.contains(':') => write!(f, "http://[{host}]:{port}"),
            Self::Http { host, port } => write!(f, "http://{host}:{port}"),
            Self::Unix { path } => write!(f, "unix://{}", path.display()),
            Self::Usb { serial: Some(serial) } => write!(f, "usb:{serial}"),
            Self::Usb { serial: None } => f.write_str("usb"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connectors_are_read_and_written() {
        for text in [
            "http://127.0.0.1:12345",
            "http://hsm.internal:1",
            "http://[::1]:9",
            "unix:///run/a",
            "usb",
            "usb:7550054",
        ] {
            let connector = Connector::parse(text, Path::new("/etc")).expect("good");
            assert_eq!(connector.to_string(), text);
        }
        for bad in [
            "",
            "http://x",
            "http://:1",
            "https://x:1",
            "http://x:1/api",
            "http://u@x:1",
            "usb:",
            "usb:x",
            "unix://",
        ] {
            assert!(Connector::parse(bad, Path::new("/etc")).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_device_is_served_to_this_machine_only() {
        for good in ["127.0.0.1:0", "[::1]:12345", "unix:///run/a.sock"] {
            assert!(Connector::parse_listen(good, Path::new("/etc")).is_ok(), "{good}");
        }
        for bad in ["0.0.0.0:1", "10.0.0.1:1", "[::]:1", "localhost:1", "usb"] {
            assert!(Connector::parse_listen(bad, Path::new("/etc")).is_err(), "{bad}");
        }
    }
}
