//! Numbers of the commands that are used here, and names of those that an audit log may hold.

/// Returns what it is given.
pub const ECHO: u8 = 0x01;
/// First half of a handshake.
pub const CREATE_SESSION: u8 = 0x03;
/// Second half of a handshake.
pub const AUTHENTICATE_SESSION: u8 = 0x04;
/// Any command inside a session.
pub const SESSION_MESSAGE: u8 = 0x05;
/// Version, serial number, algorithms.
pub const DEVICE_INFO: u8 = 0x06;
/// Back to the factory's state.
pub const RESET_DEVICE: u8 = 0x08;
/// Ends the session.
pub const CLOSE_SESSION: u8 = 0x40;
/// Free and used slots.
pub const GET_STORAGE_INFO: u8 = 0x41;
/// Stores bytes.
pub const PUT_OPAQUE: u8 = 0x42;
/// Reads bytes.
pub const GET_OPAQUE: u8 = 0x43;
/// Stores an authentication key.
pub const PUT_AUTHENTICATION_KEY: u8 = 0x44;
/// Imports a key pair.
pub const PUT_ASYMMETRIC_KEY: u8 = 0x45;
/// Generates a key pair.
pub const GENERATE_ASYMMETRIC_KEY: u8 = 0x46;
/// Objects that match a filter.
pub const LIST_OBJECTS: u8 = 0x48;
/// An object, encrypted under a wrap key.
pub const EXPORT_WRAPPED: u8 = 0x4a;
/// The way back.
pub const IMPORT_WRAPPED: u8 = 0x4b;
/// Stores a wrap key.
pub const PUT_WRAP_KEY: u8 = 0x4c;
/// Entries of the audit log.
pub const GET_LOG_ENTRIES: u8 = 0x4d;
/// Everything about an object but its content.
pub const GET_OBJECT_INFO: u8 = 0x4e;
/// Sets an option.
pub const SET_OPTION: u8 = 0x4f;
/// Reads an option.
pub const GET_OPTION: u8 = 0x50;
/// Random bytes.
pub const GET_PSEUDO_RANDOM: u8 = 0x51;
/// Public half of a key pair.
pub const GET_PUBLIC_KEY: u8 = 0x54;
/// Signs a hash with ECDSA.
pub const SIGN_ECDSA: u8 = 0x56;
/// Deletes an object.
pub const DELETE_OBJECT: u8 = 0x58;
/// Generates a wrap key.
pub const GENERATE_WRAP_KEY: u8 = 0x5b;
/// A certificate that says where a key was made.
pub const SIGN_ATTESTATION_CERTIFICATE: u8 = 0x64;
/// Frees entries of the audit log.
pub const SET_LOG_INDEX: u8 = 0x67;
/// Signs with Ed25519.
pub const SIGN_EDDSA: u8 = 0x6a;
/// Blinks, to tell one device from another.
pub const BLINK_DEVICE: u8 = 0x6b;
/// Replaces an authentication key.
pub const CHANGE_AUTHENTICATION_KEY: u8 = 0x6c;

/// Every command of firmware 2.4, as Yubico's tools call it.
const NAMES: [(u8, &str); 60] = [
    (0x00, "boot"),
    (0x01, "echo"),
    (0x03, "create-session"),
    (0x04, "authenticate-session"),
    (0x05, "session-message"),
    (0x06, "device-info"),
    (0x08, "reset-device"),
    (0x0a, "get-device-public-key"),
    (0x40, "close-session"),
    (0x41, "get-storage-info"),
    (0x42, "put-opaque"),
    (0x43, "get-opaque"),
    (0x44, "put-authentication-key"),
    (0x45, "put-asymmetric-key"),
    (0x46, "generate-asymmetric-key"),
    (0x47, "sign-pkcs1"),
    (0x48, "list-objects"),
    (0x49, "decrypt-pkcs1"),
    (0x4a, "export-wrapped"),
    (0x4b, "import-wrapped"),
    (0x4c, "put-wrap-key"),
    (0x4d, "get-log-entries"),
    (0x4e, "get-object-info"),
    (0x4f, "set-option"),
    (0x50, "get-option"),
    (0x51, "get-pseudo-random"),
    (0x52, "put-hmac-key"),
    (0x53, "sign-hmac"),
    (0x54, "get-public-key"),
    (0x55, "sign-pss"),
    (0x56, "sign-ecdsa"),
    (0x57, "derive-ecdh"),
    (0x58, "delete-object"),
    (0x59, "decrypt-oaep"),
    (0x5a, "generate-hmac-key"),
    (0x5b, "generate-wrap-key"),
    (0x5c, "verify-hmac"),
    (0x5d, "sign-ssh-certificate"),
    (0x5e, "put-template"),
    (0x5f, "get-template"),
    (0x60, "decrypt-otp"),
    (0x61, "create-otp-aead"),
    (0x62, "randomize-otp-aead"),
    (0x63, "rewrap-otp-aead"),
    (0x64, "sign-attestation-certificate"),
    (0x65, "put-otp-aead-key"),
    (0x66, "generate-otp-aead-key"),
    (0x67, "set-log-index"),
    (0x68, "wrap-data"),
    (0x69, "unwrap-data"),
    (0x6a, "sign-eddsa"),
    (0x6b, "blink-device"),
    (0x6c, "change-authentication-key"),
    (0x6d, "put-symmetric-key"),
    (0x6e, "generate-symmetric-key"),
    (0x6f, "decrypt-ecb"),
    (0x70, "encrypt-ecb"),
    (0x73, "put-public-wrap-key"),
    (0x7f, "error"),
    (0xff, "reset"),
];

/// Name of a command, for people.
pub fn name(code: u8) -> &'static str {
    NAMES.iter().find(|(known, _)| *known == code).map_or("unknown", |(_, name)| name)
}

/// Number of a command by its name; options of the audit log are given by name.
pub fn by_name(name: &str) -> Option<u8> {
    NAMES.iter().find(|(_, known)| *known == name).map(|(code, _)| *code)
}
