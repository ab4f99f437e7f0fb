//! The secure channel: SCP03 with AES-128, as GlobalPlatform and the device define it, seen from the device.
//!
//! Session keys come from the two long keys and both challenges; each command carries a chained CMAC and is encrypted
//! with an IV that is the encrypted counter; each answer is protected likewise. Which commands run inside is not here.

use crate::wire::Refusal;
use aes::Aes128;
use aes::cipher::block_padding::Iso7816;
use aes::cipher::{BlockDecryptMut, BlockEncrypt, BlockEncryptMut, KeyInit};
use cmac::{Cmac, Mac};
use std::time::Duration;

/// Length of one AES-128 key, bytes.
pub(crate) const KEY: usize = 16;
/// Length of each side's challenge and cryptogram, bytes.
pub(crate) const CHALLENGE: usize = 8;
/// Length of the truncated MAC on each message, bytes.
pub(crate) const MAC: usize = 8;

const CARD_CRYPTOGRAM: u8 = 0x00;
const HOST_CRYPTOGRAM: u8 = 0x01;
const S_ENC: u8 = 0x04;
const S_MAC: u8 = 0x06;
const S_RMAC: u8 = 0x07;

/// The two long-lived keys of an authentication key.
#[derive(Clone, PartialEq, Eq)]
pub struct LongKeys {
    /// Encryption.
    pub enc: [u8; KEY],
    /// Authentication.
    pub mac: [u8; KEY],
}

impl LongKeys {
    /// The device's way from a password to keys: PBKDF2-HMAC-SHA256, 10,000 rounds, salt `Yubico`.
    pub fn from_password(password: &str) -> Self {
        let mut both = [0; 2 * KEY];
        pbkdf2::pbkdf2_hmac::<sha2::Sha256>(password.as_bytes(), b"Yubico", 10_000, &mut both);
        Self::from_bytes(&both)
    }

    /// Encryption key first.
    pub fn from_bytes(both: &[u8; 2 * KEY]) -> Self {
        let (mut enc, mut mac) = ([0; KEY], [0; KEY]);
        enc.copy_from_slice(&both[..KEY]);
        mac.copy_from_slice(&both[KEY..]);
        Self { enc, mac }
    }

    /// Encryption key first.
    pub fn to_bytes(&self) -> [u8; 2 * KEY] {
        let mut both = [0; 2 * KEY];
        both[..KEY].copy_from_slice(&self.enc);
        both[KEY..].copy_from_slice(&self.mac);
        both
    }
}

impl std::fmt::Debug for LongKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LongKeys(..)")
    }
}

/// Who opened the session, and what that key allowed when it was opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity {
    /// Object id of the authentication key.
    pub(crate) key: u16,
    /// What it may do.
    pub(crate) capabilities: crate::Capabilities,
    /// What it may give to what it makes.
    pub(crate) delegated: crate::Capabilities,
    /// Where it may do it.
    pub(crate) domains: u16,
}

/// One of the sixteen slots in use.
pub(crate) struct Session {
    /// Whose it is.
    pub(crate) identity: Identity,
    /// When the last valid message came, on the device's clock.
    pub(crate) used: Duration,
    /// Messages so far.
    pub(crate) commands: u32,
    authenticated: bool,
    context: [u8; 2 * CHALLENGE],
    enc: Aes128,
    mac: [u8; KEY],
    rmac: [u8; KEY],
    chain: [u8; 16],
    counter: u128,
}

impl Session {
    /// A session whose host has not yet proved that it knows the keys.
    pub(crate) fn create(
        identity: Identity,
        keys: &LongKeys,
        host: [u8; CHALLENGE],
        card: [u8; CHALLENGE],
        now: Duration,
    ) -> Self {
        let mut context = [0; 2 * CHALLENGE];
        context[..CHALLENGE].copy_from_slice(&host);
        context[CHALLENGE..].copy_from_slice(&card);
        Self {
            identity,
            used: now,
            commands: 0,
            authenticated: false,
            context,
            enc: Aes128::new(&derive::<KEY>(&keys.enc, S_ENC, &context).into()),
            mac: derive(&keys.mac, S_MAC, &context),
            rmac: derive(&keys.mac, S_RMAC, &context),
            chain: [0; 16],
            counter: 1,
        }
    }

    /// What proves to the host that the device knows the keys.
    pub(crate) fn card_cryptogram(&self) -> [u8; CHALLENGE] {
        derive(&self.mac, CARD_CRYPTOGRAM, &self.context)
    }

    /// The host's proof. `message` is the whole frame, MAC included.
    pub(crate) fn authenticate(&mut self, message: &[u8], cryptogram: &[u8]) -> Result<(), Refusal> {
        if self.authenticated {
            return Err(Refusal::InvalidSession);
        }
        let right: [u8; CHALLENGE] = derive(&self.mac, HOST_CRYPTOGRAM, &self.context);
        if cryptogram != right {
            return Err(Refusal::AuthenticationFailed);
        }
        self.verify(message)?;
        self.authenticated = true;
        Ok(())
    }

    /// Checks the MAC of a frame and moves the chain on.
    fn verify(&mut self, message: &[u8]) -> Result<(), Refusal> {
        let (body, mac) = message.split_at_checked(message.len() - MAC).ok_or(Refusal::WrongLength)?;
        let chain = cmac(&self.mac, &[&self.chain, body]);
        if chain[..MAC] != *mac {
            return Err(Refusal::AuthenticationFailed);
        }
        self.chain = chain;
        Ok(())
    }

    /// The inner frame of a session message, without checking or changing anything. For fault scripts.
    pub(crate) fn peek(&self, ciphertext: &[u8]) -> Option<Vec<u8>> {
        self.decrypt(ciphertext).ok()
    }

    /// Verifies and decrypts a session message. `message` is the whole frame, `ciphertext` what lies between session id
    /// and MAC.
    pub(crate) fn open(&mut self, message: &[u8], ciphertext: &[u8]) -> Result<Vec<u8>, Refusal> {
        if !self.authenticated {
            return Err(Refusal::InvalidSession);
        }
        self.verify(message)?;
        self.decrypt(ciphertext)
    }

    /// Encrypts an inner answer and authenticates the whole: what follows the frame's head.
    pub(crate) fn seal(&mut self, id: u8, code: u8, answer: &[u8]) -> Vec<u8> {
        let mut data = vec![id];
        data.extend(
            cbc::Encryptor::<&Aes128>::inner_iv(&self.enc, self.iv())
                .encrypt_padded_vec_mut::<Iso7816>(answer),
        );
        let mut framed = crate::wire::frame(code, &[data.as_slice(), &[0; MAC]].concat());
        let body = framed.len() - MAC;
        let mac = cmac(&self.rmac, &[&self.chain, &framed[..body]]);
        framed[body..].copy_from_slice(&mac[..MAC]);
        self.counter += 1;
        framed
    }

    fn decrypt(&self, ciphertext: &[u8]) -> Result<Vec<u8>, Refusal> {
        cbc::Decryptor::<&Aes128>::inner_iv(&self.enc, self.iv())
            .decrypt_padded_vec_mut::<Iso7816>(ciphertext)
            .map_err(|_| Refusal::InvalidData)
    }

    fn iv(&self) -> [u8; 16] {
        let mut block = self.counter.to_be_bytes().into();
        self.enc.encrypt_block(&mut block);
        block.into()
    }
}

/// `cbc` wants its own trait for an existing cipher; this names it once.
trait InnerIv<'a>: Sized {
    fn inner_iv(cipher: &'a Aes128, iv: [u8; 16]) -> Self;
}
impl<'a> InnerIv<'a> for cbc::Encryptor<&'a Aes128> {
    fn inner_iv(cipher: &'a Aes128, iv: [u8; 16]) -> Self {
        aes::cipher::InnerIvInit::inner_iv_init(cipher, &iv.into())
    }
}
impl<'a> InnerIv<'a> for cbc::Decryptor<&'a Aes128> {
    fn inner_iv(cipher: &'a Aes128, iv: [u8; 16]) -> Self {
        aes::cipher::InnerIvInit::inner_iv_init(cipher, &iv.into())
    }
}

/// SCP03 key derivation: one CMAC block, cut to `N` bytes.
fn derive<const N: usize>(key: &[u8; KEY], constant: u8, context: &[u8; 2 * CHALLENGE]) -> [u8; N] {
    let bits = u8::try_from(8 * N).expect("64 or 128");
    let mut block = [0; 16];
    block[11..].copy_from_slice(&[constant, 0, 0, bits, 1]);
    let mut out = [0; N];
    out.copy_from_slice(&cmac(key, &[&block, context])[..N]);
    out
}

fn cmac(key: &[u8; KEY], parts: &[&[u8]]) -> [u8; 16] {
    let mut mac = <Cmac<Aes128> as KeyInit>::new(key.into());
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}
