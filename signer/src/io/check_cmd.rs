//! `check`: would `run` start? Reads everything, changes nothing, works beside a running signer.

use std::path::Path;

use comet::consensus::PublicKey;

use crate::{
    config::Config,
    io::{key, store_file},
    mark::{Hrs, Identity},
};

/// One thing looked at.
#[derive(Debug)]
pub struct Finding {
    /// What it is.
    pub subject: String,
    /// Good news, or bad news with what can be done.
    pub result: Result<String, (String, Option<String>)>,
    /// Of a chain whose key can be read: what machines compare.
    pub chain: Option<ChainSeen>,
}

/// A chain's key and mark as they are now.
#[derive(Debug)]
pub struct ChainSeen {
    /// Chain id.
    pub chain_id: String,
    /// Its key.
    pub public_key: PublicKey,
    /// Its mark, if there is a good one.
    pub last_signed: Option<Hrs>,
}

/// Looks at every key and every state of a configuration that was read from `path`.
pub fn check(config: &Config, path: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, key_config) in config.keys.iter().enumerate() {
        let subject = format!("key {}", key_config.name);
        let glance = match key::glance(&key_config.backend) {
            Ok(glance) => glance,
            Err(error) => {
                findings.push(Finding {
                    subject,
                    result: Err((error.to_string(), error.remedy())),
                    chain: None,
                });
                continue;
            }
        };
        let public_key = glance.public_key;
        let news = format!("{} public key {public_key}", public_key.key_type());
        let news = glance.remarks.iter().fold(news, |news, remark| format!("{news}; warning: {remark}"));
        findings.push(Finding { subject: subject.clone(), result: Ok(news), chain: None });
        findings.extend(glance.findings.into_iter().map(|(found, remedy)| Finding {
            subject: subject.clone(),
            result: Err((found, Some(remedy))),
            chain: None,
        }));
        for chain in config.chains.iter().filter(|chain| chain.key == index) {
            let identity = Identity { chain_id: chain.id.clone(), public_key: public_key.clone() };
            let read = store_file::read(&config.state_file(&chain.id), &identity);
            let last_signed = read.as_ref().ok().map(|mark| mark.hrs);
            let result = match read {
                Ok(mark) => Ok(format!("last signed {}", mark.hrs)),
                Err(error) => Err((error.to_string(), error.remedy(path, &chain.id))),
            };
            let (chain_id, public_key) = (identity.chain_id.clone(), identity.public_key.clone());
            let seen = Some(ChainSeen { chain_id, public_key, last_signed });
            findings.push(Finding { subject: format!("chain {}", chain.id), result, chain: seen });
            #[cfg(feature = "etcd")]
            findings.extend(shared(config, path, chain, identity));
        }
    }
    findings
}

/// The mark in etcd, where it is there.
#[cfg(feature = "etcd")]
fn shared(
    config: &Config,
    path: &Path,
    chain: &crate::config::ChainConfig,
    identity: Identity,
) -> Option<Finding> {
    use crate::{
        io::{etcd::Client, shared_state::SharedState},
        metrics::Metrics,
    };
    let client = Client::new(chain.store.etcd()?.cluster.clone(), Metrics::new("").etcd);
    let shared = SharedState::of(config, chain, identity, client)?;
    let result = match shared.mark() {
        Ok(mark) => Ok(format!("in etcd last signed {}", mark.hrs)),
        Err(error) => Err((error.to_string(), Some(error.remedy(path, &chain.id)))),
    };
    Some(Finding { subject: format!("chain {}", chain.id), result, chain: None })
}
