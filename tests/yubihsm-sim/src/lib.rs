//! A YubiHSM 2 in software, for tests: the secure channel, objects, capabilities, domains, wrap and the audit log behave
//! as on the device, behind the HTTP API of yubihsm-connector. `start(Config::default())` gives a test one.
//!
//! It exists because the yubihsm crate's mock enforces nothing. It is no HSM: secrets lie in plain memory. Left out are
//! RSA, the NIST and Brainpool curves, templates, OTP, symmetric keys, attestation, asymmetric authentication, and wrapping
//! with RSA or with the Ed25519 seed; they are refused as a firmware refuses what it does not know.

pub mod audit;
mod capability;
mod command;
mod config;
mod connector;
mod device;
mod fault;
mod handle;
pub mod object;
mod session;
pub mod wire;

pub use capability::Capabilities;
pub use config::Config;
pub use device::{Device, FACTORY_KEY, FACTORY_PASSWORD, OBJECTS, SESSIONS};
pub use fault::{Fault, Strike};
pub use handle::{Handle, plug_in_again, start, start_on};
pub use session::LongKeys;
