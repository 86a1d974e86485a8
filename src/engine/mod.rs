//! Stacks the layers over each connection and drives packets through them.

#[cfg(feature = "live")]
pub mod live;
mod pipeline;
mod read;
mod stack;
mod tell;

pub use pipeline::Pipeline;
pub use read::{Outcome, ReadError, Settings, read};
