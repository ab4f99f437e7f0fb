//! What a YubiHSM 2 says on its wire, as functions of bytes: frames, the SCP03 channel, objects, the audit log.
//!
//! Written here and not taken from the `yubihsm` crate (0.42.1), which cannot run beside a validator's key: it ignores its
//! timeout and lets no other transport in, panics on an oversized message and poisons its client for good, has no
//! way to close a session, cannot read an audit log or a device info that holds a number newer than 2023 (so a forced audit
//! log could never be drained), and opening one HSM by USB resets every other one on the machine, the standby included.
//! The oracles are Yubico's python-yubihsm and the simulator in `tests/yubihsm-sim`.
//!
//! Not here: sockets, USB, clocks, randomness ([`crate::io::key::yubihsm`]); asymmetric authentication; RSA, HMAC, OTP,
//! SSH and template objects, which a signer has no use for.

pub mod auth_key;
pub mod capability;
pub mod command;
pub mod der;
pub mod frame;
pub mod log;
pub mod object;
pub mod refusal;
pub mod roles;
pub mod scp03;
pub mod wrapped;
