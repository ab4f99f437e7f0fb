//! One session with a device: opened by a password, used for one command after the other, closed when it is dropped.
//!
//! A device has 16 sessions and forgets one after 30 s of silence. So none is left behind where that can be helped, and a session
//! that saw anything odd is lost: the next thing is a new one.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rand_core::{OsRng, RngCore};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::{
    config::Connector,
    io::key::yubihsm::{
        lane::Lane,
        transport::{self, Transport, TransportError},
    },
    yubihsm::{
        auth_key::AuthKey,
        command,
        frame::{self, ReplyError},
        refusal::Refusal,
        scp03::{Channel, ChannelError, Handshake, HandshakeError},
    },
};

/// How long closing may take: it is a courtesy to the next one who needs a session.
const CLOSING: Duration = Duration::from_millis(200);

/// An open session.
pub struct Session {
    lane: Arc<Lane>,
    wire: Box<dyn Transport>,
    channel: Channel,
    patience: Duration,
}

/// A command has no result.
#[derive(Debug, Error)]
pub enum HsmError {
    /// No way to the device.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// No session.
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
    /// The device refuses a command. The session goes on.
    #[error("{}: the device refuses: {refusal}", command::name(*command))]
    Refused {
        /// The command.
        command: u8,
        /// Its reason.
        refusal: Refusal,
    },
    /// The session is lost, or the command too long for it.
    #[error("{}: {source}", command::name(*command))]
    Channel {
        /// The command.
        command: u8,
        /// What happened.
        source: ChannelError,
    },
    /// An authentic answer of another form.
    #[error("{}: the device's answer has an unknown form", command::name(*command))]
    Unexpected {
        /// The command.
        command: u8,
    },
}

// === impl Session ===

impl Session {
    /// Opens a session through a connector; each step, and each command later, takes no longer than `patience`.
    pub fn connect(
        connector: &Connector,
        auth_key_id: u16,
        key: &AuthKey,
        patience: Duration,
    ) -> Result<Self, HsmError> {
        let lane = Lane::of(connector);
        Self::open(&lane, transport::open(&lane), auth_key_id, key, patience)
    }

    pub(super) fn open(
        lane: &Arc<Lane>,
        mut wire: Box<dyn Transport>,
        auth_key_id: u16,
        key: &AuthKey,
        patience: Duration,
    ) -> Result<Self, HsmError> {
        let mut challenge = [0; 8];
        OsRng.fill_bytes(&mut challenge);
        let handshake = Handshake::new(auth_key_id, challenge);
        let reply = wire.exchange(&handshake.request(), Instant::now() + patience)?;
        let (opening, proof) = handshake.prove(key, &reply)?;
        let channel = opening.confirm(&wire.exchange(&proof, Instant::now() + patience)?)?;
        lane.reserve(channel.id());
        Ok(Self { lane: Arc::clone(lane), wire, channel, patience })
    }

    /// How long a command may take from now on.
    pub fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// Commands that went through this session.
    pub fn commands(&self) -> u32 {
        self.channel.commands()
    }

    /// Whether another command can go through.
    pub fn is_lost(&self) -> bool {
        self.channel.is_broken()
    }

    /// One command; the body of the reply.
    pub fn command(&mut self, code: u8, body: &[u8]) -> Result<Zeroizing<Vec<u8>>, HsmError> {
        let channel_error = |source| match source {
            ChannelError::Inner(ReplyError::Refused(refusal)) => HsmError::Refused { command: code, refusal },
            source => HsmError::Channel { command: code, source },
        };
        let frame = self.channel.seal(code, body).map_err(channel_error)?;
        // Where the exchange fails the channel does not know; it is told by an answer that is none.
        let reply = self.wire.exchange(&frame, Instant::now() + self.patience).inspect_err(|_| {
            let _ = self.channel.open(code, &[]);
        })?;
        self.channel.open(code, &reply).map_err(channel_error)
    }

    /// One command without a body outside of the session.
    pub(super) fn plain(&mut self, code: u8) -> Result<Vec<u8>, HsmError> {
        let frame = frame::encode(code, &[]).expect("three bytes fit");
        let reply = self.wire.exchange(&frame, Instant::now() + self.patience)?;
        match frame::decode_reply(code, &reply) {
            Ok(body) => Ok(body.to_vec()),
            Err(ReplyError::Refused(refusal)) => Err(HsmError::Refused { command: code, refusal }),
            Err(ReplyError::Malformed(_)) => Err(HsmError::Unexpected { command: code }),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // After a panic in a command nobody knows what another one does, and a second panic would end the process.
        if !self.is_lost() && !std::thread::panicking() {
            self.patience = CLOSING;
            // Whatever it answers, this session is over.
            let _ = self.command(command::CLOSE_SESSION, &[]);
        }
        self.lane.release(self.channel.id());
    }
}

// === impl HsmError ===

impl HsmError {
    /// The device's own reason, where it gave one.
    pub fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Refused { refusal, .. }
            | Self::Handshake(HandshakeError::Reply(ReplyError::Refused(refusal)))
            | Self::Channel { source: ChannelError::Outer(ReplyError::Refused(refusal)), .. } => {
                Some(*refusal)
            }
            _ => None,
        }
    }

    /// Label value of the metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Transport(TransportError::Timeout { .. }) => "timeout",
            Self::Transport(_) => "transport",
            Self::Handshake(_) => "handshake",
            Self::Refused { .. } => "refused",
            Self::Channel { .. } => "channel",
            Self::Unexpected { .. } => "unexpected",
        }
    }

    /// What the operator can do.
    pub fn remedy(&self) -> Option<String> {
        let text = match self {
            Self::Transport(TransportError::Usb(_)) => {
                "plug the device in; give this user access to it by a udev rule (README, YubiHSM)"
            }
            Self::Transport(_) => "start the connector, or correct `connector` in the configuration",
            Self::Handshake(HandshakeError::Password { .. }) => {
                "the password of this authentication key in `password_file` or `credential`"
            }
            _ => match self.refusal()? {
                Refusal::OBJECT_NOT_FOUND => {
                    "palisade-signer yubihsm keys list; is it in a domain of the key?"
                }
                Refusal::INSUFFICIENT_PERMISSIONS => {
                    "an authentication key with the capabilities sign-eddsa (or sign-ecdsa) and get-log-entries"
                }
                Refusal::SESSIONS_FULL => "wait for 30 s; the device closes sessions that nobody uses",
                _ => return None,
            },
        };
        Some(text.into())
    }
}
