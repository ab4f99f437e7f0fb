//! `etcd check` and `etcd pin`: would signers that share a mark in this cluster be safe and quick?

use std::{
    path::Path,
    time::{Duration, Instant},
};

use crate::{
    cluster::{Register as _, Swap},
    config::{ChainConfig, EtcdConfig},
    etcd::{
        Answer as _,
        admin::{MEMBER_LIST, MemberListRequest, MemberListResponse, STATUS, StatusRequest, StatusResponse},
        kv::{
            Compare, Operation, PutRequest, RANGE, RangeRequest, RangeResponse, Request, TXN, Target as With,
            TxnRequest, TxnResponse, get,
        },
    },
    io::{
        etcd::{Client, EtcdRegister},
        shared_state::SharedState,
        state_cmd::{StateError, Target},
        store_file,
    },
    latency::Latency,
    mark::Mark,
    metrics::Metrics,
    record::RECORD,
    store::SharedError,
};

/// Compare-and-swaps that are measured.
const SWAPS: u32 = 100;
/// Above this a signature with its tries comes near what a block leaves for it.
const SLOW: Duration = Duration::from_millis(100);
/// The oldest version whose behaviour is tested.
const OLDEST: (u32, u32) = (3, 5);
/// How much of the default quota of 2 GiB a database may have.
const LARGE: i64 = 1 << 30;

/// One thing looked at.
#[derive(Debug)]
pub struct Checked {
    /// What.
    pub check: &'static str,
    /// Whether it is as it should be.
    pub good: bool,
    /// In words.
    pub news: String,
    /// What can be done.
    pub remedy: Option<String>,
}

fn good(check: &'static str, news: String) -> Checked {
    Checked { check, good: true, news, remedy: None }
}

fn bad(check: &'static str, news: String, remedy: &str) -> Checked {
    Checked { check, good: false, news, remedy: Some(remedy.into()) }
}

/// Looks at the cluster of a chain, and at its mark there.
pub fn check(chain: &ChainConfig, target: &Target, config: &Path) -> Vec<Checked> {
    let (Some(etcd), Some(shared)) = (chain.store.etcd(), &target.shared) else { return Vec::new() };
    let client = Client::new(etcd.cluster.clone(), Metrics::new("").etcd);
    let mut all = members(etcd, &client);
    match client.call::<_, RangeResponse>(RANGE, get(shared.key())) {
        Ok(_) => all.push(good("quorum", "a linearizable read was answered".into())),
        Err(error) => {
            all.push(bad("quorum", error.to_string(), "docs/etcd.md: members, certificates and users"));
            return all;
        }
    }
    all.push(list(etcd, &client));
    all.push(reach(&client, etcd));
    all.push(latency(&client, &chain.id, shared));
    all.push(history(target, shared, config, &chain.id));
    all
}

/// Each endpoint by itself: answers with mutual TLS, votes, has a leader, no alarm, a version that is known.
fn members(etcd: &EtcdConfig, client: &Client) -> Vec<Checked> {
    let mut clusters = Vec::new();
    let mut all: Vec<Checked> = (0..etcd.cluster.endpoints.len())
        .map(|at| {
            let endpoint = &etcd.cluster.endpoints[at];
            let status: StatusResponse = match client.call_member(at, STATUS, StatusRequest {}) {
                Ok(status) => status,
                Err(why) => return bad("member", format!("{endpoint}: {why}"), "look at that member's log"),
            };
            clusters.push(status.header().cluster_id);
            let StatusResponse { version, db_size, db_size_in_use, leader, errors, is_learner, .. } = status;
            let about = format!(
                "{endpoint}: etcd {version}, database {} KiB, {} in use",
                db_size >> 10,
                db_size_in_use >> 10
            );
            if is_old(&version) {
                let remedy = "etcd 3.5 or 3.6: no other line is tested";
                return bad("member", about, remedy);
            }
            if leader == 0 {
                return bad(
                    "member",
                    format!("{about}; it knows of no leader"),
                    "docs/etcd.md: a member that is cut off",
                );
            }
            if is_learner {
                return bad(
                    "member",
                    format!("{about}; it has no vote yet"),
                    "etcdctl member promote, once it has caught up",
                );
            }
            if !errors.is_empty() {
                return bad(
                    "member",
                    format!("{about}; {}", errors.join("; ")),
                    "docs/etcd.md: compact, defragment, disarm",
                );
            }
            if db_size > LARGE {
                return bad(
                    "member",
                    about,
                    "docs/etcd.md: compact and defragment; is --auto-compaction-retention set?",
                );
            }
            good("member", about)
        })
        .collect();
    clusters.dedup();
    if let [first, other, ..] = clusters[..] {
        let news = format!("endpoints of different clusters: {first:016x} and {other:016x}");
        all.push(bad("cluster", news, "the endpoints of one cluster"));
    }
    all
}

fn is_old(version: &str) -> bool {
    let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) < OLDEST
}

/// An odd number of members, every one of them an endpoint.
fn list(etcd: &EtcdConfig, client: &Client) -> Checked {
    let check = "members";
    let listed: MemberListResponse = match client.call(MEMBER_LIST, MemberListRequest { linearizable: true })
    {
        Ok(listed) => listed,
        // Newer servers tell it to root alone; then each endpoint has been asked by itself.
        Err(SharedError::Refused(_)) => {
            return good(
                check,
                format!("{} endpoints; this user may not list members", etcd.cluster.endpoints.len()),
            );
        }
        Err(error) => return bad(check, error.to_string(), "look at the members' logs"),
    };
    let voters = listed.members.iter().filter(|member| !member.is_learner).count();
    let told: Vec<String> = etcd.cluster.endpoints.iter().map(ToString::to_string).collect();
    let unknown: Vec<&str> = listed
        .members
        .iter()
        .filter(|member| !member.is_learner && !member.client_urls.iter().any(|url| told.contains(url)))
        .map(|member| member.name.as_str())
        .collect();
    if voters.is_multiple_of(2) {
        let news = format!("{voters} members: as many as one fewer would survive the loss of");
        return bad(check, news, "an odd number, three or five, at different sites (docs/etcd.md)");
    }
    if voters == 1 {
        return bad(check, "one member: no signature without it".into(), "three members at different sites");
    }
    if !unknown.is_empty() {
        let news = format!("{voters} members; no endpoint for {}", unknown.join(", "));
        return bad(check, news, "name every member in endpoints");
    }
    good(check, format!("{voters} members, a majority is {}", voters / 2 + 1))
}

/// Whether users are checked, and this one is kept to its prefix. Asks for what must be refused; changes nothing.
fn reach(client: &Client, etcd: &EtcdConfig) -> Checked {
    let check = "role";
    let remedy = "a role for the prefix alone and auth enable (docs/etcd.md)";
    let outside = || b"\0palisade-outside".to_vec();
    let range = RangeRequest { key: outside(), limit: 1, keys_only: true, ..RangeRequest::default() };
    match client.call::<_, RangeResponse>(RANGE, range) {
        Ok(_) => return bad(check, format!("it may read outside of {}/", etcd.prefix), remedy),
        Err(SharedError::Refused(_)) => {}
        Err(error) => return bad(check, error.to_string(), "again, once the cluster answers"),
    }
    // A put that can never be done, since no key was changed a negative number of times: leave is looked at first.
    let never = Compare { result: 2, target: 0, key: outside(), with: Some(With::Version(-1)) };
    let put = PutRequest { key: outside(), value: Vec::new() };
    let txn = TxnRequest {
        compare: vec![never],
        success: vec![Operation { request: Some(Request::Put(put)) }],
        failure: Vec::new(),
    };
    match client.call::<_, TxnResponse>(TXN, txn) {
        Ok(_) => bad(check, format!("it may write outside of {}/", etcd.prefix), remedy),
        Err(SharedError::Refused(_)) => {
            good(check, format!("users are checked, and this one sees {}/ alone", etcd.prefix))
        }
        Err(error) => bad(check, error.to_string(), "again, once the cluster answers"),
    }
}

/// Compare-and-swaps of a key beside the mark.
fn latency(client: &Client, chain_id: &str, shared: &SharedState) -> Checked {
    let check = "latency";
    let mut register = EtcdRegister::new(client.clone(), chain_id, format!("{}-check", shared.key()), None);
    let mut latency = Latency::default();
    let measured = (|| {
        let mut seen = register.read()?;
        for number in 0..SWAPS {
            let mut next = [0; RECORD];
            next[..4].copy_from_slice(&number.to_le_bytes());
            let started = Instant::now();
            let swap = register.swap(seen.as_ref(), &next, &mut || ())?;
            latency.note(u32::try_from(started.elapsed().as_micros()).unwrap_or(u32::MAX));
            seen = match swap {
                Swap::Done(revision) => Some(crate::cluster::Seen { revision, value: next.to_vec() }),
                Swap::Lost(there) => there,
            };
        }
        Ok::<_, SharedError>(())
    })();
    if let Err(error) = measured {
        return bad(check, error.to_string(), "may this user write below the prefix?");
    }
    let [p50, p99] =
        [50, 99].map(|percent| Duration::from_micros(latency.percentile(percent).unwrap_or(0).into()));
    let news = format!("a compare-and-swap takes {p50:?} (p50), {p99:?} (p99)");
    if p99 > SLOW {
        return bad(
            check,
            news,
            "faster disks for etcd, or members nearer to each other; see etcd_disk_wal_fsync_duration_seconds",
        );
    }
    good(check, news)
}

/// The mark: of this chain and key, in the pinned cluster, not below this signer's own, never deleted and made again.
fn history(target: &Target, shared: &SharedState, config: &Path, chain_id: &str) -> Checked {
    let check = "history";
    let remedy = |error: &crate::io::shared_state::SharedStateError| error.remedy(config, chain_id);
    // Before the look, since a signer may be at work.
    let reached = store_file::reached(&target.path, &target.identity).ok().flatten();
    let (look, pin) = match shared.look().and_then(|look| Ok((look, shared.pin()?))) {
        Ok(found) => found,
        Err(error) => return bad(check, error.to_string(), &remedy(&error)),
    };
    let Some(mark) = look.mark else {
        let error = SharedError::Gone.into();
        return bad(check, SharedError::Gone.to_string(), &remedy(&error));
    };
    let wrong = match (pin, reached) {
        (None, _) => Some(crate::io::shared_state::SharedStateError::NotPinned {
            path: target.path.with_extension("cluster"),
        }),
        (Some(bound), _) if bound != look.cluster => {
            Some(SharedError::OtherCluster { found: look.cluster, bound }.into())
        }
        (_, Some(reached)) if mark.hrs < reached => {
            Some(SharedError::Behind { found: mark.hrs.to_string(), known: reached.to_string() }.into())
        }
        _ => None,
    };
    if let Some(error) = wrong {
        return bad(check, error.to_string(), &remedy(&error));
    }
    if i64::try_from(look.sequence).ok() != Some(look.version) {
        let news =
            format!("record {} was put {} times: it was deleted and made again", look.sequence, look.version);
        return bad(check, news, "find out who did that; the mark itself is not below this signer's");
    }
    good(check, format!("record {} at {}, last signed {}", look.sequence, shared.key(), mark.hrs))
}

impl Target {
    /// Raises etcd to this signer and this signer to etcd, and binds it to the cluster that answers.
    pub fn pin(&self) -> Result<(u64, Mark), StateError> {
        let Some(shared) = &self.shared else {
            return Err(StateError::NotShared(self.identity.chain_id.clone()));
        };
        // Held, so no signer is at work with it here.
        let held = store_file::hold(&self.path, &self.identity)?;
        let cluster = shared.look()?.cluster;
        let before = shared.pin()?;
        shared.set_pin(cluster)?;
        if let Err(error) = shared.raise(&held.mark) {
            if let Some(before) = before {
                shared.set_pin(before)?;
            }
            return Err(error.into());
        }
        let mark = held.beside(&shared.mark()?);
        drop(held);
        // What was known of another cluster, or of this one before it went back, is forgotten.
        store_file::renew(&self.path, self.identity.clone(), &mark)?;
        Ok((cluster, mark))
    }
}
