//! Looks at every host at once, and makes a plan of what is seen. Changes nothing anywhere.

use std::collections::BTreeMap;
use std::time::Duration;

use palisade_sentry::Fleet;
use palisade_sentry::deployment::Deployment;
use palisade_sentry::node_config;

use super::ssh::{Ssh, SshError};
use crate::observe::{self, ObserveError, Observed, Wanted};
use crate::plan::{self, Plan};
use crate::render::{Homes, RenderError, Rendered, render};

/// A look at one host; a fleet's slowest bastion must fit in.
const LOOK: Duration = Duration::from_secs(60);

/// What a look at the fleet came to.
pub(super) struct Look {
    /// Rendered with the nodes' own settings.
    pub(super) rendered: Rendered,
    /// What there is to do.
    pub(super) plan: Plan,
}

#[derive(Debug, thiserror::Error)]
enum LookError {
    #[error(transparent)]
    Ssh(#[from] SshError),
    #[error(transparent)]
    Observe(#[from] ObserveError),
}

/// Looks at every host, renders with what the nodes have, and compares.
pub(super) fn look(fleet: &Fleet, of: &Deployment, ssh: &Ssh) -> Result<Look, RenderError> {
    // What is to be looked at does not depend on what the files say.
    let first = render(fleet, &Homes::new())?;
    let one = |host: &str| -> (String, Result<Observed, LookError>) {
        let wanted = plan::wanted(fleet, of, &first.tree, host);
        (host.to_owned(), observe(ssh, of, host, &wanted))
    };
    let answers: Vec<_> = std::thread::scope(|scope| {
        let asked: Vec<_> = fleet.hosts().map(|host| scope.spawn(move || one(&host.name))).collect();
        asked.into_iter().map(|thread| thread.join().expect("a look does not panic")).collect()
    });
    let (mut seen, mut blind) = (BTreeMap::new(), BTreeMap::new());
    for (host, answer) in answers {
        match answer {
            Ok(observed) => drop(seen.insert(host, observed)),
            Err(error) => drop(blind.insert(host, error.to_string())),
        }
    }
    let mut homes = Homes::new();
    for node in fleet.nodes() {
        for file in [node_config::File::Config, node_config::File::App] {
            let path = format!("{}/{}", of.software[&node.name.chain].home, file.path());
            let found = seen.get(&node.name.host).and_then(|o| o.files.get(&path)).cloned().flatten();
            if let Some(found) = found {
                homes.insert((node.name.clone(), file), found.text);
            }
        }
    }
    let rendered = render(fleet, &homes)?;
    let plan = plan::plan(fleet, of, &rendered.tree, &seen, &blind);
    Ok(Look { rendered, plan })
}

fn observe(ssh: &Ssh, of: &Deployment, host: &str, wanted: &Wanted) -> Result<Observed, LookError> {
    let out = ssh.must(host, &of.access[host], &observe::script(wanted), LOOK)?;
    Ok(Observed::read(&out, wanted)?)
}
