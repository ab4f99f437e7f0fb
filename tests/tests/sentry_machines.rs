//! What gives a validator away although every node is set up well: its machine. Vectors 13, 14, 17, 18, 26 and 27 of
//! spec p2p.md §4, each built alone, found from outside, mended, and then not found.
//!
//! Needs root for network namespaces; without it the test says loudly that it did nothing.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use palisade_sentry::node_config::Value;
use palisade_tests::binaries;
use palisade_tests::guarded_fleet::{Guarded, Part, rules_at};
use palisade_tests::hidden_validator::{keep_in_book, scrub};
use palisade_tests::hosts::ssh_key;
use palisade_tests::netns::Internet;
use palisade_tests::node_line::Line;
use palisade_tests::process::{Process, until};
use palisade_tests::scratch::Scratch;

const LIMIT: Duration = Duration::from_secs(120);
const VALIDATOR_V6: &str = "2001:db8::10";

/// The fleet, and what else runs on its machines.
struct Machines {
    fleet: Guarded,
    dir: Scratch,
}

impl Machines {
    fn new() -> Result<Self> {
        let hosts =
            [("val", Part::Validator), ("sen", Part::Sentry), ("sen2", Part::Sentry), ("seed", Part::Seed)];
        let fleet = Guarded::new(Line::V0_38, &hosts)?;
        // The validator's machine has an IPv6 address too, as they all do by now.
        fleet.internet.outside("2001:db8::1/64")?;
        fleet.internet.address("val", "pub0", &format!("{VALIDATOR_V6}/64"))?;
        let text = fs::read_to_string(fleet.file())?;
        let v4 = format!("public = [\"{}\"]", fleet.public("val"));
        ensure!(text.contains(&v4), "{text}");
        let both = format!("public = [\"{}\", \"{VALIDATOR_V6}\"]", fleet.public("val"));
        fs::write(fleet.file(), text.replace(&v4, &both))?;
        for (name, _) in hosts {
            fleet.render(name)?;
        }
        Ok(Self { fleet, dir: Scratch::new()? })
    }

    /// The nodes as they are set up now, and beside them what `beside` says; what strangers find on which host.
    fn find(&mut self, wanted: &[(&str, &str)], beside: &[(&str, Vec<String>)]) -> Result<()> {
        self.fleet.start()?;
        self.fleet.linked("sen", "val")?;
        let mut others = Vec::new();
        for (i, (host, line)) in beside.iter().enumerate() {
            let mut command = self.fleet.internet.command(host, Path::new(&line[0]));
            command.args(&line[1..]);
            let log = self.dir.path().join(format!("{i}.log"));
            others.push(Process::start(&line[0], &mut command, &log)?);
        }
        let mut found = Vec::new();
        let as_wanted = until("strangers see it", LIMIT, || {
            for other in &mut others {
                other.still_runs()?;
            }
            let file = self.fleet.file();
            let report = self.fleet.look("out", Some(&file), &["--live", "--pex-requests", "4"])?;
            found.clear();
            for host in ["val", "sen", "sen2", "seed"] {
                found.extend(rules_at(&report, "live", host).into_iter().map(|rule| (host, rule)));
            }
            let same = found.iter().map(|(host, rule)| (*host, rule.as_str())).eq(wanted.iter().copied());
            Ok(same.then_some(()))
        });
        as_wanted.with_context(|| format!("wanted {wanted:?}, found {found:?}"))?;
        for other in others {
            other.kill()?;
        }
        self.fleet.stop()
    }

    fn run(&self, host: &str, program: &str, args: &[&str]) -> Result<()> {
        let output = self.fleet.internet.command(host, Path::new(program)).args(args).output()?;
        ensure!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    fn key(&self, name: &str) -> Result<PathBuf> {
        let path = self.dir.path().join(name);
        ssh_key(&path, name)?;
        Ok(path)
    }

    /// An sshd that shows this key.
    fn sshd(&self, name: &str, key: &Path) -> Result<Vec<String>> {
        let config = self.dir.path().join(format!("{name}.sshd_config"));
        fs::write(&config, format!("Port 22\nHostKey {}\nUsePAM no\nPidFile none\n", key.display()))?;
        // sshd wants this directory, which Debian's unit makes.
        fs::create_dir_all("/run/sshd")?;
        Ok(["/usr/sbin/sshd", "-D", "-e", "-f", config.to_str().unwrap()].map(String::from).into())
    }

    /// A web server with a certificate for this name.
    fn web(&self, name: &str) -> Result<Vec<String>> {
        let (key, certificate) = (self.dir.path().join("web.key"), self.dir.path().join("web.pem"));
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj"])
            .args(["/CN=web", "-addext", &format!("subjectAltName=DNS:{name}"), "-keyout"])
            .arg(&key)
            .arg("-out")
            .arg(&certificate)
            .output()?;
        ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let (key, certificate) = (key.to_str().unwrap(), certificate.to_str().unwrap());
        let line =
            ["openssl", "s_server", "-quiet", "-www", "-accept", "443", "-key", key, "-cert", certificate];
        Ok(line.map(String::from).into())
    }
}

#[test]
#[ignore = "needs real nodes and root: tests/run"]
fn what_gives_a_machine_away() -> Result<()> {
    if let Err(why) = Internet::possible() {
        eprintln!("\n*** SKIPPED: what_gives_a_machine_away: {why:#}; nothing was tested ***\n");
        return Ok(());
    }
    let mut machines = Machines::new()?;
    machines.find(&[], &[]).context("as rendered")?;

    // 26: the firewall is thought of, and filters IPv4.
    let listens = ("rpc.laddr", Value::Text(format!("tcp://[{VALIDATOR_V6}]:26657")));
    machines.fleet.set("val", &[listens])?;
    // The genesis is among the answers: vector 12.
    let wanted = ["hidden_node_in_genesis", "ipv6_as_closed_as_ipv4", "rpc_not_public_on_validator"];
    let wanted = wanted.map(|rule| ("val", rule));
    machines.find(&wanted, &[]).context("vector 26")?;
    machines.fleet.render("val")?;

    // 13 and 18: the second sentry's machine is a copy of the first one's.
    let own = machines.fleet.home("sen2").join("config/node_key.json");
    let kept = fs::read(&own)?;
    fs::copy(machines.fleet.home("sen").join("config/node_key.json"), &own)?;
    let copied = [("sen2", "answers_with_declared_id"), ("sen2", "node_ids_unique")];
    if Path::new("/usr/sbin/sshd").is_file() {
        let (first, second) = (machines.key("first")?, machines.key("second")?);
        let beside = [("sen", machines.sshd("sen", &first)?), ("sen2", machines.sshd("sen2", &first)?)];
        let copied = [copied[0], copied[1], ("sen2", "ssh_host_keys_differ")];
        machines.find(&copied, &beside).context("vectors 13 and 18")?;
        fs::write(&own, kept)?;
        let beside = [("sen", machines.sshd("sen", &first)?), ("sen2", machines.sshd("sen2", &second)?)];
        machines.find(&[], &beside).context("keys of their own")?;
    } else {
        eprintln!("\n*** SKIPPED: vector 18 needs openssh-server ***\n");
        machines.find(&copied, &[]).context("vector 13")?;
        fs::write(&own, kept)?;
    }

    // 17: a certificate that was asked for by the inventory's name.
    let beside = [("sen", machines.web("rpc.val1.example.com")?)];
    machines.find(&[("sen", "certificate_names_no_validator")], &beside).context("vector 17")?;
    let beside = [("sen", machines.web("rpc.example.com")?)];
    machines.find(&[], &beside).context("another name")?;

    // 14: the own seed has met the validator once.
    let book = machines.fleet.home("seed").join("config/addrbook.json");
    let (id, inner) = (machines.fleet.id("val"), machines.fleet.inner("val"));
    keep_in_book(&book, &id, &inner)?;
    machines.find(&[("seed", "hidden_node_in_pex_answers")], &[]).context("vector 14")?;
    scrub(&book, &id)?;

    // 27: a container's published port is forwarded, so the rules for what comes in never see it.
    let internet = &mut machines.fleet.internet;
    internet.private_host("box")?;
    internet.wire(("val", "172.17.0.1/24"), ("box", "172.17.0.2/24"))?;
    machines.run("box", "ip", &["route", "add", "default", "via", "172.17.0.1"])?;
    machines.run("val", "sh", &["-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"])?;
    let firewall = "add table ip filter; add chain ip filter input { type filter hook input priority 0; }; \
                    add rule ip filter input iifname pub0 tcp dport 26657 drop; add table ip nat; \
                    add chain ip nat published { type nat hook prerouting priority -100; }; \
                    add rule ip nat published iifname pub0 tcp dport 26657 dnat to 172.17.0.2:26657";
    machines.run("val", "nft", &[firewall])?;
    let devnet = binaries::own("palisade-devnet")?;
    let line = [devnet.to_str().unwrap(), "--host", "172.17.0.2", "--rpc-port", "26657"].map(String::from);
    let beside = [("box", line.to_vec())];
    // The other family's firewall keeps what it promises, which is a finding of its own.
    let wanted = ["ipv6_as_closed_as_ipv4", "rpc_not_public_on_validator"].map(|rule| ("val", rule));
    machines.find(&wanted, &beside).context("vector 27")?;
    // As `palisade render` writes it: nothing is forwarded.
    let forward = "add chain ip filter forward { type filter hook forward priority 0; policy drop; }";
    machines.run("val", "nft", &[forward])?;
    machines.find(&[], &beside).context("nothing is forwarded")
}
