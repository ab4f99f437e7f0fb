//! The blocks that are kept, newest last, and the questions that nodes answer from them.

use std::collections::VecDeque;
use std::sync::Arc;

use thiserror::Error;

use crate::chain::Finalized;
use crate::rotation::Rotation;

/// The last blocks of a chain.
#[derive(Clone, Debug)]
pub struct Ledger {
    blocks: VecDeque<Arc<Finalized>>,
    keep: usize,
    upcoming: Arc<Rotation>,
}

/// A height that cannot be served; the texts are CometBFT's own (`rpc/core/env.go`).
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum HeightError {
    /// Not positive.
    #[error("height must be greater than 0, but got {0}")]
    NotPositive(i64),
    /// Not there yet.
    #[error("height {0} must be less than or equal to the current blockchain height {1}")]
    Future(i64, i64),
    /// Not there any more.
    #[error("height {0} is not available, lowest height is {1}")]
    Pruned(i64, i64),
}

impl Ledger {
    /// An empty ledger that keeps `keep` blocks, at least 2.
    pub fn new(keep: usize, first: Arc<Rotation>) -> Self {
        Self { blocks: VecDeque::new(), keep: keep.max(2), upcoming: first }
    }

    /// Adds the next block; `upcoming` is the set of the one after it.
    pub fn push(&mut self, block: Arc<Finalized>, upcoming: Arc<Rotation>) {
        self.blocks.push_back(block);
        self.upcoming = upcoming;
        if self.blocks.len() > self.keep {
            self.blocks.pop_front();
        }
    }

    /// Height of the newest block; 0 without any.
    pub fn height(&self) -> i64 {
        self.blocks.back().map_or(0, |b| b.draft.height)
    }

    /// Height of the oldest block kept; 0 without any.
    pub fn base(&self) -> i64 {
        self.blocks.front().map_or(0, |b| b.draft.height)
    }

    /// The newest block.
    pub fn last(&self) -> Option<&Arc<Finalized>> {
        self.blocks.back()
    }

    /// The oldest block kept.
    pub fn first(&self) -> Option<&Arc<Finalized>> {
        self.blocks.front()
    }

    /// Checks a height as a node does; none means the newest.
    pub fn resolve(&self, height: Option<i64>, newest: i64) -> Result<i64, HeightError> {
        match height {
            None => Ok(newest),
            Some(height) if height <= 0 => Err(HeightError::NotPositive(height)),
            Some(height) if height > newest => Err(HeightError::Future(height, newest)),
            Some(height) if height < self.base() => Err(HeightError::Pruned(height, self.base())),
            Some(height) => Ok(height),
        }
    }

    /// The block of a height that is kept.
    pub fn get(&self, height: i64) -> Option<&Arc<Finalized>> {
        self.blocks.get(usize::try_from(height - self.base()).ok()?)
    }

    /// The block with this hash.
    pub fn by_hash(&self, hash: &[u8]) -> Option<&Arc<Finalized>> {
        self.blocks.iter().rev().find(|b| b.draft.id.hash == hash)
    }

    /// Set and priorities of a height: any kept one, or the next.
    pub fn rotation(&self, height: i64) -> Option<&Arc<Rotation>> {
        if height == self.height() + 1 { Some(&self.upcoming) } else { self.get(height).map(|b| &b.rotation) }
    }
}
