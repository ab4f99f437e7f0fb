//! `[postgres]`: a database that several monitors and analysts share.

use super::{ConfigError, SecretSource};
use serde::Deserialize;
use std::path::{Path, PathBuf};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    host: String,
    port: Option<u16>,
    database: String,
    user: String,
    password: Option<SecretSource>,
    tls: TlsMode,
    ca: Option<PathBuf>,
    writer: String,
}

/// Whether the connection is encrypted. There is no "if it can be had": that protects from nobody.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum TlsMode {
    /// The server's certificate is verified.
    Verify,
    /// In the clear.
    Off,
}

/// Where the shared history is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Postgres {
    /// Name or address of the server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Database.
    pub database: String,
    /// Role.
    pub user: String,
    /// Its password; without one the server has to trust the connection.
    pub password: Option<SecretSource>,
    /// Whether the connection is encrypted.
    pub tls: TlsMode,
    /// PEM file of the authorities to trust instead of the system's.
    pub ca: Option<PathBuf>,
    /// Name of this monitor among those that write there.
    pub writer: String,
}

pub(super) fn resolve(raw: Raw, file: &str, directory: &Path) -> Result<Postgres, ConfigError> {
    let syntax = |reason: &str| ConfigError::Syntax { file: file.into(), reason: reason.into() };
    if raw.writer.is_empty() || raw.writer.len() > 60 {
        return Err(syntax("[postgres] writer must name this monitor, such as \"monitor-a\""));
    }
    if raw.tls == TlsMode::Off && raw.ca.is_some() {
        return Err(syntax("[postgres] ca means nothing with tls = \"off\""));
    }
    Ok(Postgres {
        host: raw.host,
        port: raw.port.unwrap_or(5432),
        database: raw.database,
        user: raw.user,
        password: raw.password.map(|password| password.beside(directory)),
        tls: raw.tls,
        ca: raw.ca.map(|ca| directory.join(ca)),
        writer: raw.writer,
    })
}
