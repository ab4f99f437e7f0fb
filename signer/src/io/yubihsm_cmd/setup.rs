//! `yubihsm setup`: a fresh device gets its roles, its wrap key and forced audit, and loses the factory's key.
//!
//! The order is the safe one: secrets are durable in files before the device knows them; each new password opens a session
//! before the factory's key goes; forced audit comes last, so that the log cannot fill up half-way. A reset happens only on
//! the device whose serial number was typed.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use rand_core::{OsRng, RngCore as _};
use serde_json::json;
use zeroize::Zeroizing;

use super::{Login, PATIENCE, Said, ask, connector, keys, refused};
use crate::{
    config::Connector,
    io::{
        key::yubihsm::{
            commands::{DeviceOption, NewObject},
            session::{HsmError, Session},
        },
        secret_file,
    },
    yubihsm::{
        auth_key::AuthKey,
        command,
        object::{self, Algorithm, Domains, ObjectType},
        refusal::Refusal,
        roles::{self, Role},
        wrapped,
    },
};

const FACTORY_PASSWORD: &[u8] = b"password";
/// How long a device takes to come back after a reset.
const RESET: Duration = Duration::from_secs(15);

/// What is to be made.
pub struct Plan {
    /// As typed.
    pub connector: String,
    /// The device that is meant.
    pub serial: u32,
    /// `CHAIN=DOMAIN`, as typed.
    pub chains: Vec<String>,
    /// New directory.
    pub to: PathBuf,
    /// File of another device's wrap key.
    pub wrap_key: Option<PathBuf>,
    /// Delete everything first.
    pub reset: bool,
    /// Who may do that, where the device is not fresh.
    pub admin: Option<Login>,
    /// Forced audit until the next reset, and not until somebody turns it off.
    pub fix_audit: bool,
    /// Print secrets as well.
    pub show_secrets: bool,
}

/// A role with its password.
struct Secret {
    role: Role,
    password: Zeroizing<String>,
}

/// `setup`.
pub fn setup(plan: &Plan) -> anyhow::Result<Said> {
    let at = connector(&plan.connector)?;
    let chains = parse_chains(&plan.chains)?;
    let found = ask(&at)?.serial;
    if found != plan.serial {
        return Err(refused(
            format!(
                "the device at {at} has the serial number {found}, not {}; nothing was changed",
                plan.serial
            ),
            "palisade-signer yubihsm detect, and type the serial number of the device that you mean",
        ));
    }
    if plan.to.exists() {
        return Err(refused(
            format!("{} exists: secrets of another setup are never overwritten", plan.to.display()),
            "--to with a new directory",
        ));
    }
    let wrap_key = match &plan.wrap_key {
        Some(path) => keys::read_wrap_key(path)?,
        None => random(),
    };
    let mut session = fresh(plan, &at)?;
    let secrets: Vec<Secret> = roles::roles(&chains)
        .into_iter()
        .map(|role| Secret { role, password: Zeroizing::new(hex::encode(*random::<16>())) })
        .collect();
    write_secrets(&plan.to, &secrets, &wrap_key)?;
    for secret in &secrets {
        put_role(&mut session, secret)?;
    }
    put_wrap_key(&mut session, &wrap_key)?;
    for secret in secrets.iter().skip(1) {
        drop(open(&at, secret)?);
    }
    drop(session);
    let mut admin = open(&at, &secrets[0])?;
    audit_commands(&mut admin)?;
    admin.delete(roles::FACTORY, ObjectType::AUTHENTICATION_KEY)?;
    force_audit(&mut admin, plan.fix_audit)?;
    let factory = AuthKey::from_password(FACTORY_PASSWORD);
    match Session::connect(&at, roles::FACTORY, &factory, PATIENCE) {
        Err(error) if error.refusal() == Some(Refusal::OBJECT_NOT_FOUND) => {}
        Err(error) => return Err(error.into()),
        Ok(_) => bail!("the factory's authentication key still opens a session"),
    }
    Ok(report(plan, &secrets, &wrap_key, &chains))
}

fn parse_chains(texts: &[String]) -> anyhow::Result<Vec<(String, u8)>> {
    let mut chains: Vec<(String, u8)> = Vec::new();
    for text in texts {
        let parsed = text.rsplit_once('=').and_then(|(chain, domain)| {
            let domain = domain.parse().ok().filter(|domain| (1..=16).contains(domain))?;
            let fits = (1..=32).contains(&chain.len())
                && chain.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
                && !chain.starts_with('.');
            fits.then(|| (chain.to_owned(), domain))
        });
        let (chain, domain) = parsed.with_context(|| {
            format!("--chain {text:?}: it must be a chain id, =, and a domain from 1 to 16")
        })?;
        if let Some((other, _)) = chains.iter().find(|(c, d)| *c == chain || *d == domain) {
            bail!("--chain {text:?}: each chain has one domain of its own, and {other} came before");
        }
        chains.push((chain, domain));
    }
    Ok(chains)
}

/// A session by the factory's key on a device that holds nothing else.
fn fresh(plan: &Plan, at: &Connector) -> anyhow::Result<Session> {
    let factory = AuthKey::from_password(FACTORY_PASSWORD);
    let log_in = || Session::connect(at, roles::FACTORY, &factory, PATIENCE);
    if plan.reset {
        let mut session = match &plan.admin {
            Some(login) => login.open()?,
            None => log_in()?,
        };
        // Asked once more inside the session: the device that is reset is the one whose number was typed.
        if session.device_info()?.serial != plan.serial {
            bail!("another device answers now; nothing was changed");
        }
        match session.reset_device() {
            Ok(()) => {}
            // A device that restarts may not get its answer out.
            Err(HsmError::Transport(_) | HsmError::Channel { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        drop(session);
        let until = Instant::now() + RESET;
        while let Err(error) = log_in() {
            if Instant::now() > until {
                return Err(
                    anyhow::Error::from(error).context("the device did not come back after the reset")
                );
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }
    let not_fresh = || {
        refused(
            format!("device {} is not fresh: somebody has set it up", plan.serial),
            "setup --reset --auth-key 2 --password-file ADMIN.password, which deletes every key on it",
        )
    };
    let mut session = match log_in() {
        Ok(session) => session,
        Err(error @ (HsmError::Handshake(_) | HsmError::Refused { .. })) => {
            return Err(if error.refusal() == Some(Refusal::SESSIONS_FULL) {
                error.into()
            } else {
                not_fresh()
            });
        }
        Err(error) => return Err(error.into()),
    };
    if session.device_info()?.serial != plan.serial {
        bail!("another device answers now; nothing was changed");
    }
    if session.list_objects(None)?.len() != 1 {
        return Err(not_fresh());
    }
    Ok(session)
}

fn write_secrets(to: &Path, secrets: &[Secret], wrap_key: &[u8; wrapped::WRAP_KEY]) -> anyhow::Result<()> {
    for secret in secrets {
        let text = Zeroizing::new(format!("{}\n", *secret.password));
        secret_file::create(&password_file(to, &secret.role), text.as_bytes())?;
    }
    let text = Zeroizing::new(format!("{}\n", *Zeroizing::new(hex::encode(wrap_key))));
    secret_file::create(&to.join("wrap.key"), text.as_bytes())?;
    Ok(())
}

fn password_file(to: &Path, role: &Role) -> PathBuf {
    to.join(format!("{}.password", role.name))
}

fn put_role(session: &mut Session, secret: &Secret) -> anyhow::Result<()> {
    let role = &secret.role;
    let new = NewObject {
        id: role.id,
        label: object::label(&role.name).context("the name of a role fits in a label")?,
        domains: role.domains,
        capabilities: role.capabilities,
        algorithm: Algorithm::AES128_AUTHENTICATION,
    };
    let key = AuthKey::from_password(secret.password.as_bytes());
    session.put_auth_key(&new, role.delegated, &key)?;
    Ok(())
}

fn put_wrap_key(session: &mut Session, key: &[u8; wrapped::WRAP_KEY]) -> anyhow::Result<()> {
    let (capabilities, delegated) = roles::wrap_key();
    let new = NewObject {
        id: roles::WRAP_KEY,
        label: object::label("backup").context("six bytes")?,
        domains: Domains::ALL,
        capabilities,
        algorithm: Algorithm::AES256_CCM_WRAP,
    };
    session.put_wrap_key(&new, delegated, key)?;
    Ok(())
}

fn open(at: &Connector, secret: &Secret) -> anyhow::Result<Session> {
    let key = AuthKey::from_password(secret.password.as_bytes());
    Session::connect(at, secret.role.id, &key, PATIENCE)
        .with_context(|| format!("the new authentication key {} ({})", secret.role.id, secret.role.name))
}

/// From here on everything that changes or signs is in the log, the end of the factory's key first.
fn audit_commands(admin: &mut Session) -> anyhow::Result<()> {
    let commands = admin.option(DeviceOption::CommandAudit)?;
    if roles::locks_out(&commands) {
        bail!(
            "the device audits {}, which would lock everybody out",
            command::name(command::SESSION_MESSAGE)
        );
    }
    let audited = roles::audited(&commands);
    if !audited.is_empty() {
        admin.set_option(DeviceOption::CommandAudit, &audited)?;
    }
    Ok(())
}

fn force_audit(admin: &mut Session, fixed: bool) -> anyhow::Result<()> {
    let value = if fixed { 2 } else { 1 };
    admin.set_option(DeviceOption::ForceAudit, &[value])?;
    if admin.option(DeviceOption::ForceAudit)? != [value] {
        bail!("the device does not force audit although it was told to");
    }
    Ok(())
}

fn report(plan: &Plan, secrets: &[Secret], wrap_key: &[u8; 32], chains: &[(String, u8)]) -> Said {
    let mut lines = vec![format!("device {} is set up; authentication key 1 is gone", plan.serial)];
    for secret in secrets {
        let role = &secret.role;
        let file = password_file(&plan.to, role);
        lines.push(format!(
            "authentication key {} ({}): {}, {}",
            role.id,
            role.name,
            role.capabilities,
            file.display()
        ));
        if plan.show_secrets {
            lines.push(format!("  password: {}", *secret.password));
        }
    }
    lines.push(format!("wrap key {}: {}", roles::WRAP_KEY, plan.to.join("wrap.key").display()));
    if plan.show_secrets {
        lines.push(format!("  key: {}", hex::encode(wrap_key)));
    }
    lines.push(format!("forced audit is {}", if plan.fix_audit { "fixed" } else { "on" }));
    lines.push("next:".into());
    for (chain, domain) in chains {
        lines.push(format!(
            "  {chain}: palisade-signer yubihsm keys generate --connector {} --auth-key {} --password-file {} --domain {domain} \
             --label {chain}",
            plan.connector,
            roles::OPERATOR,
            plan.to.join("operator.password").display()
        ));
    }
    lines.push("  move admin.password and wrap.key to a safe place that is not this machine".into());
    Said::good(lines, json!(null))
}

fn random<const N: usize>() -> Zeroizing<[u8; N]> {
    let mut bytes = Zeroizing::new([0; N]);
    OsRng.fill_bytes(&mut *bytes);
    bytes
}
