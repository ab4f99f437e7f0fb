//! What the device says when it says no.

use core::fmt;

/// An error code of the device (python-yubihsm, `defs.py` ERROR). Unknown codes are kept: firmware grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal(pub u8);

// === impl Refusal ===

impl Refusal {
    /// The session is unknown to the device, for one because it was idle for 30 s.
    pub const INVALID_SESSION: Self = Self(0x03);
    /// Wrong password.
    pub const AUTHENTICATION_FAILED: Self = Self(0x04);
    /// All 16 sessions are in use.
    pub const SESSIONS_FULL: Self = Self(0x05);
    /// A session could not be made.
    pub const SESSION_FAILED: Self = Self(0x06);
    /// The input is longer or shorter than the command takes.
    pub const WRONG_LENGTH: Self = Self(0x08);
    /// A capability is missing.
    pub const INSUFFICIENT_PERMISSIONS: Self = Self(0x09);
    /// Forced audit is on and 62 entries wait to be read.
    pub const LOG_FULL: Self = Self(0x0a);
    /// No such object, or none in the domains of the authentication key.
    pub const OBJECT_NOT_FOUND: Self = Self(0x0b);
    /// There is such an object.
    pub const OBJECT_EXISTS: Self = Self(0x11);

    /// What it means.
    pub fn name(self) -> &'static str {
        match self.0 {
            0x00 => "ok",
            0x01 => "invalid command",
            0x02 => "invalid data",
            0x03 => "invalid session",
            0x04 => "authentication failed",
            0x05 => "all 16 sessions are in use",
            0x06 => "session failed",
            0x07 => "storage failed",
            0x08 => "wrong length",
            0x09 => "insufficient permissions",
            0x0a => "audit log full",
            0x0b => "object not found",
            0x0c => "invalid id",
            0x0e => "SSH CA constraint violation",
            0x0f => "invalid OTP",
            0x10 => "demo mode",
            0x11 => "object exists",
            0x12 => "algorithm disabled",
            0xff => "command not executed",
            _ => "unknown error",
        }
    }

    /// Whether the session that it came in can be used no more.
    pub fn ends_session(self) -> bool {
        matches!(self, Self::INVALID_SESSION | Self::SESSION_FAILED | Self::AUTHENTICATION_FAILED)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (0x{:02x})", self.name(), self.0)
    }
}
