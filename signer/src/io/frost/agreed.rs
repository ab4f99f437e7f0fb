//! Whether the signers have agreed on a vote: the mark that they share in etcd, read linearizably by the cosigner itself.
//!
//! A cosigner's own mark is what makes a second vote impossible. This is the other direction: where signers agree in etcd first, a cosigner
//! that looks there gives nothing to one that has not, so a signer that was taken over cannot use up heights on its own.

use crate::{config::CosignerConfig, frost::share::Share, request::Request};

#[cfg(feature = "etcd")]
use {
    crate::{
        cluster::{self, Register as _},
        io::etcd::{Client, EtcdRegister},
        mark::Identity,
        metrics::Metrics,
    },
    std::collections::BTreeMap,
};

/// Where to look; nowhere, if the configuration has no store.
#[derive(Default)]
pub(super) struct Agreement {
    #[cfg(feature = "etcd")]
    registers: BTreeMap<String, (EtcdRegister, Identity)>,
}

impl Agreement {
    /// Connects to nobody yet.
    #[cfg(feature = "etcd")]
    pub(super) fn new(config: &CosignerConfig, share: &Share) -> Self {
        let Some(etcd) = config.store.etcd() else { return Self::default() };
        let client = Client::new(etcd.cluster.clone(), Metrics::new("").etcd);
        let register = |chain_id: &String| {
            let identity = super::serve::owner(share, chain_id);
            let key = cluster::key(&etcd.prefix, &identity);
            (chain_id.clone(), (EtcdRegister::new(client.clone(), chain_id, key, None), identity))
        };
        Self { registers: config.chains.iter().map(register).collect() }
    }

    /// Without etcd there is nowhere to look; a configuration that wants it was refused.
    #[cfg(not(feature = "etcd"))]
    pub(super) fn new(_: &CosignerConfig, _: &Share) -> Self {
        Self::default()
    }

    /// Whether these sign-bytes are the mark there is.
    #[cfg(feature = "etcd")]
    pub(super) fn check(&mut self, chain_id: &str, request: &Request) -> Result<(), String> {
        let Some((register, identity)) = self.registers.get_mut(chain_id) else { return Ok(()) };
        let seen = register.read().map_err(|error| error.to_string())?;
        let seen = seen.ok_or("the shared store has no mark of this chain and key")?;
        let mark = cluster::read(&seen.value, identity).map_err(|error| error.to_string())?.mark;
        if mark.hrs == request.hrs() && mark.sign_bytes == request.sign_bytes() {
            return Ok(());
        }
        Err(format!("the shared mark is another, at {}", mark.hrs))
    }

    /// Nobody to ask.
    #[cfg(not(feature = "etcd"))]
    pub(super) fn check(&mut self, _: &str, _: &Request) -> Result<(), String> {
        Ok(())
    }
}
