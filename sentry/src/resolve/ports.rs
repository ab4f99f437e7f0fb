//! No two listeners of one host on one port: the second process would not start, and often long after the first.

use std::collections::BTreeMap;

use crate::error::{FleetError, Place, Problem};
use crate::fleet::Fleet;
use crate::listen::Listen;

/// Refuses a fleet in which two listeners collide; a listener on every interface collides with all on its port.
pub(super) fn no_port_twice(fleet: &Fleet) -> Result<(), FleetError> {
    let mut opened: BTreeMap<&str, Vec<(&Listen, String)>> = BTreeMap::new();
    for view in fleet.views() {
        for listener in view.settings.listeners() {
            let owner = format!("{} of {}", listener.key, view.node.name.chain);
            opened.entry(&view.host.name).or_default().push((listener.listen, owner));
        }
    }
    for signer in &fleet.signers {
        opened.entry(&signer.host).or_default().push((&signer.listen, "signer.listen".into()));
    }
    for monitor in &fleet.monitors {
        opened.entry(&monitor.host).or_default().push((&monitor.listen, "monitor.listen".into()));
    }
    for (host, listeners) in opened {
        for (i, (listen, second)) in listeners.iter().enumerate() {
            if let Some((_, first)) = listeners[..i].iter().find(|(other, _)| collide(other, listen)) {
                let (address, first, second) = (listen.to_string(), first.clone(), second.clone());
                let place = Place { host: Some(host.to_owned()), ..Place::default() };
                return Err(Problem::PortTaken { address, first, second }.at(place));
            }
        }
    }
    Ok(())
}

fn collide(a: &Listen, b: &Listen) -> bool {
    match (a, b) {
        (Listen::Tcp(a), Listen::Tcp(b)) => {
            a.port() == b.port() && (a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified())
        }
        _ => a == b,
    }
}
