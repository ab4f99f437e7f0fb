//! What an operator can make a running signer do.

use std::sync::Arc;

use tokio::sync::Notify;
use tonic::Status as Refusal;

use crate::{
    admin::{self, Named, Said},
    io::run::Signer,
    pause::Subject,
};

/// The signer, and the bell to ring when it has ended by command.
pub(crate) struct Commands {
    pub(crate) signer: Arc<Signer>,
    pub(crate) drained: Arc<Notify>,
}

// === impl Commands ===

impl Commands {
    pub(crate) fn status(&self) -> admin::Status {
        self.signer.status()
    }

    pub(crate) fn hold(&self, named: &Named, held: bool) -> Result<Said, Refusal> {
        let subject = match named {
            Named { key, chain } if chain.is_empty() && !key.is_empty() => Subject::Key(key.clone()),
            Named { key, chain } if key.is_empty() && !chain.is_empty() => Subject::Chain(chain.clone()),
            _ => return Err(Refusal::invalid_argument("name either a key or a chain")),
        };
        let what = self
            .signer
            .hold(&subject, held)
            .map_err(|error| Refusal::failed_precondition(error.to_string()))?;
        Ok(Said { what })
    }

    pub(crate) fn reload(&self) -> Result<Said, Refusal> {
        match self.signer.reload_from_file() {
            Ok(plan) => Ok(Said { what: plan.to_string() }),
            Err(error) => Err(Refusal::failed_precondition(error.to_string())),
        }
    }

    /// Returns when nothing is under way any more and nothing will be; the process ends after.
    pub(crate) fn drain(&self) -> Said {
        self.signer.end();
        self.drained.notify_one();
        Said { what: "nothing is signed any more; the signer ends".into() }
    }
}
