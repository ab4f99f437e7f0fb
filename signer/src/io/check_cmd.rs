//! `check`: would `run` start? Reads everything, changes nothing, works beside a running signer.

use std::path::Path;

use crate::{
    config::Config,
    io::{key, store_file},
    mark::Identity,
};

/// One thing looked at.
#[derive(Debug)]
pub struct Finding {
    /// What it is.
    pub subject: String,
    /// Good news, or bad news with what can be done.
    pub result: Result<String, (String, Option<String>)>,
}

/// Looks at every key and every state of a configuration that was read from `path`.
pub fn check(config: &Config, path: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, key_config) in config.keys.iter().enumerate() {
        let opened = key::open(&key_config.backend);
        let public_key = opened.as_ref().ok().map(|key| key.public_key().clone());
        let result = match opened {
            Ok(key) => {
                let news = format!("{} public key {}", key.public_key().key_type(), key.public_key());
                Ok(key.remarks().iter().fold(news, |news, remark| format!("{news}; warning: {remark}")))
            }
            Err(error) => Err((error.to_string(), error.remedy())),
        };
        findings.push(Finding { subject: format!("key {}", key_config.name), result });
        let Some(public_key) = public_key else { continue };
        for chain in config.chains.iter().filter(|chain| chain.key == index) {
            let identity = Identity { chain_id: chain.id.clone(), public_key: public_key.clone() };
            let result = match store_file::read(&config.state_file(&chain.id), &identity) {
                Ok(mark) => Ok(format!("last signed {}", mark.hrs)),
                Err(error) => Err((error.to_string(), error.remedy(path, &chain.id))),
            };
            findings.push(Finding { subject: format!("chain {}", chain.id), result });
        }
    }
    findings
}
