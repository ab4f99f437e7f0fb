//! The SCP03 channel of the YubiHSM 2: mutual authentication by two AES keys, then every message encrypted and chained by MACs.
//!
//! GlobalPlatform GPC_SPE_014 with Yubico's framing: AES-128-CBC with ISO 7816 padding, its initial vector the encrypted message
//! counter; AES-CMAC cut to 8 bytes, each one chained to that of the command before. A channel that saw anything wrong is
//! [`Broken`](ChannelError::Broken) for good: whoever holds it opens a new session.

use aes::{
    Aes128,
    cipher::{BlockDecryptMut, BlockEncrypt, BlockEncryptMut, InnerIvInit, KeyInit, block_padding::Iso7816},
};
use cmac::{Cmac, Mac};
use subtle::ConstantTimeEq;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::yubihsm::{
    auth_key::AuthKey,
    command,
    frame::{self, MAX_FRAME, ReplyError, TooLong},
};

const BLOCK: usize = 16;
const MAC: usize = 8;
/// Inner head, padding to a block, session id, MAC and outer head.
const MAX_INNER: usize = (MAX_FRAME - 3 - 1 - MAC) / BLOCK * BLOCK - 1;
/// Longest body of a command inside a session.
pub const MAX_BODY: usize = MAX_INNER - 3;
/// Commands after which Yubico's device wants a new session.
pub const SESSION_LIMIT: u32 = 1 << 20;

type Key = Zeroizing<[u8; BLOCK]>;

/// A handshake that has asked.
pub struct Handshake {
    auth_key_id: u16,
    host_challenge: [u8; 8],
}

/// A handshake that has proved itself and waits for the device to accept it.
pub struct Opening(Channel);

/// An open session.
pub struct Channel {
    id: u8,
    cipher: Aes128,
    mac_key: Key,
    rmac_key: Key,
    chain: [u8; BLOCK],
    counter: u32,
    broken: bool,
}

/// There is no channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum HandshakeError {
    /// The device says no, or nonsense.
    #[error(transparent)]
    Reply(#[from] ReplyError),
    /// The device has another key under this id.
    #[error("wrong password for authentication key {auth_key_id}")]
    Password {
        /// The id.
        auth_key_id: u16,
    },
}

/// Nothing came through the channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ChannelError {
    /// The device, outside of the channel: it does not know the session any more, or says nonsense.
    #[error("the session is lost: {0}")]
    Outer(ReplyError),
    /// The device refuses this command; the session goes on.
    #[error(transparent)]
    Inner(ReplyError),
    /// The reply was not made by the device, or not for this command.
    #[error("the session is lost: the reply is not authentic")]
    Forged,
    /// Something went wrong before.
    #[error("the session is lost")]
    Broken,
    /// The command is too long; nothing was sent.
    #[error(transparent)]
    TooLong(#[from] TooLong),
}

// === impl Handshake ===

impl Handshake {
    /// Begins a handshake with 8 fresh random bytes.
    pub fn new(auth_key_id: u16, host_challenge: [u8; 8]) -> Self {
        Self { auth_key_id, host_challenge }
    }

    /// The first frame.
    pub fn request(&self) -> Vec<u8> {
        let mut body = self.auth_key_id.to_be_bytes().to_vec();
        body.extend_from_slice(&self.host_challenge);
        frame::encode(command::CREATE_SESSION, &body).expect("ten bytes fit")
    }

    /// Checks the device's proof, and gives ours as the second frame.
    pub fn prove(self, key: &AuthKey, reply: &[u8]) -> Result<(Opening, Vec<u8>), HandshakeError> {
        let body = frame::decode_reply(command::CREATE_SESSION, reply)?;
        let ([id], [card_challenge, card_cryptogram]) = split(body)
            .ok_or(ReplyError::Malformed("a session needs an id, a challenge and a cryptogram"))?;
        let context = [self.host_challenge, card_challenge].concat();
        let mac_key = derive(key.mac(), 6, &context, 128);
        let proof = |constant| derive(&*mac_key, constant, &context, 64);
        if !bool::from(proof(0)[..MAC].ct_eq(&card_cryptogram)) {
            return Err(HandshakeError::Password { auth_key_id: self.auth_key_id });
        }
        let mut channel = Channel {
            id,
            cipher: Aes128::new_from_slice(&*derive(key.enc(), 4, &context, 128)).expect("16 bytes"),
            rmac_key: derive(key.mac(), 7, &context, 128),
            chain: [0; BLOCK],
            counter: 1,
            broken: false,
            mac_key: mac_key.clone(),
        };
        let ours =
            channel.authenticated(command::AUTHENTICATE_SESSION, &proof(1)[..MAC]).expect("17 bytes fit");
        Ok((Opening(channel), ours))
    }
}

// === impl Opening ===

impl Opening {
    /// Id of the session; the device holds it already.
    pub fn id(&self) -> u8 {
        self.0.id
    }

    /// Reads whether the device accepts.
    pub fn confirm(self, reply: &[u8]) -> Result<Channel, HandshakeError> {
        match frame::decode_reply(command::AUTHENTICATE_SESSION, reply)? {
            [] => Ok(self.0),
            _ => Err(ReplyError::Malformed("acceptance has no body").into()),
        }
    }
}

// === impl Channel ===

impl Channel {
    /// Id of the session.
    pub fn id(&self) -> u8 {
        self.id
    }

    /// Commands sent through it.
    pub fn commands(&self) -> u32 {
        self.counter - 1
    }

    /// Whether it can be used.
    pub fn is_broken(&self) -> bool {
        self.broken || self.counter >= SESSION_LIMIT
    }

    /// Encrypts a command. The next thing must be [`Self::open`] of the reply.
    pub fn seal(&mut self, code: u8, body: &[u8]) -> Result<Vec<u8>, ChannelError> {
        if self.is_broken() {
            return Err(ChannelError::Broken);
        }
        if body.len() > MAX_BODY {
            // What the frame would have, from the body: heads, session id, MAC, and padding to a block.
            let padded = (body.len() + 3 + BLOCK) / BLOCK * BLOCK;
            return Err(TooLong { bytes: 3 + 1 + padded + MAC }.into());
        }
        let inner = Zeroizing::new(frame::encode(code, body)?);
        let mut buffer = Zeroizing::new(vec![0; inner.len() + BLOCK]);
        buffer[..inner.len()].copy_from_slice(&inner);
        let sealed = cbc::Encryptor::inner_iv_init(self.cipher.clone(), &self.vector())
            .encrypt_padded_mut::<Iso7816>(&mut buffer, inner.len())
            .expect("there is a block to spare")
            .to_vec();
        Ok(self.authenticated(command::SESSION_MESSAGE, &sealed)?)
    }

    /// Decrypts the reply to the command sealed before.
    pub fn open(&mut self, code: u8, reply: &[u8]) -> Result<Zeroizing<Vec<u8>>, ChannelError> {
        // Any way out but the last ones leaves a channel that nobody can use.
        if std::mem::replace(&mut self.broken, true) {
            return Err(ChannelError::Broken);
        }
        let body = frame::decode_reply(command::SESSION_MESSAGE, reply).map_err(ChannelError::Outer)?;
        let (signed, mac) = reply.split_at(reply.len() - MAC.min(body.len()));
        let expected = cmac(&*self.rmac_key, &[&self.chain, signed]);
        let [id, sealed @ ..] = &body[..body.len().saturating_sub(MAC)] else {
            return Err(ChannelError::Forged);
        };
        if *id != self.id || !bool::from(expected[..MAC].ct_eq(mac)) {
            return Err(ChannelError::Forged);
        }
        let mut buffer = Zeroizing::new(sealed.to_vec());
        let inner = cbc::Decryptor::inner_iv_init(self.cipher.clone(), &self.vector())
            .decrypt_padded_mut::<Iso7816>(&mut buffer)
            .map_err(|_| ChannelError::Outer(ReplyError::Malformed("its padding is wrong")))?;
        self.counter += 1;
        let answer = frame::decode_reply(code, inner);
        self.broken = match answer {
            Ok(_) => false,
            Err(ReplyError::Refused(refusal)) => refusal.ends_session(),
            Err(ReplyError::Malformed(_)) => true,
        };
        answer.map(|body| Zeroizing::new(body.to_vec())).map_err(ChannelError::Inner)
    }

    /// Frames a body with session id and MAC, and moves the chain on.
    fn authenticated(&mut self, code: u8, body: &[u8]) -> Result<Vec<u8>, TooLong> {
        let mut with_id = Vec::with_capacity(1 + body.len() + MAC);
        with_id.push(self.id);
        with_id.extend_from_slice(body);
        with_id.extend_from_slice(&[0; MAC]);
        let mut frame = frame::encode(code, &with_id)?;
        let end = frame.len() - MAC;
        self.chain = cmac(&*self.mac_key, &[&self.chain, &frame[..end]]);
        frame[end..].copy_from_slice(&self.chain[..MAC]);
        Ok(frame)
    }

    fn vector(&self) -> aes::Block {
        let mut vector = aes::Block::default();
        vector[12..].copy_from_slice(&self.counter.to_be_bytes());
        self.cipher.encrypt_block(&mut vector);
        vector
    }
}

/// Session id and two 8-byte strings.
fn split(body: &[u8]) -> Option<([u8; 1], [[u8; 8]; 2])> {
    let (id, rest) = body.split_first_chunk()?;
    let (challenge, cryptogram) = rest.split_first_chunk()?;
    Some((*id, [*challenge, cryptogram.try_into().ok()?]))
}

/// The key derivation of SCP03 (GPC_SPE_014 §4.1.5): one block of CMAC in counter mode, of which `bits` are meant.
fn derive(key: &[u8], constant: u8, context: &[u8], bits: u8) -> Key {
    let head = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, constant, 0, 0, bits, 1];
    Zeroizing::new(cmac(key, &[&head, context]))
}

fn cmac(key: &[u8], parts: &[&[u8]]) -> [u8; BLOCK] {
    let mut mac = <Cmac<Aes128> as KeyInit>::new_from_slice(key).expect("16 bytes");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;
    use crate::yubihsm::refusal::Refusal;

    // Made by python-yubihsm 3.1.2's own functions: factory password, challenges 01..08 and 11..18, session 3.
    const CARD: &str = "a5fe7ff7b0fe6219";
    const AUTHENTICATE: &str = "040011031d1259203ca93c1e1b6c491001a3150b";
    const ECHO: &str = "050019032f8e696b9b91b1b7d089c2b64a16b65e1d69db8c52d1f2d2";
    const ECHOED: &str = "85001903fba50f5a5452b1868687fe33195052ee30a8bebe128d07aa";
    const SIGN: &str = "05003903fb78ec0235f90f54e2a37c07f9bd1c0dcabe54345800a2c07ecc20e70af55d1c082826b9d24e5153e7a2f048c4a5720a0361360c05a78ad0";
    const LOG_FULL: &str = "85001903598c9b40294527b8cf3c9f50a9212a21b4461223856cf5fb";

    fn handshake(card: &str) -> Result<(Opening, Vec<u8>), HandshakeError> {
        let handshake = Handshake::new(1, [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(hex::encode(handshake.request()), "03000a00010102030405060708");
        let reply = hex::decode(format!("83001103{}{card}", "1112131415161718")).expect("hex");
        // Once: deriving is slow on purpose.
        static KEY: LazyLock<AuthKey> = LazyLock::new(|| AuthKey::from_password(b"password"));
        handshake.prove(&KEY, &reply)
    }

    fn channel() -> Channel {
        handshake(CARD).expect("good").0.confirm(&[0x84, 0, 0]).expect("accepted")
    }

    #[test]
    fn every_frame_is_the_one_that_yubicos_own_client_makes() {
        let (opening, ours) = handshake(CARD).expect("good");
        assert_eq!((opening.id(), hex::encode(ours)), (3, AUTHENTICATE.into()));
        let mut channel = opening.confirm(&[0x84, 0, 0]).expect("accepted");
        assert_eq!(hex::encode(channel.seal(command::ECHO, b"hello").expect("short")), ECHO);
        let reply = hex::decode(ECHOED).expect("hex");
        assert_eq!(channel.open(command::ECHO, &reply).expect("authentic").as_slice(), b"hello");
        let body = [&[0, 100][..], &[b'x'; 40]].concat();
        assert_eq!(hex::encode(channel.seal(command::SIGN_EDDSA, &body).expect("short")), SIGN);
        let refused = channel.open(command::SIGN_EDDSA, &hex::decode(LOG_FULL).expect("hex"));
        assert_eq!(refused, Err(ChannelError::Inner(ReplyError::Refused(Refusal::LOG_FULL))));
        assert!(!channel.is_broken(), "a refusal does not end the session");
        assert_eq!(channel.commands(), 2);
    }

    #[test]
    fn a_device_that_does_not_know_the_password_is_refused() {
        let wrong = handshake("0000000000000000").err();
        assert_eq!(wrong, Some(HandshakeError::Password { auth_key_id: 1 }));
        assert!(matches!(handshake("00").err(), Some(HandshakeError::Reply(ReplyError::Malformed(_)))));
    }

    #[test]
    fn any_changed_bit_or_missing_byte_ends_the_channel() {
        let good = hex::decode(ECHOED).expect("hex");
        for at in 0..good.len() * 9 {
            let mut bad = good.clone();
            match at.checked_sub(good.len() * 8) {
                Some(cut) => bad.truncate(cut),
                None => bad[at / 8] ^= 1 << (at % 8),
            }
            let mut channel = channel();
            channel.seal(command::ECHO, b"hello").expect("short");
            assert!(channel.open(command::ECHO, &bad).is_err(), "{at}");
            assert!(channel.is_broken(), "{at}");
            assert_eq!(channel.seal(command::ECHO, b"again"), Err(ChannelError::Broken));
        }
    }

    #[test]
    fn the_longest_command_fits_and_the_next_is_refused_unsent() {
        let mut channel = channel();
        assert!(channel.seal(command::ECHO, &[0; MAX_BODY]).expect("fits").len() <= MAX_FRAME);
        for long in [MAX_BODY + 1, 2_046, 2_047, 4_000, 65_536, 2_000_000] {
            let refused = channel.seal(command::ECHO, &vec![0; long]);
            assert!(
                matches!(refused, Err(ChannelError::TooLong(TooLong { bytes })) if bytes > MAX_FRAME),
                "{long}"
            );
            assert!(!channel.is_broken());
        }
    }
}
