//! A simulated YubiHSM 2 and the real binary beside it.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use palisade_yubihsm_sim::{Config, Handle, start};
use serde_json::Value;
use tempfile::TempDir;

use crate::command::{bad, good, run};

pub const SERIAL: u32 = 7_550_054;

pub struct Scene {
    pub dir: TempDir,
    pub sim: Handle,
}

impl Scene {
    /// A fresh device.
    pub fn fresh() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), sim: start(Config::default()).unwrap() }
    }

    /// A device that `setup` made ready for two chains.
    pub fn ready() -> Self {
        let scene = Self::fresh();
        scene.good(&format!("setup --connector @ --serial {SERIAL} --chain a-1=1 --chain b-1=2 --to hsm"));
        scene
    }

    pub fn line(&self, line: &str) -> String {
        let login = |id: u16, name: &str| {
            format!("--connector @ --auth-key {id} --password-file hsm/{name}.password")
        };
        let line = line
            .replace("AS admin", &login(2, "admin"))
            .replace("AS operator", &login(3, "operator"))
            .replace("AS auditor", &login(4, "auditor"))
            .replace("AS a", &login(101, "signer-a-1"))
            .replace("AS b", &login(102, "signer-b-1"));
        format!("yubihsm {}", line.replace('@', &self.sim.url()))
    }

    pub fn good(&self, line: &str) -> String {
        good(&self.dir, &self.line(line))
    }

    pub fn bad(&self, line: &str, code: i32, says: &str, tries: &str) {
        bad(&self.dir, &self.line(line), code, says, tries);
    }

    pub fn run(&self, line: &str) -> (i32, String, String) {
        run(&self.dir, &self.line(line))
    }

    pub fn json(&self, line: &str) -> Value {
        serde_json::from_str(&self.run(line).1).unwrap()
    }

    pub fn path(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }
}
