//! What `check` wants to know of a device: whether the key is there, and whether anybody may do more than need be.

use std::time::Duration;

use crate::{
    config::{Connector, HsmConfig, YubiHsmConfig},
    io::key::yubihsm::{
        OpenHsmError, auth_key,
        session::{HsmError, Session},
    },
    yubihsm::{
        auth_key::AuthKey,
        capability::Capabilities,
        object::{ObjectInfo, ObjectType, PublicKey},
    },
};

/// Longest step.
const PATIENCE: Duration = Duration::from_secs(3);

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// The key.
    pub public_key: comet::consensus::PublicKey,
    /// What is not as it should be, and what can be done.
    pub findings: Vec<(String, String)>,
    /// What an operator should know, and may want so.
    pub remarks: Vec<String>,
}

/// Looks at the devices of a key, also beside the signer that uses them.
pub fn inspect(config: &YubiHsmConfig) -> Result<Inspection, OpenHsmError> {
    let served = config.connector_listen.as_ref();
    let (key, findings, remarks) = look("primary", &config.primary, served)?;
    let public_key = super::consensus_key(&key, config.primary.key_id, config.key_type)?;
    let mut all = Inspection { public_key, findings, remarks };
    let Some(standby) = &config.standby else { return Ok(all) };
    match look("standby", standby, None) {
        Ok((standby_key, findings, remarks)) => {
            all.findings.extend(findings);
            all.remarks.extend(remarks);
            if standby_key != key {
                let text = format!("the standby holds another key, {}", hex::encode(standby_key.bytes));
                all.findings.push((text, "restore the key's wrapped backup to the standby".into()));
            }
        }
        Err(error) => {
            let remedy = error.remedy().unwrap_or_else(|| "bring the standby up".into());
            all.findings.push((format!("standby hsm: {error}"), remedy));
        }
    }
    Ok(all)
}

type Look = (PublicKey, Vec<(String, String)>, Vec<String>);

fn look(hsm: &str, config: &HsmConfig, served: Option<&Connector>) -> Result<Look, OpenHsmError> {
    let password = auth_key(&config.password)?;
    let failed = |error: HsmError| {
        let remedy = error.remedy().map(|remedy| format!("; try: {remedy}")).unwrap_or_default();
        OpenHsmError::Device(format!("{hsm} hsm: {error}{remedy}"))
    };
    let mut session = open(config, &password, served).map_err(failed)?;
    let key = session.public_key(config.key_id).map_err(failed)?;
    let info = session.object_info(config.key_id, ObjectType::ASYMMETRIC_KEY).map_err(failed)?;
    let auth = session.object_info(config.auth_key, ObjectType::AUTHENTICATION_KEY).map_err(failed)?;
    let (findings, remarks) = judge(hsm, &info, &auth);
    Ok((key, findings, remarks))
}

/// A signer at work holds a USB device, and may serve it.
fn open(config: &HsmConfig, password: &AuthKey, served: Option<&Connector>) -> Result<Session, HsmError> {
    let by_itself = || Session::connect(&config.connector, config.auth_key, password, PATIENCE);
    match served {
        Some(served) => {
            Session::connect(served, config.auth_key, password, PATIENCE).or_else(|_| by_itself())
        }
        None => by_itself(),
    }
}

/// What the capabilities of the two objects say.
fn judge(hsm: &str, key: &ObjectInfo, auth: &ObjectInfo) -> (Vec<(String, String)>, Vec<String>) {
    let (mut findings, mut remarks) = (Vec::new(), Vec::new());
    let (auth_id, key_id) = (auth.id, key.id);
    let signing = key.capabilities.0 & (Capabilities::SIGN_EDDSA | Capabilities::SIGN_ECDSA).0;
    if Capabilities(signing & auth.capabilities.0) == Capabilities::NONE {
        findings.push((
            format!("{hsm} hsm: authentication key {auth_id} and key {key_id} have no capability to sign in common"),
            "make both with sign-eddsa, or sign-ecdsa for secp256k1".into(),
        ));
    }
    let needed = Capabilities::SIGN_EDDSA | Capabilities::SIGN_ECDSA | Capabilities::GET_LOG_ENTRIES;
    let more = auth.capabilities.without(needed) | auth.delegated;
    if more != Capabilities::NONE {
        findings.push((
            format!("{hsm} hsm: authentication key {auth_id} may do more than sign and read the log: {more}"),
            "an authentication key of its own for the signer: palisade-signer yubihsm setup".into(),
        ));
    }
    if auth.domains.numbers().count() > 1 {
        remarks.push(format!("{hsm} hsm: authentication key {auth_id} sees the domains {}", auth.domains));
    }
    if key.capabilities.has(Capabilities::EXPORTABLE_UNDER_WRAP) {
        remarks.push(format!(
            "{hsm} hsm: key {key_id} is exportable under wrap; whoever has a wrap key and its password can take a copy"
        ));
    }
    (findings, remarks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yubihsm::object::{Algorithm, Domains};

    fn object(id: u16, capabilities: &[&str]) -> ObjectInfo {
        ObjectInfo {
            capabilities: Capabilities::of(capabilities).expect("known"),
            id,
            size: 32,
            domains: Domains(1),
            kind: ObjectType::ASYMMETRIC_KEY,
            algorithm: Algorithm::ED25519,
            sequence: 0,
            origin: 1,
            label: String::new(),
            delegated: Capabilities::NONE,
        }
    }

    #[test]
    fn the_least_that_signs_is_good() {
        let auth = object(4, &["sign-eddsa", "get-log-entries"]);
        assert_eq!(judge("primary", &object(100, &["sign-eddsa"]), &auth), (vec![], vec![]));
    }

    #[test]
    fn more_than_that_is_a_finding_and_an_exportable_key_a_remark() {
        let auth = object(4, &["sign-eddsa", "get-log-entries", "export-wrapped"]);
        let key = object(100, &["sign-eddsa", "exportable-under-wrap"]);
        let (findings, remarks) = judge("primary", &key, &auth);
        assert_eq!((findings.len(), remarks.len()), (1, 1));
        assert!(findings[0].0.ends_with("more than sign and read the log: export-wrapped"), "{findings:?}");
        let (findings, _) = judge("primary", &key, &object(4, &["sign-ecdsa", "get-log-entries"]));
        assert!(findings[0].0.contains("no capability to sign in common"), "{findings:?}");
        let wide = ObjectInfo { delegated: Capabilities::SIGN_EDDSA, domains: Domains(3), ..auth };
        assert_eq!(judge("primary", &object(100, &["sign-eddsa"]), &wide).1.len(), 1);
    }
}
