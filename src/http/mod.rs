//! HTTP/1.1 as far as a WebSocket needs it: the opening (RFC 6455 §4), and what may stand
//! before it on the same connection.
//!
//! In: [`Chunk`](crate::tcp::Chunk)s of both directions. Out: [`Event`]s, and, once a 101 was
//! seen, the bytes behind it.

mod cut;
mod event;
mod exchange;
mod fields;
mod head;
mod lane;
mod plain;
mod prefix;
mod queue;
mod texts;
mod unanswered;
mod upgrade;

pub use event::{Event, Events, Halves, Sight};
pub use exchange::Exchange;
pub use head::{Asking, Request, Response};
pub use lane::{Kind, looks_like};
pub use prefix::{NoTunnel, Prefix};
pub use texts::Texts;
pub use unanswered::Unanswered;
pub use upgrade::{Fault, check_answer};
