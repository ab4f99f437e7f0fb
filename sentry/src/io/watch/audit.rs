//! One run: the plan, what is seen from outside, and the homes on this machine.

use std::collections::BTreeSet;

use super::Shared;
use crate::audit::{Report, examine};
use crate::finding::Finding;
use crate::fleet::{Fleet, Role};
use crate::home::Home;
use crate::io::fleet_file::{self, LoadError};
use crate::io::probe::{Options, Way};
use crate::io::survey::{Survey, SurveyError};
use crate::io::{kept_file, node_home};
use crate::live::Live;
use crate::named::{NotOne, named};
use crate::peer::{NodeId, PeerAddress, PeerError};
use crate::rules::Evidence;
use crate::watch::Coverage;
use crate::watch::confirm::Looked;

/// Why a run comes to no result. Ends with a `try:` line.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant is its doc")]
pub enum AuditError {
    #[error(transparent)]
    Fleet(#[from] LoadError),
    #[error(transparent)]
    Node(#[from] NotOne),
    #[error(transparent)]
    Home(#[from] kept_file::FileError),
    #[error(transparent)]
    Survey(#[from] SurveyError),
    #[error("{0}\ntry: id@host:port in live.targets, 40 hex digits in live.private")]
    Peer(#[from] PeerError),
    #[error("\"{0}\" names no jump host\ntry: from = \"ssh://user@host\"")]
    Way(String),
    #[error(
        "[[node]] \"{0}\" is a validator, which nothing but its sentries and its signer should reach\ntry: remove it; its link is judged by its sentries"
    )]
    Validator(String),
}

/// What a run came to.
pub(super) struct Done {
    pub(super) findings: Vec<Finding>,
    pub(super) reach: Coverage,
    pub(super) double_sign_check: [u64; 2],
    live: Option<Live>,
    homes: Vec<Home>,
}

impl Done {
    pub(super) fn looked(&self) -> Looked<'_> {
        Looked { planned: true, live: self.live.as_ref(), homes: &self.homes }
    }
}

/// The fleet, and a check that all that is configured about it stands.
pub(super) fn fleet(shared: &Shared) -> Result<Fleet, AuditError> {
    let fleet = fleet_file::load(&shared.path(&shared.settings.fleet))?;
    for node in &shared.settings.nodes {
        let view = named(&fleet, &node.node)?;
        if view.node.role == Role::Validator {
            return Err(AuditError::Validator(node.node.clone()));
        }
    }
    for home in &shared.settings.homes {
        named(&fleet, &home.node)?;
    }
    if let Some(live) = &shared.settings.live {
        targets(live)?;
        way(live)?;
    }
    Ok(fleet)
}

type Named = (Vec<PeerAddress>, Vec<NodeId>);

fn targets(live: &crate::watch::settings::Live) -> Result<Named, PeerError> {
    let targets = live.targets.iter().map(|peer| peer.parse()).collect::<Result<_, _>>()?;
    Ok((targets, live.private.iter().map(|id| id.parse()).collect::<Result<_, _>>()?))
}

fn way(live: &crate::watch::settings::Live) -> Result<Way, AuditError> {
    match &live.from {
        None => Ok(Way::Direct),
        Some(url) => Way::from_url(url).ok_or_else(|| AuditError::Way(url.clone())),
    }
}

pub(super) async fn once(shared: &Shared) -> Result<Done, AuditError> {
    let fleet = fleet(shared)?;
    let live = match &shared.settings.live {
        None => None,
        Some(settings) => {
            let (targets, private) = targets(settings)?;
            let survey = Survey {
                fleet: Some(&fleet),
                whole: true,
                targets: &targets,
                seeds: settings.seeds,
                private: &private,
                private_ip: &settings.private_ip,
            };
            let connect = settings.timeout.0;
            let (way, requests) = (way(settings)?, settings.pex_requests);
            let options = Options { way, connect, talk: 3 * connect, requests, ..Options::default() };
            Some(survey.look(&options).await?)
        }
    };
    let hidden = crate::live::Hidden::of(&fleet);
    let mut report = examine(&Evidence { planned: Some(&fleet), live: live.as_ref(), ..Evidence::default() });
    let mut homes = Vec::new();
    for at in &shared.settings.homes {
        let view = named(&fleet, &at.node)?;
        let dir = shared.path(&at.dir);
        let home = node_home::load(&dir, Some((&fleet, view)), view.node.line, &hidden)?;
        add(&mut report, examine(&Evidence { home: Some(&home), ..Evidence::default() }));
        homes.push(home);
    }
    let reach = Coverage::of(&report, live.as_ref());
    let mut double_sign_check = [0, 0];
    for view in homes.iter().filter_map(Home::view).filter(|v| v.node.role == Role::Validator) {
        let on = view.settings.consensus_double_sign_check_height.value > 0;
        double_sign_check[usize::from(on)] += 1;
    }
    Ok(Done { findings: report.findings, reach, double_sign_check, live, homes })
}

fn add(to: &mut Report, more: Report) {
    to.findings.extend(more.findings);
    let rules: BTreeSet<&'static str> = to.rules.iter().copied().chain(more.rules).collect();
    to.rules = rules.into_iter().collect();
}
