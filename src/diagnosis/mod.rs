//! From facts to verdicts.

pub mod causes;
