//! WebSocket frames (RFC 6455).
//!
//! In: [`Chunk`](crate::tcp::Chunk)s of one direction, from the byte after the opening.
//! Out: [`Item`]s: frames, messages, control frames with their payload, violations, lost bytes.

pub mod close;
mod close_frame;
mod compressed;
mod compression;
mod frame;
mod inflate;
mod item;
mod kept;
mod payload;
mod reader;
mod resync;
mod rules;
mod search;
#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "a test fails by panicking")]
pub(crate) mod testing;
mod text;
mod utf8;
mod windows;

pub use close_frame::{Body, CloseFrame};
pub use compressed::{Flaw, Inflated, Place};
pub use compression::{Compression, Deflate};
pub use frame::{Header, Opcode, parse_header};
pub use item::{Item, Tail};
pub use reader::Reader;
pub use rules::Rule;
pub use search::{Found, Search};
pub use windows::Windows;
