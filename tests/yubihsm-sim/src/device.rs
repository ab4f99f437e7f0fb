//! The device: sessions, objects, options and log behind one function from a message to an answer.
//!
//! The clock is an argument. What each command does inside a session is in `command`; here is what all have in common:
//! the slot, the channel, forced auditing, the log entry.

use crate::audit::{Log, Record};
use crate::command::Done;
use crate::object::{self, Kind, Object, Payload};
use crate::session::{self, CHALLENGE, Identity, LongKeys, MAC, Session};
use crate::wire::{self, Fields, RESPONSE, Refusal, code};
use crate::{Capabilities, Config};
use rand_core::{OsRng, RngCore};
use std::collections::BTreeMap;
use std::time::Duration;

/// Slots for sessions.
pub const SESSIONS: usize = 16;
/// Objects the device can hold.
pub const OBJECTS: usize = 256;
/// Id of the authentication key that a fresh device has.
pub const FACTORY_KEY: u16 = 1;
/// Password of that key.
pub const FACTORY_PASSWORD: &str = "password";

/// A YubiHSM 2.
pub struct Device {
    pub(crate) config: Config,
    pub(crate) objects: BTreeMap<(Kind, u16), Object>,
    /// How often each type and id was used; survives deletion.
    pub(crate) sequences: BTreeMap<(Kind, u16), u8>,
    pub(crate) log: Log,
    sessions: [Option<Session>; SESSIONS],
    powered: Duration,
    now: Duration,
}

impl Device {
    /// A device fresh from the factory, powered at `now`.
    pub fn new(config: Config, now: Duration) -> Self {
        let mut device = Self {
            log: Log::fresh(&random(), config.audits_from_the_start()),
            config,
            objects: BTreeMap::new(),
            sequences: BTreeMap::new(),
            sessions: Default::default(),
            powered: now,
            now,
        };
        device.wipe();
        device
    }

    /// A power cycle: sessions are gone, everything else stays.
    pub fn reboot(&mut self) {
        self.drop_sessions();
        self.powered = self.now;
        self.log.boot();
    }

    /// What its clock shows.
    pub(crate) fn clock(&self) -> Duration {
        self.now
    }

    /// Forgets all sessions, as a device does that hiccups.
    pub fn drop_sessions(&mut self) {
        self.sessions = Default::default();
    }

    /// Factory reset: the factory's authentication key and nothing else, a new log.
    pub fn wipe(&mut self) {
        self.objects.clear();
        self.sequences.clear();
        self.log = Log::fresh(&random(), self.config.audits_from_the_start());
        let key = Object {
            id: FACTORY_KEY,
            kind: Kind::AuthenticationKey,
            algorithm: object::algorithm::AES128_YUBICO_AUTHENTICATION,
            label: object::label("DEFAULT AUTHKEY CHANGE THIS ASAP"),
            domains: 0xffff,
            capabilities: Capabilities::ALL,
            delegated: Capabilities::ALL,
            origin: object::IMPORTED,
            sequence: 0,
            payload: Payload::Authentication(LongKeys::from_password(FACTORY_PASSWORD)),
        };
        self.objects.insert((Kind::AuthenticationKey, FACTORY_KEY), key);
        self.reboot();
    }

    /// What the device was made as.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Changes limits on a running device.
    pub fn config_mut(&mut self) -> &mut Config {
        &mut self.config
    }

    /// The log store.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The log store, to be tampered with.
    pub fn log_mut(&mut self) -> &mut Log {
        &mut self.log
    }

    /// An object by type and id, with its secrets.
    pub fn object(&self, kind: Kind, id: u16) -> Option<&Object> {
        self.objects.get(&(kind, id))
    }

    /// Every object.
    pub fn objects(&self) -> impl Iterator<Item = &Object> {
        self.objects.values()
    }

    /// Slots in use, idle ones included.
    pub fn session_count(&self) -> usize {
        self.sessions.iter().flatten().count()
    }

    /// The command that a message carries: the inner one, where the session can be decrypted.
    pub fn command_of(&self, message: &[u8]) -> Option<u8> {
        let (code, data) = wire::unframe(message).ok()?;
        if code != code::SESSION_MESSAGE {
            return Some(code);
        }
        let (id, rest) = data.split_first()?;
        let ciphertext = rest.get(..rest.len().checked_sub(MAC)?)?;
        let inner = self.sessions.get(usize::from(*id))?.as_ref()?.peek(ciphertext)?;
        inner.first().copied()
    }

    /// Executes one message at `now` and answers it.
    pub fn exchange(&mut self, message: &[u8], now: Duration) -> Vec<u8> {
        self.now = now;
        for slot in &mut self.sessions {
            if slot.as_ref().is_some_and(|s| now.saturating_sub(s.used) >= self.config.idle_limit) {
                *slot = None;
            }
        }
        if message.len() >= self.config.buffer() {
            return wire::refusal(Refusal::WrongLength);
        }
        let answer = wire::unframe(message).and_then(|(code, data)| match code {
            code::ECHO => Ok(wire::frame(code | RESPONSE, data)),
            code::DEVICE_INFO => self.device_info(data).map(|info| wire::frame(code | RESPONSE, &info)),
            code::CREATE_SESSION => self.create_session(data).map(|made| wire::frame(code | RESPONSE, &made)),
            code::AUTHENTICATE_SESSION => {
                self.authenticate_session(message, data).map(|()| wire::frame(code | RESPONSE, &[]))
            }
            code::SESSION_MESSAGE => self.session_message(message, data),
            _ => Err(Refusal::InvalidCommand),
        });
        answer.unwrap_or_else(wire::refusal)
    }

    pub(crate) fn device_info(&self, data: &[u8]) -> Result<Vec<u8>, Refusal> {
        let page = match data {
            [] | [0] => 0,
            [1] if self.config.firmware >= (2, 4, 0) => 1,
            [_] => return Err(Refusal::InvalidData),
            _ => return Err(Refusal::WrongLength),
        };
        if page == 1 {
            return Ok(b"SIMULATOR".to_vec());
        }
        let (major, minor, patch) = self.config.firmware;
        let used = u8::try_from(self.log.entries().len()).expect("at most 62");
        let mut info = vec![major, minor, patch];
        info.extend(self.config.serial.to_be_bytes());
        info.extend([crate::audit::CAPACITY.try_into().expect("62"), used]);
        info.extend(1..=self.config.last_algorithm());
        Ok(info)
    }

    fn create_session(&mut self, data: &[u8]) -> Result<Vec<u8>, Refusal> {
        let mut fields = Fields::new(data);
        let key = fields.u16()?;
        let host = fields.array::<CHALLENGE>()?;
        fields.end()?;
        let made = self.open_slot(key, host);
        self.log_session(code::CREATE_SESSION, data.len(), key, &made.as_ref().map(|_| ()).map_err(|r| *r));
        made
    }

    fn open_slot(&mut self, key: u16, host: [u8; CHALLENGE]) -> Result<Vec<u8>, Refusal> {
        let object = self.objects.get(&(Kind::AuthenticationKey, key)).ok_or(Refusal::ObjectNotFound)?;
        let Payload::Authentication(keys) = &object.payload else {
            return Err(Refusal::ObjectNotFound);
        };
        let slot = self.sessions.iter().position(Option::is_none).ok_or(Refusal::SessionsFull)?;
        let identity = Identity {
            key,
            capabilities: object.capabilities,
            delegated: object.delegated,
            domains: object.domains,
        };
        let card = random::<CHALLENGE>();
        let session = Session::create(identity, keys, host, card, self.now);
        let mut answer = vec![u8::try_from(slot).expect("below 16")];
        answer.extend(card);
        answer.extend(session.card_cryptogram());
        self.sessions[slot] = Some(session);
        Ok(answer)
    }

    fn authenticate_session(&mut self, message: &[u8], data: &[u8]) -> Result<(), Refusal> {
        if data.len() != 1 + CHALLENGE + MAC {
            return Err(Refusal::WrongLength);
        }
        let slot = usize::from(data[0]);
        let session = self.session(slot)?;
        let key = session.identity.key;
        let outcome = session.authenticate(message, &data[1..=CHALLENGE]);
        if outcome.is_err() {
            self.sessions[slot] = None;
        }
        self.log_session(code::AUTHENTICATE_SESSION, data.len(), key, &outcome);
        outcome
    }

    fn session(&mut self, slot: usize) -> Result<&mut Session, Refusal> {
        let now = self.now;
        let session = self.sessions.get_mut(slot).and_then(Option::as_mut).ok_or(Refusal::InvalidSession)?;
        session.used = now;
        Ok(session)
    }

    fn session_message(&mut self, message: &[u8], data: &[u8]) -> Result<Vec<u8>, Refusal> {
        if data.len() < 1 + 16 + MAC {
            return Err(Refusal::WrongLength);
        }
        // The trap that the vendor's own library guards against: auditing the envelope itself locks the device out.
        if self.log.is_stuck() && self.log.audits(code::SESSION_MESSAGE) {
            return Err(Refusal::LogFull);
        }
        let slot = usize::from(data[0]);
        let limit = self.config.command_limit;
        let session = self.session(slot)?;
        session.commands += 1;
        let opened = if session.commands > limit {
            Err(Refusal::InvalidSession)
        } else {
            session.open(message, &data[1..data.len() - MAC])
        };
        let identity = session.identity;
        let inner = match opened {
            Ok(inner) => inner,
            Err(refusal) => {
                // A broken channel is no channel.
                self.sessions[slot] = None;
                return Err(refusal);
            }
        };
        let answer = match wire::unframe(&inner) {
            Ok((code, data)) => self.execute(&identity, code, data),
            Err(refusal) => wire::refusal(refusal),
        };
        let Some(session) = self.sessions[slot].as_mut() else {
            return Err(Refusal::InvalidSession);
        };
        let sealed = session.seal(data[0], code::SESSION_MESSAGE | RESPONSE, &answer);
        let executed = |code: u8| answer.first() == Some(&(code | RESPONSE));
        if executed(code::CLOSE_SESSION) {
            self.sessions[slot] = None;
        } else if executed(code::RESET_DEVICE) {
            self.wipe();
        }
        Ok(sealed)
    }

    /// One command inside a session, with its log entry.
    fn execute(&mut self, who: &Identity, code: u8, data: &[u8]) -> Vec<u8> {
        let audited = self.log.audits(code);
        let always = matches!(code, code::GET_LOG_ENTRIES | code::SET_LOG_INDEX);
        let done = if audited && !always && self.log.is_stuck() {
            return wire::refusal(Refusal::LogFull);
        } else {
            self.run(who, code, data)
        };
        if audited && !self.log.is_stuck() {
            self.log.push(Record {
                command: code,
                length: u16::try_from(data.len()).unwrap_or(u16::MAX),
                session_key: who.key,
                target: done.target,
                second: done.second,
                result: done.answer.as_ref().map_or_else(|refusal| *refusal as u8, |_| code | RESPONSE),
                tick: self.tick(),
            });
        }
        let Done { answer, .. } = done;
        answer.map_or_else(wire::refusal, |data| wire::frame(code | RESPONSE, &data))
    }

    /// Sessions are always allowed; where they find no room in the log, they are counted.
    fn log_session(&mut self, command: u8, length: usize, key: u16, outcome: &Result<(), Refusal>) {
        if !self.log.audits(command) {
            return;
        }
        if self.log.is_stuck() {
            if command == code::AUTHENTICATE_SESSION {
                self.log.unlogged_auths = self.log.unlogged_auths.saturating_add(1);
            }
            return;
        }
        self.log.push(Record {
            command,
            length: u16::try_from(length).unwrap_or(u16::MAX),
            session_key: 0xffff,
            target: key,
            second: 0xffff,
            result: outcome.map_or_else(|refusal| refusal as u8, |()| command | RESPONSE),
            tick: self.tick(),
        });
    }

    fn tick(&self) -> u32 {
        u32::try_from(self.now.saturating_sub(self.powered).as_millis()).unwrap_or(u32::MAX)
    }
}

pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    OsRng.fill_bytes(&mut bytes);
    bytes
}

const _: () = assert!(session::MAC == session::CHALLENGE, "both are half a block");
