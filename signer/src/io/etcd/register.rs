//! One key of a cluster as a [`Register`].

use std::time::Instant;

use crate::{
    cluster::{Register, Seen, Swap},
    etcd::{
        Answer as _,
        kv::{self, RANGE, RangeResponse, TXN, TxnResponse},
    },
    io::etcd::Client,
    record::RECORD,
    store::SharedError,
};

/// The mark of one chain and key in etcd.
#[derive(Clone)]
pub struct EtcdRegister {
    client: Client,
    chain_id: String,
    key: String,
    /// The one cluster whose marks this signer knows; `None` where none is pinned yet.
    pin: Option<u64>,
}

impl EtcdRegister {
    /// The value at `key`, in the cluster with the id `pin` and in no other.
    pub fn new(client: Client, chain_id: &str, key: String, pin: Option<u64>) -> Self {
        Self { client, chain_id: chain_id.into(), key, pin }
    }

    /// Where it is.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What is there, how often it was put, and in which cluster.
    pub fn look(&self) -> Result<(Option<(Seen, i64)>, u64), SharedError> {
        let answer: RangeResponse = self.client.call(RANGE, kv::get(&self.key))?;
        self.pinned(answer.header().cluster_id)?;
        let version = answer.kvs.first().map_or(0, |one| one.version);
        Ok((kv::seen(&answer).map(|seen| (seen, version)), answer.header().cluster_id))
    }

    fn pinned(&self, found: u64) -> Result<(), SharedError> {
        match self.pin {
            Some(bound) if bound != found => Err(SharedError::OtherCluster { found, bound }),
            _ => Ok(()),
        }
    }
}

impl Register for EtcdRegister {
    fn swap(
        &mut self,
        seen: Option<&Seen>,
        next: &[u8; RECORD],
        meanwhile: &mut dyn FnMut(),
    ) -> Result<Swap, SharedError> {
        let started = Instant::now();
        let answer: Result<TxnResponse, _> =
            self.client.call_and(TXN, kv::swap(&self.key, seen, next), meanwhile);
        let metrics = self.client.metrics();
        metrics.swap_duration.with_label_values(&[&self.chain_id]).observe(started.elapsed().as_secs_f64());
        let answer = answer?;
        self.pinned(answer.header().cluster_id)?;
        let swap = kv::swapped(&answer)
            .ok_or_else(|| SharedError::Unclear("an answer that is none to this question".into()))?;
        if let Swap::Lost(there) = &swap
            && there.as_ref().is_none_or(|there| there.value != next)
        {
            metrics.lost_races.with_label_values(&[&self.chain_id]).inc();
        }
        Ok(swap)
    }

    fn read(&mut self) -> Result<Option<Seen>, SharedError> {
        Ok(self.look()?.0.map(|(seen, _)| seen))
    }
}
