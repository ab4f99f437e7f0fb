//! Whether the signers have agreed on a vote: the mark that they share in etcd, read linearizably by the cosigner itself.
//!
//! A cosigner's own mark is what makes a second vote impossible. This is the other direction: where signers agree in etcd first, a cosigner
//! that looks there gives nothing to one that has not, so a signer that was taken over cannot use up heights on its own. It is bound to the
//! cluster that answered at its first start: what a backup says under another id is nobody's agreement.

use crate::{config::CosignerConfig, frost::share::Share, request::Request};

#[cfg(feature = "etcd")]
use {
    crate::{
        cluster::{self, Register as _},
        io::{
            etcd::{Client, EtcdRegister},
            shared_state::{SharedStateError, read_pin, write_pin},
        },
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
    /// Binds the cosigner to the cluster that answers first, and from then on asks no other.
    #[cfg(feature = "etcd")]
    pub(super) fn new(config: &CosignerConfig, share: &Share) -> Result<Self, SharedStateError> {
        let Some(etcd) = config.store.etcd() else { return Ok(Self::default()) };
        let client = Client::new(etcd.cluster.clone(), Metrics::new("").etcd);
        let register = |chain_id: &String, pin| {
            let identity = super::serve::owner(share, chain_id);
            let key = cluster::key(&etcd.prefix, &identity);
            (chain_id.clone(), (EtcdRegister::new(client.clone(), chain_id, key, pin), identity))
        };
        let (file, mut pin) = (config.pin_file(), read_pin(&config.pin_file())?);
        if let (None, Some(chain)) = (pin, config.chains.first()) {
            let (_, (unbound, _)) = register(chain, None);
            let (_, cluster) = unbound.look()?;
            write_pin(&file, cluster)?;
            pin = Some(cluster);
        }
        // Its thread goes: whatever is started from here on lives inside of the walls.
        client.rest();
        Ok(Self { registers: config.chains.iter().map(|chain| register(chain, pin)).collect() })
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
