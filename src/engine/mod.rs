//! Stacks the layers over each connection and drives packets through them.

mod attempts;
mod extract;
mod followed;
#[cfg(feature = "live")]
mod key_file;
mod known;
#[cfg(feature = "live")]
pub mod live;
mod passing;
mod pipeline;
mod prelude;
mod read;
mod sealed;
mod shard;
mod stack;
mod tell;
mod trace;
mod wrapping;

pub use extract::extract;
pub use pipeline::{Glance, OpenSession, Pipeline, SessionId};
pub use read::{Outcome, ReadError, Settings, read};
pub use shard::Shard;
pub use trace::Recording;
