//! The bytes between a host and the device: command codes, error codes, frames, and the fields inside them.
//!
//! A frame is `code | length (2, big-endian) | data`, in both directions, outside and inside a session. What the
//! fields of one command mean is with that command.

use thiserror::Error;

/// The commands this device knows, by the number on the wire.
pub mod code {
    #![allow(missing_docs)] // the names are the manufacturer's
    pub const ECHO: u8 = 0x01;
    pub const CREATE_SESSION: u8 = 0x03;
    pub const AUTHENTICATE_SESSION: u8 = 0x04;
    pub const SESSION_MESSAGE: u8 = 0x05;
    pub const DEVICE_INFO: u8 = 0x06;
    pub const RESET_DEVICE: u8 = 0x08;
    pub const CLOSE_SESSION: u8 = 0x40;
    pub const GET_STORAGE_INFO: u8 = 0x41;
    pub const PUT_OPAQUE: u8 = 0x42;
    pub const GET_OPAQUE: u8 = 0x43;
    pub const PUT_AUTHENTICATION_KEY: u8 = 0x44;
    pub const PUT_ASYMMETRIC_KEY: u8 = 0x45;
    pub const GENERATE_ASYMMETRIC_KEY: u8 = 0x46;
    pub const LIST_OBJECTS: u8 = 0x48;
    pub const EXPORT_WRAPPED: u8 = 0x4a;
    pub const IMPORT_WRAPPED: u8 = 0x4b;
    pub const PUT_WRAP_KEY: u8 = 0x4c;
    pub const GET_LOG_ENTRIES: u8 = 0x4d;
    pub const GET_OBJECT_INFO: u8 = 0x4e;
    pub const SET_OPTION: u8 = 0x4f;
    pub const GET_OPTION: u8 = 0x50;
    pub const GET_PSEUDO_RANDOM: u8 = 0x51;
    pub const PUT_HMAC_KEY: u8 = 0x52;
    pub const SIGN_HMAC: u8 = 0x53;
    pub const GET_PUBLIC_KEY: u8 = 0x54;
    pub const SIGN_ECDSA: u8 = 0x56;
    pub const DELETE_OBJECT: u8 = 0x58;
    pub const GENERATE_HMAC_KEY: u8 = 0x5a;
    pub const GENERATE_WRAP_KEY: u8 = 0x5b;
    pub const VERIFY_HMAC: u8 = 0x5c;
    pub const SIGN_ATTESTATION_CERTIFICATE: u8 = 0x64;
    pub const SET_LOG_INDEX: u8 = 0x67;
    pub const WRAP_DATA: u8 = 0x68;
    pub const UNWRAP_DATA: u8 = 0x69;
    pub const SIGN_EDDSA: u8 = 0x6a;
    pub const BLINK_DEVICE: u8 = 0x6b;
    pub const CHANGE_AUTHENTICATION_KEY: u8 = 0x6c;
    pub const ERROR: u8 = 0x7f;
}

/// Set in the code of an answer to a command that was executed.
pub const RESPONSE: u8 = 0x80;

/// Why the device refused; the number is what goes over the wire.
#[allow(missing_docs)] // the names are the manufacturer's
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[repr(u8)]
pub enum Refusal {
    #[error("invalid command")]
    InvalidCommand = 0x01,
    #[error("invalid data")]
    InvalidData = 0x02,
    #[error("invalid session")]
    InvalidSession = 0x03,
    #[error("authentication failed")]
    AuthenticationFailed = 0x04,
    #[error("sessions full")]
    SessionsFull = 0x05,
    #[error("session failed")]
    SessionFailed = 0x06,
    #[error("storage failed")]
    StorageFailed = 0x07,
    #[error("wrong length")]
    WrongLength = 0x08,
    #[error("insufficient permissions")]
    InsufficientPermissions = 0x09,
    #[error("log full")]
    LogFull = 0x0a,
    #[error("object not found")]
    ObjectNotFound = 0x0b,
    #[error("invalid id")]
    InvalidId = 0x0c,
    #[error("object exists")]
    ObjectExists = 0x11,
    #[error("algorithm disabled")]
    AlgorithmDisabled = 0x12,
}

/// `code | length | data`.
pub fn frame(code: u8, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).expect("no answer of this device is longer than its 3 kB buffer");
    let mut bytes = Vec::with_capacity(3 + data.len());
    bytes.push(code);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(data);
    bytes
}

/// The answer that carries a refusal.
pub fn refusal(refusal: Refusal) -> Vec<u8> {
    frame(code::ERROR, &[refusal as u8])
}

/// Splits a frame into its code and data.
pub fn unframe(message: &[u8]) -> Result<(u8, &[u8]), Refusal> {
    let Some((&[code, high, low], data)) = message.split_first_chunk::<3>() else {
        return Err(Refusal::WrongLength);
    };
    if usize::from(u16::from_be_bytes([high, low])) != data.len() {
        return Err(Refusal::WrongLength);
    }
    Ok((code, data))
}

/// Reads big-endian fields from the front; running out of bytes is `WrongLength`.
#[derive(Clone, Debug)]
pub struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// The data of a command.
    pub fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Refusal> {
        let (field, rest) = self.0.split_first_chunk::<N>().ok_or(Refusal::WrongLength)?;
        self.0 = rest;
        Ok(*field)
    }

    /// One byte.
    pub fn u8(&mut self) -> Result<u8, Refusal> {
        Ok(u8::from_be_bytes(self.array()?))
    }

    /// Two bytes.
    pub fn u16(&mut self) -> Result<u16, Refusal> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    /// Eight bytes.
    pub fn u64(&mut self) -> Result<u64, Refusal> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    /// Everything that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    /// Nothing may be left.
    pub fn end(&self) -> Result<(), Refusal> {
        if self.0.is_empty() { Ok(()) } else { Err(Refusal::WrongLength) }
    }
}
