//! Signers with one key, a node each that asks what the test wants, and a real etcd on loopback that they share.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use comet::privval::Vote;

use crate::etcd::{Cluster, Line};
use crate::privval_node::{Answer, PrivvalNode, vote};
use crate::process::until;
use crate::scratch::Scratch;
use crate::signer_process::Signer;

/// Chain id.
pub const CHAIN: &str = "palisade-shared";
/// Type of a prevote.
pub const PREVOTE: i32 = 1;
/// Type of a precommit.
pub const PRECOMMIT: i32 = 2;

/// For members that have lost their leader to have another, on a machine with more to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// All of it.
pub struct Stage {
    /// At work.
    pub signers: Vec<Signer>,
    /// One for each signer.
    pub nodes: Vec<PrivvalNode>,
    /// Three members.
    pub cluster: Cluster,
    // Kept if the test fails, so it goes last.
    dir: Scratch,
}

impl Stage {
    /// A cluster of three and so many signers at work.
    pub fn set(line: Line, signers: usize) -> Result<Self> {
        Self::with_key_type(line, signers, "ed25519")
    }

    /// The same with a key of this type.
    pub fn with_key_type(line: Line, signers: usize, key_type: &str) -> Result<Self> {
        let dir = Scratch::new()?;
        let mut cluster = Cluster::on_loopback(&dir.path().join("etcd"), line, 3)?;
        cluster.start()?;
        let generate = &["key", "generate", "--type", key_type, "keys/own.json"][..];
        Signer::set_up(&dir.path().join("maker"), CHAIN, &[], "", &[generate])?;
        let mut stage = Self { signers: Vec::new(), nodes: Vec::new(), cluster, dir };
        for _ in 0..signers {
            stage.add_signer()?;
        }
        Ok(stage)
    }

    /// One more signer with the same key, at work.
    pub fn add_signer(&mut self) -> Result<()> {
        let at = self.signers.len();
        let node = PrivvalNode::listen(&self.dir.path().join(format!("node{at}.sock")))?;
        let (dir, store) = (self.dir.path().join(format!("signer{at}")), self.cluster.store("signer"));
        let of = (CHAIN, std::slice::from_ref(&node.url), store.as_str());
        let key = self.dir.path().join("maker/keys/own.json");
        let signer = Signer::with_same_key(&dir, of, &key, Vec::new())?;
        self.signers.push(signer);
        self.nodes.push(node);
        self.start(at)
    }

    /// Starts a signer that is set up.
    pub fn start(&mut self, at: usize) -> Result<()> {
        let signer = &mut self.signers[at];
        signer.start()?;
        signer.ready(Duration::from_secs(20)).with_context(|| signer.tail())
    }

    /// Where the test may put files.
    pub fn dir(&self) -> &std::path::Path {
        self.dir.path()
    }

    /// The answer of a signer.
    pub fn ask(&mut self, at: usize, vote: &Vote) -> Result<Answer> {
        self.nodes[at].ask(CHAIN, vote).with_context(|| self.signers[at].tail())
    }

    /// The precommit of this height is signed by the signer at `at`, if need be when members that were left alone have a
    /// leader again: until then it refuses, and a node asks in its next round.
    pub fn signs(&mut self, at: usize, height: i64) -> Result<()> {
        let mut last = String::new();
        let signed = until("a signature", PATIENCE, || {
            let answer = self.ask(at, &vote(PRECOMMIT, height, 0, 1, height))?;
            last = format!("{answer:?}");
            let electing =
                matches!(&answer, Answer::Refused(why) if why.contains("the shared store gives no answer"));
            Ok((!electing).then_some(matches!(answer, Answer::Signed(..))))
        });
        let signed = signed.with_context(|| format!("height {height}: {last}"))?;
        ensure!(signed, "height {height}: {last}\n{}", self.signers[at].tail());
        Ok(())
    }

    /// The precommit of this height is refused by the signer at `at`, in these words among others.
    pub fn refuses(&mut self, at: usize, height: i64, words: &str) -> Result<()> {
        let answer = self.ask(at, &vote(PRECOMMIT, height, 0, 1, height))?;
        let refused = matches!(&answer, Answer::Refused(why) if why.contains(words));
        ensure!(refused, "height {height}: {answer:?}, not {words:?}");
        Ok(())
    }

    /// A metric of a signer; 0 where there is none.
    pub fn metric(&self, at: usize, name: &str, labels: &[(&str, &str)]) -> Result<f64> {
        let name = format!("palisade_signer_{name}");
        Ok(self.signers[at].metrics()?.value(&name, labels).unwrap_or_default())
    }
}
