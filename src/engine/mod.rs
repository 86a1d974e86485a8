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
mod shelf;
mod stack;
mod tell;
mod time_wait;
mod told;
mod trace;
mod upper;
mod wrapping;

pub use extract::extract;
pub use pipeline::{Glance, OpenSession, Pipeline, SessionId};
pub use read::{Outcome, ReadError, Settings, read, read_ended};
pub use shard::Shard;
pub use told::Told;
pub use trace::Recording;
