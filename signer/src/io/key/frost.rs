//! A threshold key: this process has its public half, and asks cosigners for shares of each signature.
//!
//! Whoever is asked and does not answer, says no or lies is passed over in favour of another set, as long as there is one and
//! the deadline lets. A liar is named by the mathematics, not by suspicion. Every round uses new promises; the nonces of a
//! round that failed are gone.
//!
//! FROST signatures differ each time, so the first one is kept beside its mark ([`crate::keeper`]) and is the answer from then on.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, OnceLock,
        mpsc::{self, Sender},
    },
    thread,
    time::{Duration, Instant},
};

use comet::consensus::{PublicKey, Signature};
use frost_ed25519::round1::SigningCommitments;
use thiserror::Error;
use tracing::{error, warn};

use crate::{
    config::FrostConfig,
    frost::{
        gather::{self, GatherError, Round},
        group::{Group, GroupError},
    },
    io::{
        frost::{
            peer::{Board, Failed, Job, Peer, Standing},
            tls::{self, Identity, TlsError},
        },
        secret_file::{self, SecretFileError},
    },
    key::{Health, Key, KeyError},
    metrics::frost::FrostMetrics,
    store::{ExtensionPermit, Permit},
};

/// For one signature, all attempts together. A precommit with an extension needs two, and a node waits 5 s.
const DEADLINE: Duration = Duration::from_millis(1_200);
/// For one attempt: long enough for two slow disks and a continent, short enough for a second attempt.
const ATTEMPT: Duration = Duration::from_millis(500);
/// What a failure costs in the choice of whom to ask; each signature without that cosigner takes an eighth off.
const SLOW: u64 = 1_000;
const LIED: u64 = 1 << 40;

/// Why a threshold key cannot be opened.
#[derive(Debug, Error)]
pub enum OpenFrostError {
    /// The group file.
    #[error(transparent)]
    File(#[from] SecretFileError),
    /// Its content.
    #[error("{}: {source}", path.display())]
    Group {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong with it.
        source: GroupError,
    },
    /// The identity.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The configuration and the group do not fit.
    #[error("the group has no cosigner {0}")]
    NoSuchCosigner(u16),
    /// Fewer than it takes.
    #[error("{configured} cosigners are configured, and the group needs {threshold} for a signature")]
    TooFew {
        /// In the configuration.
        configured: usize,
        /// By the group.
        threshold: u16,
    },
}

/// A key that is nowhere whole.
pub struct FrostKey {
    public_key: PublicKey,
    table: Arc<Table>,
    costs: BTreeMap<u16, u64>,
    /// The sign-bytes that were permitted last.
    vote: Vec<u8>,
}

/// The group and the links. Their threads start with the first use, behind the walls that the process puts up.
struct Table {
    name: String,
    group: Group,
    config: FrostConfig,
    identity: Identity,
    metrics: FrostMetrics,
    links: OnceLock<Links>,
}

struct Links {
    board: Arc<Board>,
    jobs: BTreeMap<u16, Sender<Job>>,
}

// === impl FrostKey ===

impl FrostKey {
    /// Reads the group; talks to nobody yet. `name` is the key's name in metrics and logs.
    pub fn open(name: &str, config: &FrostConfig, metrics: &FrostMetrics) -> Result<Self, OpenFrostError> {
        let text = secret_file::read_to_import(&config.group)?;
        let group = Group::read(&text)
            .map_err(|source| OpenFrostError::Group { path: config.group.clone(), source })?;
        let ids = group.ids();
        if let Some(stranger) = config.cosigners.iter().find(|link| !ids.contains(&link.id)) {
            return Err(OpenFrostError::NoSuchCosigner(stranger.id));
        }
        if config.cosigners.len() < group.threshold().into() {
            let (configured, threshold) = (config.cosigners.len(), group.threshold());
            return Err(OpenFrostError::TooFew { configured, threshold });
        }
        let identity = Identity::open(&config.identity)?;
        let public_key = group.public_key().into();
        metrics.threshold.with_label_values(&[name]).set(group.threshold().into());
        // The alert on it has to see the first one go up from 0.
        for link in &config.cosigners {
            metrics.errors.with_label_values(&[name, &link.id.to_string(), "wrong_share"]);
        }
        let table = Table {
            name: name.into(),
            group,
            config: config.clone(),
            identity,
            metrics: metrics.clone(),
            links: OnceLock::new(),
        };
        Ok(Self { public_key, table: Arc::new(table), costs: BTreeMap::new(), vote: Vec::new() })
    }

    fn gather(&mut self, sign_bytes: &[u8]) -> Result<Signature, KeyError> {
        let started = Instant::now();
        let deadline = started + DEADLINE;
        // A cosigner is asked once for a signature: who said no says no again.
        let mut out: BTreeMap<u16, String> = BTreeMap::new();
        let table = Arc::clone(&self.table);
        let needed = usize::from(table.group.threshold());
        loop {
            if table.config.cosigners.len() - out.len() < needed {
                return Err(KeyError(format!("too few cosigners are left: {}", in_words(&out))));
            }
            let Some(promised) = self.choose(&out, deadline) else {
                return Err(KeyError(format!("too few cosigners in time: {}", table.who_is_missing(&out))));
            };
            let round = Round::new(sign_bytes, &promised)
                .ok_or_else(|| KeyError("the cosigners' promises fit no round".into()))?;
            let shares = table.ask(&round, deadline.min(Instant::now() + ATTEMPT));
            let mut good = BTreeMap::new();
            for id in round.members() {
                let (reason, words) = match shares.get(id) {
                    Some(Ok(share)) => {
                        good.insert(*id, share.clone());
                        continue;
                    }
                    Some(Err(Failed::Denied(why))) => ("denied", format!("says no: {why}")),
                    Some(Err(Failed::Link(why))) => ("connection", why.clone()),
                    None => ("timeout", "did not answer in time".into()),
                };
                warn!(key = table.name, cosigner = id, reason = words, "no share");
                self.failed(*id, reason, SLOW);
                out.insert(*id, words);
            }
            if good.len() < needed {
                continue;
            }
            match round.aggregate(&table.group, &good) {
                Ok(signature) => {
                    for (id, cost) in &mut self.costs {
                        if !good.contains_key(id) {
                            *cost -= cost.div_ceil(8);
                        }
                    }
                    table
                        .metrics
                        .duration
                        .with_label_values(&[&table.name])
                        .observe(started.elapsed().as_secs_f64());
                    return Ok(signature);
                }
                Err(GatherError::Liars(liars)) => {
                    for id in liars {
                        error!(key = table.name, cosigner = id, "cosigner gave a wrong share");
                        self.failed(id, "wrong_share", LIED);
                        out.insert(id, "gave a wrong share".into());
                    }
                }
                Err(GatherError::Incomplete) => {
                    return Err(KeyError("the shares add up to no signature".into()));
                }
            }
        }
    }

    /// A set of cosigners with what they have promised; they are busy from here on.
    fn choose(
        &self,
        out: &BTreeMap<u16, String>,
        deadline: Instant,
    ) -> Option<BTreeMap<u16, SigningCommitments>> {
        let cost = |id: u16| self.costs.get(&id).copied().unwrap_or(0);
        self.table.links().board.wait(deadline, |standings| {
            let ready = standings
                .iter()
                .filter(|(id, standing)| matches!(standing, Standing::Ready(_)) && !out.contains_key(id));
            let chosen = gather::choose(&self.table.group, ready.map(|(id, _)| (cost(*id), *id)).collect())?;
            let mut promised = BTreeMap::new();
            for (id, standing) in standings.iter_mut().filter(|(id, _)| chosen.contains(id)) {
                if let Standing::Ready(commitments) = std::mem::replace(standing, Standing::Busy) {
                    promised.insert(*id, *commitments);
                }
            }
            Some(promised)
        })
    }

    fn failed(&mut self, id: u16, reason: &'static str, cost: u64) {
        let labels = [self.table.name.as_str(), &id.to_string(), reason];
        self.table.metrics.errors.with_label_values(&labels).inc();
        let total = self.costs.entry(id).or_default();
        *total = total.saturating_add(cost).min(LIED);
    }
}

impl Key for FrostKey {
    fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    fn is_deterministic(&self) -> bool {
        false
    }

    fn remarks(&self) -> Vec<String> {
        let (group, configured) = (&self.table.group, self.table.config.cosigners.len());
        let threshold = group.threshold();
        let mut remarks =
            vec![format!("{threshold} of {} cosigners, group {}", group.ids().len(), group.fingerprint())];
        if configured == usize::from(threshold) {
            remarks.push(format!("all {configured} configured cosigners are needed: none may fail"));
        }
        remarks
    }

    fn sign(&mut self, permit: Permit<'_>) -> Result<Signature, KeyError> {
        let signature = self.gather(permit.sign_bytes())?;
        self.vote = permit.sign_bytes().into();
        Ok(signature)
    }

    /// Only who gave a share of the precommit gives one of its extension. If one of those has gone meanwhile, the others are asked for
    /// the same precommit once more, each by its own rule and mark; that signature is thrown away, since the first is the answer.
    fn sign_extension(&mut self, permit: ExtensionPermit<'_>) -> Result<Signature, KeyError> {
        let started = Instant::now();
        let first = self.gather(permit.sign_bytes());
        let vote = std::mem::take(&mut self.vote);
        if first.is_ok() || vote.is_empty() || started.elapsed() > DEADLINE / 2 {
            return first;
        }
        self.gather(&vote)?;
        self.gather(permit.sign_bytes())
    }

    fn health(&self) -> Option<Health> {
        // Asked for once the walls stand: the links are made from here on.
        self.table.links();
        let table = Arc::clone(&self.table);
        Some(Arc::new(move || table.troubles()))
    }
}

// === impl Table ===

impl Table {
    fn links(&self) -> &Links {
        self.links.get_or_init(|| {
            let (name, up) = (self.name.clone(), self.metrics.up.clone());
            let noted = Box::new(move |id: u16, is_up: bool| {
                up.with_label_values(&[&name, &id.to_string()]).set(i64::from(is_up));
            });
            let ids = self.config.cosigners.iter().map(|link| link.id);
            let board = Arc::new(Board::new(ids, noted));
            let mut jobs = BTreeMap::new();
            for link in &self.config.cosigners {
                let Ok(tls) = tls::client(&self.identity, link.pin) else { continue };
                let (sender, receiver) = mpsc::channel();
                let peer = Peer {
                    link: link.clone(),
                    fingerprint: self.group.fingerprint(),
                    tls,
                    board: Arc::clone(&board),
                };
                let thread = thread::Builder::new().name(format!("cosigner-{}", link.id));
                if let Err(error) = thread.spawn(move || peer.run(&receiver)) {
                    error!(key = self.name, cosigner = link.id, %error, "no thread for a cosigner's link");
                }
                jobs.insert(link.id, sender);
            }
            Links { board, jobs }
        })
    }

    /// Every answer that came before the deadline, or as soon as all have come.
    fn ask(&self, round: &Round, deadline: Instant) -> BTreeMap<u16, Result<Vec<u8>, Failed>> {
        let (reply, answers) = mpsc::channel();
        for id in round.members() {
            let job = Job { package: round.package(), deadline, reply: reply.clone() };
            if let Some(Err(mpsc::SendError(job))) = self.links().jobs.get(id).map(|jobs| jobs.send(job)) {
                let _ = job.reply.send((*id, Err(Failed::Link("its thread has ended".into()))));
            }
        }
        drop(reply);
        let mut shares = BTreeMap::new();
        while shares.len() < round.members().len() {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok((id, share)) = answers.recv_timeout(left) else { break };
            // One wrong word ends the round; who has not answered yet is not to blame for that, and is busy a while longer.
            shares.insert(id, share);
        }
        shares
    }

    fn down(&self) -> BTreeMap<u16, String> {
        let now = Instant::now();
        let all = self.links().board.wait(now, |standings| {
            let down = standings.iter().filter_map(|(id, standing)| match standing {
                Standing::Down(why) => Some((*id, why.clone())),
                Standing::Ready(_) | Standing::Busy => None,
            });
            Some(down.collect())
        });
        all.unwrap_or_default()
    }

    fn who_is_missing(&self, out: &BTreeMap<u16, String>) -> String {
        let mut all = self.down();
        all.extend(out.iter().map(|(id, why)| (*id, why.clone())));
        in_words(&all)
    }

    /// What keeps the key from signing.
    fn troubles(&self) -> Vec<String> {
        let down = self.down();
        let up = self.config.cosigners.len() - down.len();
        if up >= self.group.threshold().into() {
            return Vec::new();
        }
        vec![format!("{up} of the {} cosigners that are needed: {}", self.group.threshold(), in_words(&down))]
    }
}

fn in_words(who: &BTreeMap<u16, String>) -> String {
    let words = who.iter().map(|(id, why)| format!("cosigner {id} {why}"));
    words.collect::<Vec<_>>().join("; ")
}

// === impl OpenFrostError ===

impl OpenFrostError {
    /// What the operator can do.
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::File(error) if error.is_missing() => {
                Some("the group.json that frost split, dkg finish or reshare finish wrote".into())
            }
            Self::Tls(TlsError::File(error)) if error.is_missing() => {
                Some("palisade-signer frost identity FILE makes it".into())
            }
            Self::File(error) | Self::Tls(TlsError::File(error)) => error.remedy(),
            Self::Group { .. } | Self::Tls(_) | Self::NoSuchCosigner(_) | Self::TooFew { .. } => None,
        }
    }
}
