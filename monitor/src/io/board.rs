//! Where services that push to others note what became of it. It holds no values of its own: those are `metrics`'.

use crate::metrics::Pushed;
use std::sync::Arc;
use tokio::sync::watch;

/// Services write it, `/metrics` reads it.
pub type Board = Arc<watch::Sender<Vec<Pushed>>>;
