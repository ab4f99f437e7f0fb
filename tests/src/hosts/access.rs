//! Keys, made for one run: the operator's, and one for each host, put where its sshd will find it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// Writes `operator`, `known_hosts` and `ssh_config` into `dir`, and into the layer of each host what makes it that host.
pub(super) fn make(dir: &Path, hosts: &[(String, String)]) -> Result<()> {
    ssh_key(&dir.join("operator"), "operator")?;
    let operator = fs::read_to_string(dir.join("operator.pub"))?;
    let (mut known, mut config) = (String::new(), String::new());
    for (name, address) in hosts {
        let upper = dir.join(name).join("upper");
        directory(&upper, 0o755)?;
        directory(&upper.join("etc"), 0o755)?;
        directory(&upper.join("etc/ssh"), 0o755)?;
        directory(&upper.join("root"), 0o700)?;
        directory(&upper.join("root/.ssh"), 0o700)?;
        let host_key = upper.join("etc/ssh/ssh_host_ed25519_key");
        ssh_key(&host_key, name)?;
        fs::write(upper.join("root/.ssh/authorized_keys"), &operator)?;
        fs::write(upper.join("etc/hostname"), format!("{name}\n"))?;
        fs::write(upper.join("etc/hosts"), format!("127.0.0.1 localhost\n127.0.1.1 {name}\n"))?;
        known += &format!("{address},{name} {}", fs::read_to_string(host_key.with_extension("pub"))?);
        config += &format!("Host {name}\n    HostName {address}\n");
    }
    let (key, list) = (dir.join("operator"), dir.join("known_hosts"));
    config += &format!(
        "Host *\n    User root\n    IdentityFile {}\n    IdentitiesOnly yes\n    UserKnownHostsFile {}\n    \
         GlobalKnownHostsFile /dev/null\n    StrictHostKeyChecking yes\n    BatchMode yes\n    ConnectTimeout 10\n",
        key.display(),
        list.display()
    );
    fs::write(list, known)?;
    Ok(fs::write(dir.join("ssh_config"), config)?)
}

fn directory(path: &Path, mode: u32) -> Result<()> {
    fs::create_dir_all(path)?;
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(mode))?)
}

/// A new key for ssh, and its `.pub`.
pub fn ssh_key(path: &Path, comment: &str) -> Result<()> {
    let out = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f"])
        .arg(path)
        .output()
        .context("ssh-keygen (try: apt-get install openssh-client)")?;
    ensure!(out.status.success(), "ssh-keygen: {}", String::from_utf8_lossy(&out.stderr).trim());
    Ok(())
}
