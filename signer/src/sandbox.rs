//! What a signer with this configuration has to reach: everything else can be put out of its reach.
//!
//! Directories stand for the files in them, so that a file that is replaced (as editors do) stays in reach. What a PKCS#11
//! module uses only its vendor knows: unless the configuration says it (`paths`), there is no wall around files and ports, and the
//! log says so. The code of such a module is not ours either: see [`Reach::foreign_code`].

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use crate::config::{
    Backend, ChainConfig, ClusterConfig, Config, Connector, EtcdConfig, HsmConfig, NodeAddr, SecretSource,
    YubiHsmConfig,
};

/// What the resolver, the time zone and a start of threads read.
const SYSTEM: [&str; 8] = [
    "/etc",
    "/usr/lib",
    "/usr/lib64",
    "/lib",
    "/lib64",
    "/run/systemd/resolve",
    "/usr/share/zoneinfo",
    "/proc/self",
];
/// Where systemd puts the credentials of services.
const CREDENTIALS: &str = "/run/credentials";
/// What it takes to find and use a device at a USB port.
const USB: [&str; 2] = ["/dev/bus/usb", "/sys"];
/// DNS, when an answer does not fit a datagram.
const DNS: u16 = 53;

/// Files and ports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Files and directories to read.
    pub read: BTreeSet<PathBuf>,
    /// Files and directories to read and change.
    pub write: BTreeSet<PathBuf>,
    /// TCP ports to connect to, of any host.
    pub ports: BTreeSet<u16>,
    /// Whether a vendor's module runs in this process, whose system calls nobody here can foresee: one that is not on the list
    /// is then refused instead of ending the process.
    pub foreign_code: bool,
    /// Why none of it can be said.
    pub unknown: Option<String>,
}

// === impl Reach ===

impl Reach {
    /// What `config`, read from `source`, needs.
    pub fn of(config: &Config, source: Option<&Path>) -> Self {
        let Config { state_dir, listen: _, audit_log, admin, harden, keys, chains } = config;
        let mut reach = Self {
            read: SYSTEM.into_iter().map(PathBuf::from).collect(),
            write: harden.paths.iter().cloned().collect(),
            ports: harden.ports.iter().copied().chain([DNS]).collect(),
            foreign_code: false,
            unknown: None,
        };
        reach.write.insert(state_dir.clone());
        reach.write.insert(directory(&admin.socket));
        reach.write.extend(audit_log.as_deref().map(directory));
        reach.read.extend(source.map(directory));
        for key in keys {
            match &key.backend {
                Backend::Softsign { source, passphrase } => {
                    reach.secret(source);
                    passphrase.iter().for_each(|passphrase| reach.secret(passphrase));
                }
                Backend::YubiHsm(config) => reach.yubihsm(config),
                #[cfg(feature = "frost")]
                Backend::Frost(crate::config::FrostConfig { group, identity, cosigners }) => {
                    reach.read.extend([directory(group), directory(identity)]);
                    let ports = cosigners
                        .iter()
                        .filter_map(|link| link.address.rsplit_once(':')?.1.parse::<u16>().ok());
                    reach.ports.extend(ports);
                }
                Backend::Pkcs11(config) => {
                    reach.foreign_code = true;
                    reach.secret(&config.pin);
                    reach.read.insert(directory(&config.module));
                    match &config.paths {
                        Some(paths) => reach.write.extend(paths.iter().cloned()),
                        None => {
                            let name = &key.name;
                            reach.unknown = Some(format!(
                                "nobody knows what the module of key {name:?} uses; its `paths` can say it"
                            ));
                        }
                    }
                }
            }
        }
        for ChainConfig {
            id: _,
            key: _,
            dialect: _,
            max_height: _,
            raw_bytes: _,
            nodes,
            doppelganger,
            store,
        } in chains
        {
            if let Some(EtcdConfig { cluster: ClusterConfig { endpoints, ca, cert, key }, prefix: _ }) =
                store.etcd()
            {
                reach.ports.extend(endpoints.iter().map(|endpoint| endpoint.port));
                // Read again for each connection, so that new certificates need no restart.
                reach.read.extend([ca, cert, key].map(|path| directory(path)));
            }
            let rpc = doppelganger.iter().flat_map(|guard| &guard.rpc);
            reach.ports.extend(rpc.filter_map(|url| url.authority.rsplit_once(':')?.1.parse::<u16>().ok()));
            // Socket files of nodes need no leave: landlock does not rule over connecting to them.
            reach.ports.extend(nodes.iter().filter_map(|node| match node {
                NodeAddr::Unix(_) => None,
                other => other.to_string().rsplit_once(':')?.1.parse::<u16>().ok(),
            }));
        }
        reach
    }

    /// What a cosigner needs. It dials nobody but etcd.
    #[cfg(feature = "frost")]
    pub fn of_cosigner(config: &crate::config::CosignerConfig, source: &Path) -> Self {
        let mut reach = Self {
            read: SYSTEM.into_iter().map(PathBuf::from).collect(),
            write: [config.state_dir.clone()].into(),
            ..Self::default()
        };
        // To be read again.
        reach.read.insert(directory(source));
        reach.read.insert(directory(&config.identity));
        reach.secret(&config.share);
        config.passphrase.iter().for_each(|passphrase| reach.secret(passphrase));
        if let Some(EtcdConfig { cluster: ClusterConfig { endpoints, ca, cert, key }, prefix: _ }) =
            config.store.etcd()
        {
            reach.ports.extend(endpoints.iter().map(|endpoint| endpoint.port).chain([DNS]));
            reach.read.extend([ca, cert, key].map(|path| directory(path)));
        }
        reach
    }

    fn secret(&mut self, source: &SecretSource) {
        self.read.insert(match source {
            SecretSource::File(path) => directory(path),
            SecretSource::Credential(_) => CREDENTIALS.into(),
        });
    }

    /// A device's thread that hangs is replaced behind the walls, so all that opens a device is in reach.
    fn yubihsm(&mut self, config: &YubiHsmConfig) {
        let YubiHsmConfig { primary, standby, key_type: _, connector_listen } = config;
        for HsmConfig { connector, auth_key: _, password, key_id: _, audit_log } in
            std::iter::once(primary).chain(standby)
        {
            self.secret(password);
            self.write.insert(directory(audit_log));
            match connector {
                Connector::Http { port, .. } => drop(self.ports.insert(*port)),
                Connector::Unix { .. } => {}
                Connector::Usb { .. } => self.write.extend(USB.map(PathBuf::from)),
            }
        }
        if let Some(Connector::Unix { path }) = connector_listen {
            self.write.insert(directory(path));
        }
    }

    /// Something that `wanted` needs and that is not within this reach.
    pub fn lacks(&self, wanted: &Self) -> Option<String> {
        let inside = |path: &PathBuf, of: &BTreeSet<PathBuf>| of.iter().any(|there| path.starts_with(there));
        if let Some(why) = &wanted.unknown {
            return Some(why.clone());
        }
        let write = wanted.write.iter().find(|path| !inside(path, &self.write));
        let read = wanted.read.iter().find(|path| !inside(path, &self.read) && !inside(path, &self.write));
        let port = wanted.ports.difference(&self.ports).next();
        write.or(read).map(|path| path.display().to_string()).or(port.map(|port| format!("port {port}")))
    }
}

/// The directory of a file, `.` for a bare name.
fn directory(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.into(),
        _ => ".".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(text: &str) -> Reach {
        let head = "state_dir = 's'\nlisten = '127.0.0.1:0'\n";
        let config = Config::parse(&format!("{head}{text}"), Path::new("/etc/p")).expect("good");
        Reach::of(&config, Some(Path::new("/etc/p/signer.toml")))
    }

    const KEY: &str = "[[key]]\nname = 'a'\nbackend = 'softsign'\npath = '/keys/a.json'\n";

    #[test]
    fn a_signer_reaches_its_files_and_the_ports_of_its_nodes() {
        let nodes = "[[chain]]\nid = 'c-1'\nkey = 'a'\nnodes = ['tcp://h:7', 'tcp://[::1]:8', 'unix:///run/n.sock']\n";
        let reach = reach(&format!("{KEY}{nodes}"));
        let paths =
            |set: &BTreeSet<PathBuf>| set.iter().map(|path| path.display().to_string()).collect::<Vec<_>>();
        assert_eq!(paths(&reach.write), ["/etc/p/s"]);
        assert!(reach.read.contains(Path::new("/keys")) && reach.read.contains(Path::new("/etc/p")));
        assert!(!reach.read.iter().any(|path| path == Path::new("/run") || path == Path::new("/")));
        assert_eq!(reach.ports.into_iter().collect::<Vec<_>>(), [7, 8, 53]);
    }

    #[cfg(feature = "etcd")]
    #[test]
    fn a_shared_store_brings_its_members_ports_and_its_certificates_into_reach() {
        let store = "store = { etcd = { endpoints = ['https://a:2379', 'https://b:2381'], ca = '/tls/ca', cert = '/tls/c', \
                     key = '/tls/k', prefix = '/p' } }";
        let reach =
            reach(&format!("{KEY}[[chain]]\nid = 'c-1'\nkey = 'a'\nnodes = ['tcp://h:7']\n{store}\n"));
        assert_eq!(reach.ports.into_iter().collect::<Vec<_>>(), [7, 53, 2379, 2381]);
        assert!(reach.read.contains(Path::new("/tls")) && !reach.write.contains(Path::new("/tls")));
    }

    #[test]
    fn a_key_in_a_device_brings_the_device_into_reach() {
        let chain = "[[chain]]\nid = 'c-1'\nkey = 'a'\nnodes = ['tcp://h:7']\n";
        let hsm = |connector: &str| {
            let key = "auth_key = 4\npassword_file = '/secret/pw'\nkey_id = 1\naudit_log = '/audit/log'\n";
            reach(&format!(
                "[[key]]\nname = 'a'\nbackend = 'yubihsm'\nconnector = '{connector}'\n{key}{chain}"
            ))
        };
        let http = hsm("http://127.0.0.1:12345");
        assert!(http.ports.contains(&12345) && http.unknown.is_none() && !http.foreign_code, "{http:?}");
        assert!(http.read.contains(Path::new("/secret")) && http.write.contains(Path::new("/audit")));
        assert!(
            !http.write.contains(Path::new("/sys")) && hsm("usb").write.contains(Path::new("/dev/bus/usb"))
        );

        let pkcs11 = "[[key]]\nname = 'a'\nbackend = 'pkcs11'\ntype = 'ed25519'\nmodule = '/opt/v/p11.so'\ntoken = 't'\n\
                      label = 'l'\npin_file = '/secret/pin'\n";
        let unsaid = reach(&format!("{pkcs11}{chain}"));
        assert!(unsaid.foreign_code && unsaid.unknown.is_some_and(|why| why.contains("`paths`")));
        let said = reach(&format!("{pkcs11}paths = ['/var/lib/v']\n{chain}"));
        assert!(said.foreign_code && said.unknown.is_none() && said.write.contains(Path::new("/var/lib/v")));
        assert!(said.read.contains(Path::new("/opt/v")) && said.read.contains(Path::new("/secret")));
    }

    #[test]
    fn what_a_reload_brings_must_be_within_reach() {
        let chain = |port: u16| format!("[[chain]]\nid = 'c-1'\nkey = 'a'\nnodes = ['tcp://h:{port}']\n");
        let old = reach(&format!("{KEY}{}", chain(7)));
        let named = reach(&format!("[harden]\nports = [9]\npaths = ['/more']\n{KEY}{}", chain(7)));
        assert_eq!(old.lacks(&old), None);
        let other_port = reach(&format!("{KEY}{}", chain(9)));
        assert_eq!(old.lacks(&other_port), Some("port 9".into()));
        assert_eq!(named.lacks(&other_port), None);
        let other_place = reach(&format!("{}{}", KEY.replace("/keys/", "/more/keys/"), chain(7)));
        assert_eq!(old.lacks(&other_place), Some("/more/keys".into()));
        assert_eq!(named.lacks(&other_place), None);
    }
}
