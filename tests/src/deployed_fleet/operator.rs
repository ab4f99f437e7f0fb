//! What the operator types: `palisade`, and Ansible without it.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::DeployedFleet;
use crate::binaries;
use crate::hosts::recap::{Recap, recap};

impl DeployedFleet {
    /// `palisade` where the operator is.
    pub fn palisade(&self, args: &[&str]) -> Result<Output> {
        Ok(self.command(args)?.output()?)
    }

    /// The same, not started yet.
    fn command(&self, args: &[&str]) -> Result<Command> {
        let mut command = self.hosts.command(&binaries::own("palisade")?);
        command.current_dir(&self.dir).args(args).env("ANSIBLE_HOME", self.dir.join("home"));
        // Short, because a socket's path may not be long.
        command.env("ANSIBLE_SSH_CONTROL_PATH_DIR", self.hosts.dir().join("cp"));
        Ok(command)
    }

    /// What else `palisade apply` needs here.
    ///
    /// # Errors
    /// There is no Ansible.
    pub fn apply_args(&self) -> Result<Vec<String>> {
        let ansible = binaries::ansible_playbook(true)?.canonicalize()?.display().to_string();
        let args = [
            "--ssh-config",
            &self.ssh_config(),
            "--collections",
            &self.collections()?,
            "--ansible",
            &ansible,
        ];
        Ok(args.map(str::to_owned).to_vec())
    }

    /// The collection without `palisade`, with the oldest Ansible, on the inventory that the last apply has rendered.
    ///
    /// # Errors
    /// A host failed.
    pub fn play(&self, book: &str, more: &[&str]) -> Result<Recap> {
        self.play_on(&["plan.json.run/tree/inventory/hosts.yml"], book, more)
    }

    /// The same on other inventories.
    ///
    /// # Errors
    /// A host failed.
    pub fn play_on(&self, inventories: &[&str], book: &str, more: &[&str]) -> Result<Recap> {
        let program = binaries::ansible_playbook(false)?;
        let mut command = self.hosts.command(&program);
        let own = json!({ "palisade_files": self.dir });
        command.args(inventories.iter().flat_map(|inventory| ["-i", inventory]));
        command.args([book, "-e", &own.to_string()]).args(more);
        command.current_dir(&self.dir).env("ANSIBLE_COLLECTIONS_PATH", self.collections()?);
        command
            .env("ANSIBLE_HOME", self.dir.join("home"))
            .env("ANSIBLE_NOCOLOR", "1")
            .env("ANSIBLE_PIPELINING", "1");
        command.env("ANSIBLE_SSH_CONTROL_PATH_DIR", self.hosts.dir().join("cp"));
        let ssh = format!("-C -o ControlMaster=auto -o ControlPersist=60s -F {}", self.ssh_config());
        recap(&command.env("ANSIBLE_SSH_ARGS", ssh).output()?).with_context(|| format!("{book} {more:?}"))
    }

    /// A file that Ansible's vault has encrypted, and the password beside it: arguments to give.
    ///
    /// # Errors
    /// There is no `ansible-vault`.
    pub fn vault(&self, variables: &Value) -> Result<[&'static str; 4]> {
        fs::write(self.dir.join("secrets.yml"), variables.to_string())?;
        fs::write(self.dir.join("vault-password"), "open sesame\n")?;
        let program = binaries::ansible_playbook(true)?.canonicalize()?.with_file_name("ansible-vault");
        let mut command = Command::new(program);
        command
            .args(["encrypt", "--vault-password-file", "vault-password", "secrets.yml"])
            .current_dir(&self.dir);
        let out = command.env("ANSIBLE_HOME", self.dir.join("home")).output()?;
        ensure!(out.status.success(), "ansible-vault: {}", String::from_utf8_lossy(&out.stderr));
        Ok(["--vault-password-file", "vault-password", "-e", "@secrets.yml"])
    }

    /// The same, started and left alone.
    pub fn spawn(&self, args: &[&str]) -> Result<Child> {
        Ok(self.command(args)?.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?)
    }

    /// The same, which must end with this code; what it printed on both channels.
    pub fn must(&self, code: i32, args: &[&str]) -> Result<String> {
        let out = self.palisade(args)?;
        let text =
            format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        ensure!(
            out.status.code() == Some(code),
            "palisade {args:?} ended with {}:\n{text}\n{}",
            out.status,
            self.log_tail()
        );
        Ok(text)
    }

    /// The end of what Ansible said, for a test that has failed.
    fn log_tail(&self) -> String {
        let log = fs::read_to_string(self.dir.join("plan.json.run/ansible.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }

    /// What every call over ssh needs here.
    pub fn ssh_config(&self) -> String {
        self.hosts.ssh_config().display().to_string()
    }

    /// A directory in which Ansible finds the collection.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn collections(&self) -> Result<String> {
        let dir = self.dir.join("collections/ansible_collections/palisade");
        fs::create_dir_all(&dir)?;
        let kit = dir.join("kit");
        if !kit.exists() {
            let collection = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ansible").canonicalize()?;
            std::os::unix::fs::symlink(collection, kit)?;
        }
        Ok(self.dir.join("collections").display().to_string())
    }
}
