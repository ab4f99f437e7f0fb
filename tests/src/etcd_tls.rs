//! The certificates of a test's etcd: one authority, one certificate for every member, one for each user.

use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::Result;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

/// Signs certificates.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: Vec<u8>,
}

impl Authority {
    /// A new one.
    pub fn new() -> Result<Self> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name.push(DnType::CommonName, "palisade-tests");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let certificate = params.self_signed(&key)?.der().to_vec();
        Ok(Self { issuer: Issuer::new(params, key), certificate })
    }

    /// Writes `<name>.pem` and `<name>.key` (0600) for a user, or for a server with these names or addresses; and `ca.pem`.
    pub fn write(&self, dir: &Path, name: &str, addresses: &[&str]) -> Result<()> {
        let key = KeyPair::generate()?;
        let mut params =
            CertificateParams::new(addresses.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())?;
        // A member's certificate names no user: its own gateway would become that user.
        if addresses.is_empty() {
            params.distinguished_name.push(DnType::CommonName, name);
        } else {
            params.distinguished_name = rcgen::DistinguishedName::new();
        }
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&key, &self.issuer)?;
        std::fs::write(dir.join("ca.pem"), pem("CERTIFICATE", &self.certificate))?;
        std::fs::write(dir.join(format!("{name}.pem")), pem("CERTIFICATE", certificate.der()))?;
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(dir.join(format!("{name}.key")))?;
        std::io::Write::write_all(&mut file, pem("PRIVATE KEY", &key.serialize_der()).as_bytes())?;
        Ok(())
    }
}

fn pem(what: &str, der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    let lines: Vec<&str> = (0..text.len()).step_by(64).map(|at| &text[at..text.len().min(at + 64)]).collect();
    format!("-----BEGIN {what}-----\n{}\n-----END {what}-----\n", lines.join("\n"))
}
