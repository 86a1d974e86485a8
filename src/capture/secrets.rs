//! Secrets that stand in a capture.

use std::fmt;

use zeroize::Zeroizing;

/// The text of a TLS key log out of a capture (pcapng draft §4.7). Never shown; wiped when
/// dropped.
#[derive(Clone)]
pub struct Secrets(Zeroizing<Vec<u8>>);

impl Secrets {
    pub(super) fn new(text: &[u8]) -> Self {
        Self(Zeroizing::new(text.to_vec()))
    }

    /// The text.
    pub fn text(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Secrets").field(&self.0.len()).finish()
    }
}
