//! Where services that push to others note what became of it. It holds no values of its own: those are `metrics`'.

use crate::metrics::{Pushed, pushed_to};
use std::sync::Arc;
use tokio::sync::watch;

/// Services write it, `/metrics` reads it.
pub type Board = Arc<watch::Sender<Vec<Pushed>>>;

/// One receiver's entry. It leaves the board with the service that writes it, however that ends: a receiver that is no
/// longer configured must not be told of for ever.
#[derive(Debug)]
pub struct Entry {
    board: Board,
    kind: &'static str,
    target: String,
}

impl Entry {
    /// Nothing is shown before the first note.
    pub fn new(board: Board, kind: &'static str, target: &str) -> Self {
        Self { board, kind, target: target.into() }
    }

    /// Notes what was done.
    pub fn note(&self, change: impl FnOnce(&mut Pushed)) {
        self.board.send_modify(|all| change(pushed_to(all, self.kind, &self.target)));
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.board.send_modify(|all| all.retain(|p| p.kind != self.kind || p.target != self.target));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::supervise::Service;

    #[tokio::test]
    async fn a_receiver_that_is_no_longer_configured_leaves_the_board() {
        let board: Board = Arc::new(watch::channel(Vec::new()).0);
        let mut service = Service::new("remote_write");
        let run = |targets: Vec<&'static str>| {
            let entries: Vec<_> =
                targets.into_iter().map(|target| Entry::new(board.clone(), "remote_write", target)).collect();
            async move {
                entries.iter().for_each(|entry| entry.note(|p| p.sent += 1));
                std::future::pending::<()>().await;
            }
        };
        let seen = |wanted: &[&str]| {
            let mut news = board.subscribe();
            let wanted: Vec<String> = wanted.iter().map(|w| (*w).into()).collect();
            async move {
                let is = |all: &Vec<Pushed>| all.iter().map(|p| &p.target).eq(&wanted);
                news.wait_for(is).await.map(|_| ()).expect("the board stands");
            }
        };
        let other = Entry::new(board.clone(), "postgres", "db:5432");
        service.apply(Some(&vec!["a:1", "b:1"]), run).await;
        seen(&["a:1", "b:1"]).await;
        other.note(|p| p.failed += 1);
        service.apply(Some(&vec!["b:1"]), run).await;
        seen(&["db:5432", "b:1"]).await;
        service.apply(None, run).await;
        seen(&["db:5432"]).await;
    }
}
