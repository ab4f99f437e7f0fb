//! One message: command, length, body. Replies carry the command's number with the top bit set, or 0x7f and an error code.

use thiserror::Error;

use crate::yubihsm::{command, refusal::Refusal};

/// Longest frame that every firmware takes, its three bytes of head included (python-yubihsm, `core.py`: 3,136 from 2.4 on).
pub const MAX_FRAME: usize = 2048;
/// Longest reply that any firmware sends.
pub const MAX_REPLY: usize = 3136 + 3;
const HEAD: usize = 3;
const REPLY: u8 = 0x80;
const ERROR: u8 = 0x7f;

/// There is no frame of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the device takes messages of at most {MAX_FRAME} bytes, this one would have {bytes}")]
pub struct TooLong {
    /// Length of the frame that would have been.
    pub bytes: usize,
}

/// A reply that holds no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ReplyError {
    /// The device says no.
    #[error("the device refuses: {0}")]
    Refused(Refusal),
    /// It is no reply to this command.
    #[error("the reply is malformed: {0}")]
    Malformed(&'static str),
}

/// Frames a command.
pub fn encode(code: u8, body: &[u8]) -> Result<Vec<u8>, TooLong> {
    let bytes = HEAD + body.len();
    let length = u16::try_from(body.len()).ok().filter(|_| bytes <= MAX_FRAME).ok_or(TooLong { bytes })?;
    let mut frame = Vec::with_capacity(bytes);
    frame.push(code);
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(body);
    Ok(frame)
}

/// Whether bytes are one whole frame: what a connector may pass on.
pub fn is_whole(frame: &[u8]) -> bool {
    matches!(frame, [_, high, low, body @ ..] if usize::from(u16::from_be_bytes([*high, *low])) == body.len())
}

/// The body of the reply to `command`.
pub fn decode_reply(command: u8, reply: &[u8]) -> Result<&[u8], ReplyError> {
    if !is_whole(reply) {
        return Err(ReplyError::Malformed("its length is not what it says"));
    }
    match (reply[0], &reply[HEAD..]) {
        (ERROR, [code]) => Err(ReplyError::Refused(Refusal(*code))),
        (ERROR, _) => Err(ReplyError::Malformed("an error without a code")),
        (code, body) if code == command | REPLY => Ok(body),
        _ => Err(ReplyError::Malformed("it answers another command")),
    }
}

/// The session that a frame belongs to, where it belongs to one.
pub fn session_of(frame: &[u8]) -> Option<u8> {
    match frame {
        [command::AUTHENTICATE_SESSION | command::SESSION_MESSAGE, _, _, id, ..] => Some(*id),
        _ => None,
    }
}

/// The session that a reply to `CREATE SESSION` opens.
pub fn session_made_by(frame: &[u8], reply: &[u8]) -> Option<u8> {
    let is_create = frame.first() == Some(&command::CREATE_SESSION);
    let body = is_create.then(|| decode_reply(command::CREATE_SESSION, reply).ok())??;
    body.first().copied()
}

/// The frame by which a connector of ours refuses on its own.
pub fn refusal(code: Refusal) -> Vec<u8> {
    vec![ERROR, 0, 1, code.0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_as_long_as_they_say() {
        assert_eq!(encode(command::ECHO, b"ab"), Ok(vec![1, 0, 2, b'a', b'b']));
        assert_eq!(encode(command::ECHO, &[0; MAX_FRAME - 3]).map(|frame| frame.len()), Ok(MAX_FRAME));
        assert_eq!(encode(command::ECHO, &[0; MAX_FRAME - 2]), Err(TooLong { bytes: MAX_FRAME + 1 }));
        assert_eq!(encode(command::ECHO, &[0; 70_000]), Err(TooLong { bytes: 70_003 }));
    }

    #[test]
    fn replies_are_answers_refusals_or_malformed() {
        assert_eq!(decode_reply(1, &[0x81, 0, 1, 7]), Ok(&[7][..]));
        assert_eq!(decode_reply(1, &[0x7f, 0, 1, 0x0a]), Err(ReplyError::Refused(Refusal::LOG_FULL)));
        for bad in
            [&[][..], &[0x81], &[0x81, 0], &[0x81, 0, 1], &[0x81, 0, 0, 1], &[0x82, 0, 0], &[0x7f, 0, 0]]
        {
            assert!(matches!(decode_reply(1, bad), Err(ReplyError::Malformed(_))), "{bad:?}");
        }
    }

    #[test]
    fn a_connector_sees_whose_session_it_is() {
        assert_eq!(session_of(&[5, 0, 1, 9]), Some(9));
        assert_eq!(session_of(&[4, 0, 1, 9]), Some(9));
        assert_eq!(session_of(&[6, 0, 0]), None);
        assert_eq!(session_made_by(&[3, 0, 0], &[0x83, 0, 1, 4]), Some(4));
        assert_eq!(session_made_by(&[3, 0, 0], &refusal(Refusal::SESSIONS_FULL)), None);
        assert_eq!(session_made_by(&[5, 0, 0], &[0x83, 0, 1, 4]), None);
    }
}
