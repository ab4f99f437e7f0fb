//! Reading secrets from where the configuration says: a private file, or a systemd credential.

use std::{env, io, path::PathBuf};

use zeroize::Zeroizing;

use crate::{
    config::SecretSource,
    io::secret_file::{self, SecretFileError},
};

/// The file that a source means.
pub fn path(source: &SecretSource) -> Result<PathBuf, SecretFileError> {
    match source {
        SecretSource::File(path) => Ok(path.clone()),
        SecretSource::Credential(name) => match env::var_os("CREDENTIALS_DIRECTORY") {
            Some(directory) => Ok(PathBuf::from(directory).join(name)),
            None => Err(SecretFileError::Io {
                path: name.into(),
                source: io::Error::other(
                    "systemd gave this process no credentials (LoadCredential= or LoadCredentialEncrypted=)",
                ),
            }),
        },
    }
}

/// The text there.
pub fn read(source: &SecretSource) -> Result<Zeroizing<String>, SecretFileError> {
    secret_file::text(&path(source)?, read_bytes(source)?)
}

/// The bytes there. systemd keeps credentials private by its own means, which may show as other mode bits than 0600.
pub fn read_bytes(source: &SecretSource) -> Result<Zeroizing<Vec<u8>>, SecretFileError> {
    let path = path(source)?;
    match source {
        SecretSource::File(_) => secret_file::read_bytes(&path),
        SecretSource::Credential(_) => secret_file::read_bytes_to_import(&path),
    }
}
