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

/// The text there. systemd keeps credentials private by its own means, which may show as other mode bits than 0600.
pub fn read(source: &SecretSource) -> Result<Zeroizing<String>, SecretFileError> {
    let path = path(source)?;
    match source {
        SecretSource::File(_) => secret_file::read(&path),
        SecretSource::Credential(_) => secret_file::read_to_import(&path),
    }
}
