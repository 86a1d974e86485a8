//! All the secrets that a worker reads with.

use std::sync::Arc;

use super::KeyLog;
use super::keylog::{ClientRandom, Label};

/// The secrets of key logs, which all workers share, and those that the capture itself brought,
/// which are few.
#[derive(Debug, Default)]
pub struct Secrets {
    shared: Arc<KeyLog>,
    own: KeyLog,
}

impl Secrets {
    /// Those of key logs.
    pub fn new(log: KeyLog) -> Self {
        Self {
            shared: Arc::new(log),
            own: KeyLog::default(),
        }
    }

    /// The same for another worker, which finds those of the capture by itself.
    pub fn share(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            own: KeyLog::default(),
        }
    }

    /// Takes a text that stands in the capture; whether it held any secret.
    pub fn feed(&mut self, text: &[u8]) -> bool {
        let before = self.own.secrets();
        self.own.feed(text);
        self.own.end_text();
        self.own.secrets() > before
    }

    /// One secret of a connection; those inside of the capture are the likelier ones.
    pub(super) fn get(&self, client: &ClientRandom, label: Label) -> Option<&[u8]> {
        let own = self.own.get(client, label);
        own.or_else(|| self.shared.get(client, label))
    }

    /// The premaster secret whose encrypted form begins with `sealed`.
    pub(super) fn premaster(&self, sealed: &[u8]) -> Option<&[u8]> {
        let own = self.own.premaster(sealed);
        own.or_else(|| self.shared.premaster(sealed))
    }

    /// There are secrets that only the key exchange leads to.
    pub(super) fn has_premasters(&self) -> bool {
        self.own.has_premasters() || self.shared.has_premasters()
    }
}
