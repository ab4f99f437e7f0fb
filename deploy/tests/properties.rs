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
    (tree.files.into_iter().map(|(path, file)| (path, file.text)).collect(), manifest)
}

proptest! {
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
             [[host.node]]\nchain = \"akashnet-2\"\nrole = \"sentry\"\nid = \"{i:040x}\"\n"
        );
    }
    let (before, _) = files(EXAMPLES[0]);
    let (after, _) = files(&fleet);
    assert_eq!(after.len() - before.len(), 200, "config.toml and app.toml of each");
}
