//! A real Alertmanager and a real Prometheus with the rules that the monitor prints, beside a real monitor on devnet: the
//! same alert begins and ends in both.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use palisade_devnet::io::{Options, start};
use palisade_devnet::script::Script;
use palisade_tests::process::{Process, until};
use palisade_tests::scratch::Scratch;
use palisade_tests::{binaries, http, ports};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(120);
/// Seat 3 misses 400 blocks from height 100, in which the alert begins, and signs afterwards.
const SCRIPT: &str = "[[event]]\nat = 100\nvalidator = 3\ndown = 400\n";
const SHARED: &str = "mount -t tmpfs none /usr/share && mkdir -p /usr/share/prometheus/alertmanager && \
                      cp \"$1\" \"$2\" /usr/share/prometheus/alertmanager/ && shift 2 && exec \"$@\"";
const RULE: &str = "PalisadeValidatorDown";

/// Alerts of our rule that `alerts` says are active.
fn active(address: &str) -> Vec<Value> {
    let all = http::json(address, "/api/v2/alerts?active=true").unwrap_or_default();
    let ours = all.as_array().into_iter().flatten().filter(|a| a["labels"]["alertname"] == RULE);
    ours.cloned().collect()
}

fn firing(prometheus: &str) -> Vec<Value> {
    let all = http::json(prometheus, "/api/v1/alerts").unwrap_or_default();
    let all = all["data"]["alerts"].as_array().cloned().unwrap_or_default();
    all.into_iter().filter(|a| a["labels"]["alertname"] == RULE && a["state"] == "firing").collect()
}

fn alertmanager(dir: &Path) -> (Process, String) {
    std::fs::create_dir_all(dir).unwrap();
    std::fs::write(dir.join("am.yml"), "route: { receiver: none }\nreceivers: [{ name: none }]\n").unwrap();
    let listen = ports::address();
    // Debian's binary reads templates from where the package would have put it: it gets a /usr/share of its own.
    let mut command = Command::new("unshare");
    command.args(["--mount", "--map-root-user", "sh", "-c", SHARED]).arg("sh");
    for file in ["default.tmpl", "email.tmpl", "alertmanager"] {
        command.arg(binaries::node(file).unwrap());
    }
    command.args(["--config.file=am.yml", "--storage.path=data", "--cluster.listen-address="]);
    command.arg(format!("--web.listen-address={listen}")).current_dir(dir);
    let process = Process::start("alertmanager", &mut command, &dir.join("log")).unwrap();
    until("alertmanager", LIMIT, || Ok(http::get(&listen, "/-/ready").ok())).unwrap();
    (process, listen)
}

fn prometheus(dir: &Path, monitor: &str) -> (Process, String) {
    std::fs::create_dir_all(dir).unwrap();
    let out = Command::new(binaries::own("palisade-monitor").unwrap())
        .args(["rules", "--prometheus", "--config", "../monitor.toml"])
        .current_dir(dir)
        .output()
        .unwrap();
    assert!(out.status.success(), "{out:?}");
    std::fs::write(dir.join("rules.yml"), out.stdout).unwrap();
    let config = format!(
        "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\nrule_files: [rules.yml]\nscrape_configs:\n  \
         - job_name: palisade\n    static_configs: [{{ targets: ['{monitor}'] }}]\n"
    );
    std::fs::write(dir.join("p.yml"), config).unwrap();
    let listen = ports::address();
    let mut command = Command::new(binaries::node("prometheus").unwrap());
    command.args(["--config.file=p.yml", "--storage.tsdb.path=data"]);
    command.arg(format!("--web.listen-address={listen}")).current_dir(dir);
    let process = Process::start("prometheus", &mut command, &dir.join("log")).unwrap();
    until("prometheus", LIMIT, || Ok(http::get(&listen, "/-/ready").ok())).unwrap();
    (process, listen)
}

#[test]
#[ignore = "needs Alertmanager and Prometheus: tests/run"]
fn an_alert_begins_and_ends_in_alertmanager_and_in_prometheus() {
    let dir = Scratch::new().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let options = Options::default();
    let script = Script::parse(SCRIPT, options.origin.seats.len()).unwrap();
    let options = Options { script, block_time: Duration::from_millis(100), ..options };
    let chain = runtime.block_on(start(options)).unwrap();
    runtime.block_on(chain.wait_height(1)).unwrap();
    let own = chain.address_of(3).unwrap().to_string();
    let (manager, at) = alertmanager(&dir.path().join("am"));
    let listen = ports::address();
    let config = format!(
        "listen = \"{listen}\"\ndata_dir = \"data\"\n[[chain]]\nid = \"{}\"\nrpc = [\"http://{}\"]\ngrpc = [\"http://{}\"]\n\
         watch = [\"{own}\"]\n[[alerts.rule]]\nname = \"{RULE}\"\nclear = \"0s\"\n\
         [[alerts.channel]]\nname = \"am\"\ntype = \"alertmanager\"\nurls = [\"http://{at}\"]\n",
        chain.chain_id(),
        chain.rpc_addr(),
        chain.grpc_addr()
    );
    std::fs::write(dir.path().join("monitor.toml"), config).unwrap();
    let mut command = Command::new(binaries::own("palisade-monitor").unwrap());
    command.args(["run", "--config", "monitor.toml"]).current_dir(dir.path());
    let monitor = Process::start("palisade-monitor", &mut command, &dir.path().join("monitor.log")).unwrap();
    let (prom, scrapes) = prometheus(&dir.path().join("prom"), &listen);

    let began = until("the alert", LIMIT, || Ok(Some(active(&at)).filter(|a| a.len() == 1))).unwrap();
    assert_eq!(began[0]["labels"]["severity"], "critical", "{began:?}");
    assert_eq!(began[0]["labels"]["chain_id"], chain.chain_id());
    assert!(began[0]["annotations"]["left"].as_str().unwrap().contains("blocks to jail"), "{began:?}");
    let same = until("the same in Prometheus", LIMIT, || Ok(Some(firing(&scrapes)).filter(|a| a.len() == 1)))
        .unwrap();
    for label in ["severity", "chain_id", "valoper", "moniker"] {
        assert_eq!(same[0]["labels"][label], began[0]["labels"][label], "{label}: {same:?} {began:?}");
    }
    until("its end", LIMIT, || Ok(active(&at).is_empty().then_some(()))).unwrap();
    until("its end in Prometheus", LIMIT, || Ok(firing(&scrapes).is_empty().then_some(()))).unwrap();
    for process in [prom, monitor, manager] {
        process.terminate(Duration::from_secs(20)).unwrap();
    }
    runtime.block_on(chain.stop());
}

#[test]
#[ignore = "needs amtool: tests/run"]
fn the_shipped_configuration_of_alertmanager_is_good() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/alertmanager/alertmanager.yml");
    let out = Command::new(binaries::node("amtool").unwrap()).args(["check-config", file]).output().unwrap();
    assert!(out.status.success(), "{out:?}");
}
