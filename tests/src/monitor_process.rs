//! palisade-monitor as an operator has it: a directory with monitor.toml and its data, and a process.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::exposition::Exposition;
use crate::process::{Process, until};
use crate::{binaries, http, ports};

/// One monitor of one chain.
pub struct Monitor {
    dir: PathBuf,
    chain_id: String,
    /// `host:port` of the page, the API and the metrics.
    pub listen: String,
    process: Option<Process>,
}

impl Monitor {
    /// Writes its configuration below `dir` and starts it. `rpc` and `grpc` are `host:port`.
    pub fn start(dir: &Path, chain_id: &str, rpc: &[&str], grpc: &[&str], watch: &[&str]) -> Result<Self> {
        Self::start_with(dir, chain_id, rpc, grpc, watch, "")
    }

    /// The same with more sections of the configuration.
    pub fn start_with(
        dir: &Path,
        chain_id: &str,
        rpc: &[&str],
        grpc: &[&str],
        watch: &[&str],
        more: &str,
    ) -> Result<Self> {
        std::fs::create_dir_all(dir)?;
        let listen = ports::address();
        let urls = |all: &[&str]| all.iter().map(|at| format!("http://{at}")).collect::<Vec<_>>();
        std::fs::write(
            dir.join("monitor.toml"),
            format!(
                "listen = \"{listen}\"\ndata_dir = \"data\"\n{more}\n\
                 [[chain]]\nid = \"{chain_id}\"\nrpc = {:?}\ngrpc = {:?}\nwatch = {watch:?}\n",
                urls(rpc),
                urls(grpc),
            ),
        )?;
        let mut monitor = Self { dir: dir.to_owned(), chain_id: chain_id.to_owned(), listen, process: None };
        monitor.restart()?;
        Ok(monitor)
    }

    /// Starts it again on what it has written; it must have been stopped or killed.
    pub fn restart(&mut self) -> Result<()> {
        let mut program = Command::new(binaries::own("palisade-monitor")?);
        program.args(["run", "--config", "monitor.toml"]).current_dir(&self.dir);
        self.process = Some(Process::start("palisade-monitor", &mut program, &self.dir.join("monitor.log"))?);
        Ok(())
    }

    /// SIGKILL.
    pub fn kill(&mut self) -> Result<()> {
        self.process.take().map_or(Ok(()), Process::kill)
    }

    /// SIGTERM; it must end well and soon.
    pub fn stop(&mut self) -> Result<()> {
        if let Some(process) = self.process.take() {
            let status = process.terminate(Duration::from_secs(10))?;
            ensure!(status.success(), "the monitor ended with {status}");
        }
        Ok(())
    }

    /// Its process, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::pid)
    }

    /// What it shows of its chain, as its page reads it.
    pub fn view(&mut self) -> Result<Value> {
        if let Some(process) = &mut self.process {
            process.still_runs()?;
        }
        let chains = http::json(&self.listen, "/api/chains")?;
        let chain = chains.as_array().and_then(|all| all.first()).context("no chain in /api/chains")?;
        ensure!(chain["chain_id"] == *self.chain_id, "it shows another chain: {}", chain["chain_id"]);
        Ok(chain.clone())
    }

    /// Waits until it has counted the signatures of `height`, and for the windows if `windows`.
    pub fn reach(&mut self, height: i64, windows: bool, limit: Duration) -> Result<Value> {
        until(&format!("the monitor at {height}"), limit, || {
            let view = self.view()?;
            let there = view["counted_height"].as_i64().is_some_and(|counted| counted >= height);
            let anchored = !windows || !view["window"].is_null();
            ensure!(there && anchored, "counted {}, window {}", view["counted_height"], view["window"]);
            Ok(Some(view))
        })
    }

    /// Its metrics, as Prometheus scrapes them.
    pub fn metrics(&self) -> Result<Exposition> {
        Exposition::parse(&http::get(&self.listen, "/metrics")?)
    }

    /// The end of its log.
    pub fn tail(&self) -> String {
        self.process.as_ref().map(Process::tail).unwrap_or_default()
    }
}
