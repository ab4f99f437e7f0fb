//! Whether QUIC answers at a P2P port: a node with libp2p (0.39 and 0.40).
//!
//! A packet of a version that nobody speaks makes every QUIC server say which versions it does (RFC 9000 §6), before any
//! key, certificate or identity. Who answers is then asked who it is (`identify`).

use std::net::SocketAddr;

use rand_core::{OsRng, RngCore};
use tokio::net::UdpSocket;
use tokio::time::timeout;

use super::Options;
use crate::live::{Answer, State};

/// A version of the form that is reserved for this (RFC 9000 §15).
const NOBODYS: [u8; 4] = [0x1a, 0x2a, 0x3a, 0x4a];
/// A server need not answer to less.
const LENGTH: usize = 1200;

/// Silence from UDP tells nothing: closed, filtered and absent look alike.
pub(super) async fn ask(to: SocketAddr, options: &Options) -> (State, Option<Answer>) {
    if !options.way.carries_udp() {
        return (State::Unknown("UDP does not go through ssh".to_owned()), None);
    }
    match negotiate(to, options).await {
        Ok(Some(versions)) => {
            let said = super::identify::ask(to, options).await.map(Box::new);
            (State::Open, Some(Answer::Quic(versions, said)))
        }
        Ok(None) => (State::Filtered, None),
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => (State::Closed, None),
        Err(error) => match error.kind() {
            std::io::ErrorKind::NetworkUnreachable | std::io::ErrorKind::HostUnreachable => {
                (State::NoRoute, None)
            }
            _ => (State::Unknown(error.to_string()), None),
        },
    }
}

async fn negotiate(to: SocketAddr, options: &Options) -> std::io::Result<Option<usize>> {
    let any: SocketAddr = if to.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(to).await?;
    let mut ids = [0; 16];
    OsRng.fill_bytes(&mut ids);
    let asked = packet(&ids);
    for _ in 0..3 {
        socket.send(&asked).await?;
        let mut answer = [0; 1500];
        if let Ok(got) = timeout(options.connect / 3, socket.recv(&mut answer)).await {
            return Ok(versions(&answer[..got?], &ids));
        }
    }
    Ok(None)
}

/// A long header: form and fixed bits, version, two connection ids of eight bytes, padding.
fn packet(ids: &[u8; 16]) -> Vec<u8> {
    let mut packet = vec![0xc0];
    packet.extend_from_slice(&NOBODYS);
    packet.push(8);
    packet.extend_from_slice(&ids[..8]);
    packet.push(8);
    packet.extend_from_slice(&ids[8..]);
    packet.resize(LENGTH, 0);
    packet
}

/// How many versions a version negotiation to us offers.
fn versions(answer: &[u8], ids: &[u8; 16]) -> Option<usize> {
    let (head, rest) = answer.split_first_chunk::<5>()?;
    let (to, from) = (ids.get(8..)?, ids.get(..8)?);
    // Version 0 is negotiation; the ids come back the other way round.
    let echoed = [&[8][..], to, &[8], from].concat();
    let offered = rest.strip_prefix(echoed.as_slice())?;
    (head[0] & 0x80 != 0 && head[1..] == [0; 4] && offered.len() % 4 == 0 && !offered.is_empty())
        .then_some(offered.len() / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_to_our_own_question_counts() {
        let ids: [u8; 16] = std::array::from_fn(|i| u8::try_from(i).unwrap());
        let mut answer = vec![0x80, 0, 0, 0, 0, 8];
        answer.extend_from_slice(&ids[8..]);
        answer.push(8);
        answer.extend_from_slice(&ids[..8]);
        answer.extend_from_slice(&[0, 0, 0, 1, 0x6b, 0x33, 0x43, 0xcf]);
        assert_eq!(versions(&answer, &ids), Some(2));
        for cut in 0..answer.len() - 1 {
            assert!(versions(&answer[..cut], &ids).is_none_or(|n| n < 2), "{cut}");
        }
        assert_eq!(versions(&answer, &[9; 16]), None);
        assert_eq!(versions(&packet(&ids), &ids), None, "our own packet reflected");
    }
}
