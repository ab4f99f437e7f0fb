//! Rendering is deterministic, and the order of the hosts in the file does not matter.

use palisade::render::{Homes, render};
use palisade_sentry::resolve;
use proptest::prelude::*;

const EXAMPLES: [&str; 2] = [
    include_str!("../../examples/fleet-classic.toml"),
    include_str!("../../examples/fleet-signer-served.toml"),
];

/// The text before the first host, and the block of every host.
fn split(fleet: &str) -> (&str, Vec<&str>) {
    let starts: Vec<usize> = fleet.match_indices("[[host]]\n").map(|(at, _)| at).collect();
    let ends = starts.iter().skip(1).copied().chain([fleet.len()]);
    (&fleet[..starts[0]], starts.iter().zip(ends).map(|(start, end)| &fleet[*start..end]).collect())
}

fn files(fleet: &str) -> (Vec<(String, String)>, String) {
    let fleet = resolve(fleet).unwrap_or_else(|e| panic!("{e}"));
    let tree = render(&fleet, &Homes::new()).unwrap_or_else(|e| panic!("{e}")).tree;
    let manifest = tree.manifest(&fleet).text();
    // The sentry watch has the fleet file itself.
    let texts = tree.texts().filter(|(path, _)| !path.ends_with(palisade::tree::WATCH_FLEET));
    (texts.map(|(path, text)| (path.to_owned(), text.to_owned())).collect(), manifest)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn order_of_hosts_does_not_matter(
        (example, order) in prop::sample::select(EXAMPLES.to_vec()).prop_flat_map(|example| {
            let count = split(example).1.len();
            (Just(example), Just((0..count).collect::<Vec<_>>()).prop_shuffle())
        }),
    ) {
        let (head, hosts) = split(example);
        // The last block may lack the blank line that keeps two apart.
        let mixed: String = order.iter().map(|i| format!("{}\n", hosts[*i])).collect();
        prop_assert_eq!(files(example), files(&format!("{head}{mixed}")));
    }
}

#[test]
fn each_of_a_hundred_hosts_has_its_files() {
    let mut fleet = EXAMPLES[0].to_owned();
    for i in 1..=100 {
        fleet += &format!(
            "[[host]]\nname = \"more-{i}\"\nprovider = \"p{i}\"\npublic = [\"203.0.114.{i}\"]\nwireguard = \"10.67.0.{i}\"\n\
             [host.ssh]\naddress = \"203.0.114.{i}\"\n[host.tunnel]\nendpoint = \"203.0.114.{i}:51820\"\n\
             public_key = \"S56nDrCoSh8fbIIf+6WwvKvzM3gBst/QwbzOceHI9qo=\"\n\
             [[host.node]]\nchain = \"akashnet-2\"\nrole = \"sentry\"\nid = \"{i:040x}\"\n"
        );
    }
    let (before, _) = files(EXAMPLES[0]);
    let (after, _) = files(&fleet);
    let new =
        |name: &str| after.iter().filter(|(path, _)| path.ends_with(name) && path.contains("/more-")).count();
    for name in [
        "config/config.toml",
        "config/app.toml",
        "nftables.nft",
        "wg0.conf",
        ".service",
        "host_vars/more-7.yml",
    ] {
        assert!(new(name) >= if name.contains("more-7") { 1 } else { 100 }, "{name}");
    }
    assert!(after.len() > before.len() + 1000);
}
