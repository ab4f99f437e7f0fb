//! Several signers of one key, and the etcd they share it in, deployed: what hosts get of it.

use palisade::render::{Homes, render};
use palisade_sentry::report;
use palisade_sentry::resolve;

const CLASSIC: &str = include_str!("../../examples/fleet-classic.toml");

/// The classic fleet with its second signer at work, each on a sentry of its own, and three members.
fn shared() -> String {
    let mut fleet = CLASSIC
        .replace("path = \"keys/akash.json\"", "store = \"etcd\"\npath = \"keys/akash.json\"")
        .replace("[deploy.binaries]", "etcd_tls = \"secrets/etcd\"\n\n[deploy.binaries]")
        .replace("palisade-signer = {", "etcd = { path = \"bin/etcd\", sha256 = \"043a718774c572bd8a25adbeb1bfcd5c0256ae11cecf9f9c3f925d0e52beaf89\" }\npalisade-signer = {")
        .replace("[host.signer]\nkeys = [\"akash\"]", "[host.signer]\nkeys = [\"akash\"]\nnodes = [\"val-1\"]")
        .replace("[host.signer]\nstandby = [\"akash\"]", "[host.signer]\nkeys = [\"akash\"]\nnodes = [\"sentry-2\"]")
        .replace("id = \"b5b2d8e90f14396e69f68267dcd58ac3ed83b5a5\"", "id = \"b5b2d8e90f14396e69f68267dcd58ac3ed83b5a5\"\nsigned_by = \"akash\"");
    for (n, provider) in [(1, "atlas"), (2, "borealis"), (3, "cumulus")] {
        fleet += &format!(
            "\n[[host]]\nname = \"etcd-{n}\"\nprovider = \"{provider}\"\nsite = \"vault-{n}\"\nwireguard = \"10.66.0.5{n}\"\n\
             [host.ssh]\naddress = \"10.66.0.5{n}\"\njump = \"ops@203.0.113.31\"\n\
             [host.tunnel]\npublic_key = \"/ci4Di1iPQy27NXVYypjIe+RUOZzK5IkCIyQW0p0Mh{}=\"\nendpoint = \"192.0.2.5{n}:51820\"\n[host.etcd]\n",
            ["k", "A", "E"][n - 1]
        );
    }
    fleet
}

#[test]
fn signers_and_members_find_each_other() {
    let fleet = resolve(&shared()).unwrap_or_else(|e| panic!("{e}"));
    let rendered = render(&fleet, &Homes::new()).unwrap_or_else(|e| {
        panic!(
            "{e}\n{}",
            match &e {
                palisade::render::RenderError::Refused(r) => report::text(r, "fleet.toml"),
                _ => String::new(),
            }
        )
    });
    let texts: std::collections::BTreeMap<&str, &str> = rendered.tree.texts().collect();
    let of = |host: &str, end: &str| {
        let found = texts.iter().find(|(path, _)| path.contains(host) && path.ends_with(end));
        *found.unwrap_or_else(|| panic!("no {end} for {host} among {:?}", texts.keys())).1
    };
    for signer in ["signer-1", "signer-2"] {
        let config = of(signer, "signer.toml");
        assert!(config.contains("[chain.store.etcd]"), "{config}");
        for n in 1..=3 {
            assert!(config.contains(&format!("https://10.66.0.5{n}:2379")), "{config}");
        }
        assert!(of(signer, "nftables.nft").contains("etcd on etcd-1"), "the firewall lets it out");
    }
    let member = of("etcd-2", "etcd.yml");
    assert!(member.contains("listen-client-urls: https://10.66.0.52:2379\n"), "{member}");
    let cluster = "initial-cluster: etcd-1=https://10.66.0.51:2380,etcd-2=https://10.66.0.52:2380,etcd-3=https://10.66.0.53:2380\n";
    assert!(member.contains(cluster), "{member}");
    assert!(of("etcd-2", "palisade-etcd.service").contains("Type=notify"));
    let rules = of("etcd-2", "nftables.nft");
    assert!(rules.contains("2379") && rules.contains("2380") && rules.contains("10.66.0.11"), "{rules}");
    let inventory = of("inventory", "hosts.yml");
    assert!(
        inventory.contains("    etcd:\n      hosts:\n        etcd-1:\n        etcd-2:\n        etcd-3:\n"),
        "{inventory}"
    );
    // The collection refuses a name that two hosts claim.
    assert!(of("signer-1", "signer-1.yml").contains("akash (shared, on signer-1)"));
}
