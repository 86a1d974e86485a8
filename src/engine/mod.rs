//! Stacks the layers over each connection and drives packets through them.

mod pipeline;
mod read;
mod stack;
mod tell;
mod wrapping;

pub use pipeline::Pipeline;
pub use read::{Outcome, ReadError, Settings, read};
