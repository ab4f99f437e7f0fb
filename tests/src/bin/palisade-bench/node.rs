//! The node's side of a privval connection, blocking and as thin as possible, so that the bench times the signer.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use anyhow::{Context, Result};
use comet::{
    frame,
    key::PrivateKey,
    privval::{BlockId, Message, PRECOMMIT, PartSetHeader, SignVoteRequest, Sum, Timestamp, Vote},
    secret::Driver,
};
use rand_core::{OsRng, RngCore};

/// One SecretConnection over a blocking socket.
pub(crate) struct Link {
    socket: TcpStream,
    driver: Driver,
    frames: frame::Decoder,
    buffer: Vec<u8>,
}

impl Link {
    /// Shakes hands with a fresh identity, as a node does.
    pub(crate) fn shake_hands(socket: TcpStream) -> Result<Self> {
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(std::time::Duration::from_secs(5)))?;
        let mut ephemeral = [0; 32];
        OsRng.fill_bytes(&mut ephemeral);
        let driver = Driver::start(PrivateKey::generate(&mut OsRng), ephemeral.into());
        let frames = frame::Decoder::new(frame::MAX_FROM_NODE);
        let mut link = Self { socket, driver, frames, buffer: vec![0; 16 * 1024] };
        link.flush()?;
        while !link.driver.is_established() {
            link.fill()?;
            link.flush()?;
        }
        Ok(link)
    }

    fn fill(&mut self) -> Result<()> {
        let got = self.socket.read(&mut self.buffer).context("reading")?;
        anyhow::ensure!(got > 0, "the peer closed the connection");
        Ok(self.driver.receive(&self.buffer[..got])?)
    }

    fn flush(&mut self) -> Result<()> {
        let out = self.driver.take_outgoing();
        Ok(self.socket.write_all(&out)?)
    }

    /// Sends one message.
    pub(crate) fn send(&mut self, message: &Message) -> Result<()> {
        self.driver.send(&frame::encode(message))?;
        self.flush()
    }

    /// Waits for one message's bytes.
    pub(crate) fn receive(&mut self) -> Result<Message> {
        loop {
            // The first message may have come in one piece with the end of the handshake.
            let plain = self.driver.take_incoming();
            self.frames.push(&plain);
            if let Some(body) = self.frames.next()? {
                return Ok(Message::from_body(body)?);
            }
            self.fill()?;
        }
    }

    /// One request and its answer.
    pub(crate) fn ask(&mut self, request: &Message) -> Result<Message> {
        self.send(request)?;
        self.receive()
    }
}

/// A precommit for a block at `height`, as a node asks for it.
pub(crate) fn precommit(chain_id: &str, height: usize) -> Message {
    let height = i64::try_from(height).expect("a bench is short");
    let block_id = BlockId {
        hash: vec![0xaa; 32],
        part_set_header: Some(PartSetHeader { total: 1, hash: vec![0xbb; 32] }),
    };
    let vote = Vote {
        r#type: PRECOMMIT,
        height,
        block_id: Some(block_id),
        timestamp: Some(Timestamp { seconds: 1_700_000_000 + height, nanos: 123_456_789 }),
        validator_address: vec![7; 20],
        ..Vote::default()
    };
    Message::of(Sum::SignVoteRequest(SignVoteRequest {
        vote: Some(vote),
        chain_id: chain_id.into(),
        skip_extension_signing: true,
    }))
}
