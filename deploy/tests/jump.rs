//! Whoever is a jump host of the fleet is let in where it jumps to, whatever address that is.

use palisade::render::{Homes, render};
use palisade_sentry::resolve;

const CLASSIC: &str = include_str!("../../examples/fleet-classic.toml");

fn rules(fleet: &str, host: &str) -> String {
    let fleet = resolve(fleet).unwrap_or_else(|e| panic!("{e}"));
    let rendered = render(&fleet, &Homes::new()).unwrap_or_else(|e| panic!("{e}"));
    rendered.tree.files[&format!("hosts/{host}/files/etc/palisade/host/nftables.nft")].text.clone()
}

/// The lines of the rules that let ssh in.
fn ssh(rules: &str) -> Vec<&str> {
    rules.lines().filter(|line| line.contains("ssh through")).collect()
}

#[test]
fn a_jump_inside_the_tunnel_is_let_in_by_its_tunnel_address() {
    let rules = rules(CLASSIC, "val-1");
    let [line] = ssh(&rules)[..] else { panic!("{rules}") };
    assert!(line.contains("10.66.0.") && !line.contains("203.0.113.31"), "{line}");
}

#[test]
fn an_ssh_address_that_is_none_of_the_host_lets_every_address_of_its_jump_in() {
    let fleet = CLASSIC.replacen("address = \"10.66.0.10\"", "address = \"192.0.2.10\"", 1);
    assert_ne!(fleet, CLASSIC);
    let rules = rules(&fleet, "val-1");
    let lines = ssh(&rules);
    for address in ["203.0.113.31", "10.66.0.31"] {
        assert!(lines.iter().any(|line| line.contains(address)), "{address} does not come in:\n{rules}");
    }
}
