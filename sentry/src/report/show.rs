//! What follows from a fleet, for a person who wants to see it before it is rendered.

use core::fmt::Write;

use crate::fleet::Fleet;
use crate::rules;

/// Nodes, their listeners, and the links between them.
pub fn show(fleet: &Fleet) -> String {
    let mut out = String::new();
    for host in fleet.hosts() {
        let site = host.site.as_ref().map(|s| format!(" {s}")).unwrap_or_default();
        let _ = writeln!(out, "{}  {}{site}", host.name, host.provider);
        let named = host.public.iter().map(|ip| ("public", ip));
        for (network, ip) in named
            .chain(host.private.iter().map(|ip| ("private", ip)))
            .chain(host.wireguard.iter().map(|ip| ("wireguard", ip)))
        {
            let _ = writeln!(out, "  {network:<9}  {ip}");
        }
        for view in fleet.views().filter(|v| v.host.name == host.name) {
            let _ = writeln!(out, "  {}  {}  {}", view.node.role, view.node.name.chain, view.node.id);
            for listener in view.settings.listeners() {
                let exposure = listener.listen.exposure(host);
                let _ =
                    writeln!(out, "    {:<39} {:<32} {exposure}", listener.key, listener.listen.to_string());
            }
        }
        for signer in fleet.signers().iter().filter(|s| s.host == host.name) {
            let _ = writeln!(out, "  signer  {}  {}", signer.keys.join(", "), signer.listen);
        }
        for monitor in fleet.monitors().iter().filter(|m| m.host == host.name) {
            let _ = writeln!(out, "  monitor  {}  {}", monitor.chains.join(", "), monitor.listen);
        }
        out.push('\n');
    }
    for link in fleet.links() {
        let _ = writeln!(out, "{:<7}  {} -> {}  {}", link.speech, link.from, link.to, link.address);
    }
    out
}

/// Every rule and the attack behind it.
pub fn list_rules() -> String {
    let mut out = String::new();
    for rule in rules::ALL {
        let _ = writeln!(out, "{}\n  {}", rule.name, rule.attack);
    }
    out
}
