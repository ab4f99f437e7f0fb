//! `palisade-signer yubihsm …`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand, ValueEnum};

#[derive(Subcommand)]
pub(crate) enum YubihsmCommand {
    /// Which devices there are: at the USB ports, or behind a connector. Opens no session.
    Detect {
        /// http://HOST:PORT or unix:///PATH; without it, the USB ports.
        #[arg(long)]
        connector: Option<String>,
        /// For machines.
        #[arg(long)]
        json: bool,
    },
    /// What a device holds and how it is set.
    Info {
        #[command(flatten)]
        login: Login,
        /// For machines.
        #[arg(long)]
        json: bool,
    },
    /// Make a fresh device ready: roles, a wrap key, forced audit; the factory's key is removed.
    Setup(Setup),
    /// Consensus keys.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Write every exportable consensus key, encrypted under the wrap key, into a new directory.
    Backup {
        #[command(flatten)]
        login: Login,
        /// New directory.
        #[arg(long)]
        to: PathBuf,
    },
    /// Bring the keys of a backup into a device that holds the same wrap key.
    Restore {
        #[command(flatten)]
        login: Login,
        /// Directory that `backup` wrote.
        #[arg(long)]
        from: PathBuf,
    },
    /// Read the audit log, check its chain, print it. With a file: append what is new to it, and check that nothing is missing.
    Audit {
        #[command(flatten)]
        login: Login,
        /// The append-only file of a signer that is not running.
        #[arg(long)]
        keep: Option<PathBuf>,
        /// Free on the device what is safe in the file.
        #[arg(long, requires = "keep")]
        free: bool,
        /// For machines.
        #[arg(long)]
        json: bool,
    },
    /// Serve a device of this machine to others as Yubico's connector does, until a signal ends it. A running signer holds its
    /// device: there `connector_listen` is the way.
    #[command(group(ArgGroup::new("device").required(true).args(["serial", "connector"])))]
    Connector {
        /// unix:///PATH or a loopback address such as 127.0.0.1:12345; port 0 takes a free one.
        #[arg(long)]
        listen: String,
        /// The device at a USB port, by its serial number.
        #[arg(long)]
        serial: Option<u32>,
        /// usb, usb:SERIAL, http://HOST:PORT or unix:///PATH.
        #[arg(long)]
        connector: Option<String>,
    },
    /// Sign a random message with a key and verify the signature.
    Test {
        #[command(flatten)]
        login: Login,
        /// Id of the key.
        #[arg(long)]
        key: u16,
        /// How often.
        #[arg(long, default_value_t = 1)]
        count: u32,
    },
}

/// How to open a session.
#[derive(Args)]
pub(crate) struct Login {
    /// http://HOST:PORT, unix:///PATH, usb or usb:SERIAL.
    #[arg(long)]
    pub(crate) connector: String,
    /// Id of the authentication key: 2 admin, 3 operator, 4 auditor, 100 + domain for a chain's signer.
    #[arg(long)]
    pub(crate) auth_key: u16,
    /// File with its password, mode 0600.
    #[arg(long)]
    pub(crate) password_file: PathBuf,
}

#[derive(Args)]
pub(crate) struct Setup {
    /// http://HOST:PORT, unix:///PATH, usb or usb:SERIAL.
    #[arg(long)]
    pub(crate) connector: String,
    /// Serial number of the device, so that no other one is changed; `detect` shows it.
    #[arg(long)]
    pub(crate) serial: u32,
    /// A chain and the domain (1 to 16) that it gets, as CHAIN=DOMAIN. Once for each chain.
    #[arg(long = "chain", value_name = "CHAIN=DOMAIN", required = true)]
    pub(crate) chains: Vec<String>,
    /// New directory for the passwords and the wrap key.
    #[arg(long)]
    pub(crate) to: PathBuf,
    /// The wrap key of another device, so that backups fit both; without it a new one is made.
    #[arg(long)]
    pub(crate) wrap_key: Option<PathBuf>,
    /// Delete everything on the device first. Needs --auth-key and --password-file of an admin unless the device is fresh.
    #[arg(long)]
    pub(crate) reset: bool,
    /// Admin of a device that is not fresh.
    #[arg(long, requires_all = ["password_file", "reset"])]
    pub(crate) auth_key: Option<u16>,
    /// His password.
    #[arg(long, requires = "auth_key")]
    pub(crate) password_file: Option<PathBuf>,
    /// Forced audit can only be ended by a reset.
    #[arg(long)]
    pub(crate) fix_audit: bool,
    /// Show the secrets on the terminal as well.
    #[arg(long)]
    pub(crate) show_secrets: bool,
}

#[derive(Subcommand)]
pub(crate) enum KeysCommand {
    /// Show the consensus keys.
    List {
        #[command(flatten)]
        login: Login,
        /// For machines.
        #[arg(long)]
        json: bool,
    },
    /// Make a key inside the device.
    Generate {
        #[command(flatten)]
        login: Login,
        #[command(flatten)]
        place: Place,
        /// What it signs.
        #[arg(long, value_enum, default_value_t = KeyKind::Ed25519)]
        algorithm: KeyKind,
        /// It can never be exported, so there is no backup of it.
        #[arg(long)]
        not_exportable: bool,
    },
    /// Bring a key of another signer in: priv_validator_key.json, or tmkms's base64 in any of its forms.
    Import {
        #[command(flatten)]
        login: Login,
        #[command(flatten)]
        place: Place,
        /// File of the old signer.
        #[arg(long)]
        from: PathBuf,
        /// Public key (hex, base64), address or valcons that the key must have.
        #[arg(long)]
        expect: Option<String>,
        /// The file `wrap.key` of setup: needed for a key without a seed.
        #[arg(long)]
        wrap_key: Option<PathBuf>,
        /// It can never be exported again.
        #[arg(long)]
        not_exportable: bool,
    },
    /// Write one key, encrypted under the wrap key, to a new file.
    Export {
        #[command(flatten)]
        login: Login,
        /// Id of the key.
        #[arg(long)]
        id: u16,
        /// New file.
        #[arg(long)]
        to: PathBuf,
    },
}

/// Where a new key goes.
#[derive(Args)]
pub(crate) struct Place {
    /// Domain of its chain, 1 to 16.
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=16))]
    pub(crate) domain: u8,
    /// Its id; without it, the number of its domain.
    #[arg(long)]
    pub(crate) id: Option<u16>,
    /// Its label, at most 40 bytes.
    #[arg(long, default_value = "")]
    pub(crate) label: String,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum KeyKind {
    Ed25519,
    Secp256k1,
}
