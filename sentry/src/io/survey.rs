//! What a live audit looks at: the fleet's own addresses, nodes that were named, public seeds; and what it must find nowhere.

use std::net::IpAddr;

use super::probe::{self, Options};
use crate::finding::Subject;
use crate::fleet::Fleet;
use crate::live::{Hidden, Live, Part, Wanted, is_privval, named, plan};
use crate::peer::{NodeId, PeerAddress};

/// What to look at.
#[derive(Clone, Copy, Debug)]
pub struct Survey<'a> {
    /// The fleet, if there is one.
    pub fleet: Option<&'a Fleet>,
    /// Whether all of its addresses are looked at, or only those that are named.
    pub whole: bool,
    /// Nodes that were named: of others beside a fleet, sentries of ours without one.
    pub targets: &'a [PeerAddress],
    /// Whether the chains' public seeds are asked.
    pub seeds: bool,
    /// Ids that nobody may be told, beside those of the fleet.
    pub private: &'a [NodeId],
    /// Addresses of which the same holds.
    pub private_ip: &'a [IpAddr],
}

/// Why nothing was looked at. Ends with a `try:` line.
#[derive(Debug, thiserror::Error)]
pub enum SurveyError {
    /// A node waits for its signer at such a port.
    #[error("{0}: a node waits for its signer at port {port}, and would take the probe for it\ntry: name its P2P port, usually 26656", port = .0.port)]
    Privval(PeerAddress),
    /// A name that does not resolve.
    #[error("{0}: no address\ntry: name an address instead")]
    NoAddress(String),
}

impl Survey<'_> {
    /// What nobody may be told.
    pub fn hidden(&self) -> Vec<Hidden> {
        let a = |id, ips| Hidden { name: "a private node".to_owned(), id, ips };
        let mut hidden = self.fleet.map(Hidden::of).unwrap_or_default();
        hidden.extend(self.private.iter().map(|id| a(Some(id.clone()), [].into())));
        hidden.extend(self.private_ip.iter().map(|ip| a(None, [*ip].into())));
        hidden
    }

    /// Looks.
    ///
    /// # Errors
    /// A named node is none, or has no address. Whatever the network does is no error but a result.
    pub async fn look(&self, options: &Options) -> Result<Live, SurveyError> {
        let mut wanted = self.fleet.filter(|_| self.whole).map(plan).unwrap_or_default();
        let part = if self.fleet.is_some() { Part::Outsider } else { Part::Sentry };
        let seeds = self.fleet.iter().filter(|_| self.seeds).flat_map(|f| f.chains()).flat_map(|c| &c.seeds);
        let named = self.targets.iter().map(|peer| (part, peer));
        for (part, peer) in named.chain(seeds.map(|peer| (Part::Outsider, peer))) {
            wanted.extend(addresses(part, peer).await?);
        }
        Ok(probe::probe(wanted, self.hidden(), options).await)
    }
}

/// Every address of a named node.
async fn addresses(part: Part, peer: &PeerAddress) -> Result<Vec<Wanted>, SurveyError> {
    if is_privval(peer.port) {
        return Err(SurveyError::Privval(peer.clone()));
    }
    let found = tokio::net::lookup_host((peer.host.as_str(), peer.port)).await;
    let found = found.map_err(|_| SurveyError::NoAddress(peer.host.clone()))?;
    let mut ips: Vec<IpAddr> = found.map(|address| address.ip()).collect();
    ips.sort_unstable();
    ips.dedup();
    let subject = Subject::host(&peer.host);
    Ok(ips.into_iter().map(|ip| named(part, subject.clone(), peer.id.clone(), ip, peer.port)).collect())
}
