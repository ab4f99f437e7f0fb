//! A first fleet file: from a few answers, or from a signer and a node that run today, to a commented draft that passes the audit.
//!
//! What nobody said is not made up: deployment (digests, WireGuard keys, ssh) stands there as comments to be filled in, because a
//! made-up digest or key would be worse than none.

mod import;

pub use import::{ImportError, Imported, horcrux, node_home, tmkms};

use std::fmt::Write;
use std::net::IpAddr;

/// What a draft is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// Chain id.
    pub chain: String,
    /// Node line, e.g. `0.38`.
    pub line: String,
    /// The validator's node: host and node id. Without one the signer serves the sentries.
    pub validator: Option<(String, String)>,
    /// Sentries.
    pub sentries: Vec<Sentry>,
    /// Host of the signer.
    pub signer: String,
    /// Where the signer finds the key, and by which backend.
    pub key: (String, String),
    /// Host of the monitor.
    pub monitor: Option<String>,
    /// The validator's operator address.
    pub valoper: Option<String>,
    /// What was found and is worth a thought.
    pub remarks: Vec<String>,
}

/// One sentry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sentry {
    /// Host name.
    pub host: String,
    /// Node id.
    pub id: String,
    /// Public address.
    pub public: IpAddr,
}

/// The fleet file.
pub fn draft(of: &Answers) -> String {
    let quote = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let mut out = String::from(
        "# Drafted by `palisade init`. Check every line, above all providers and addresses: they are placeholders where they say so.\n\
         #   palisade-sentry audit fleet.toml     the attacks that this fleet leaves open\n\
         #   palisade render fleet.toml --out out the configuration of every host\n",
    );
    for remark in &of.remarks {
        let _ = writeln!(out, "# Found: {remark}");
    }
    let _ = write!(
        out,
        "\n# To plan and apply, fill this in (examples/fleet-classic.toml has all of it):\n\
         # [deploy]\n# admins = [\"198.51.100.7/32\"]         # who may reach sshd\n# ssh_user = \"ops\"\n\
         # [deploy.binaries]                   # sha256sum prints the digests\n\
         # palisade-signer = {{ path = \"bin/palisade-signer\", sha256 = \"\" }}\n\
         # and [chain.software], and [host.ssh] and [host.tunnel] at every host.\n\n\
         [[chain]]\nid = {}\nnode_line = {}                   # what its nodes run\n",
        quote(&of.chain),
        quote(&of.line)
    );
    if let Some(valoper) = &of.valoper {
        let _ = writeln!(out, "watch = [{}]", quote(valoper));
    }
    let _ = write!(
        out,
        "\n[[key]]                              # exactly one signer may hold it\nname = \"validator\"\nchain = {}\nbackend = {}\npath = {}\n",
        quote(&of.chain),
        quote(&of.key.1),
        quote(&of.key.0)
    );
    let mut inner = 10..=250_u8;
    let mut host = |out: &mut String, name: &str, public: Option<IpAddr>| {
        let number = inner.next().unwrap_or(250);
        let _ = write!(
            out,
            "\n[[host]]\nname = {}\nprovider = {}   # who runs the machine room\n",
            quote(name),
            quote(&format!("of-{name}"))
        );
        if let Some(public) = public {
            let _ = writeln!(out, "public = [\"{public}\"]");
        }
        let _ = writeln!(out, "wireguard = \"10.66.0.{number}\"             # its address among your hosts");
    };
    let node = |out: &mut String, role: &str, id: &str, signed: bool| {
        let _ = write!(
            out,
            "\n[[host.node]]\nchain = {}\nrole = \"{role}\"\nid = {}\n",
            quote(&of.chain),
            quote(id)
        );
        if signed {
            out.push_str(
                "signed_by = \"validator\"             # opens a privval port for the signer of this key\n",
            );
        }
    };
    if let Some((name, id)) = &of.validator {
        host(&mut out, name, None);
        node(&mut out, "validator", id, true);
    }
    host(&mut out, &of.signer, None);
    out.push_str("\n[host.signer]\nkeys = [\"validator\"]\n");
    for sentry in &of.sentries {
        host(&mut out, &sentry.host, Some(sentry.public));
        node(&mut out, "sentry", &sentry.id, of.validator.is_none());
    }
    if let Some(monitor) = &of.monitor {
        host(&mut out, monitor, None);
        out.push_str("\n[host.monitor]\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use palisade_sentry::{Severity, audit, resolve};

    fn answers(validator: bool) -> Answers {
        let sentry = |n: u8| Sentry {
            host: format!("sentry-{n}"),
            id: format!("{n:040x}"),
            public: IpAddr::from([203, 0, 113, n]),
        };
        Answers {
            chain: "akashnet-2".into(),
            line: "0.38".into(),
            validator: validator.then(|| ("val-1".into(), format!("{:040x}", 99))),
            sentries: vec![sentry(1), sentry(2)],
            signer: "signer-1".into(),
            key: ("keys/validator.json".into(), "softsign".into()),
            monitor: Some("monitor-1".into()),
            valoper: None,
            remarks: vec!["tmkms".into()],
        }
    }

    #[test]
    fn a_draft_passes_the_audit() {
        for validator in [true, false] {
            let text = draft(&answers(validator));
            let fleet = resolve(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
            let report = audit(&fleet);
            assert!(!report.fails(Severity::Warn), "{:?}\n{text}", report.findings);
        }
    }
}
