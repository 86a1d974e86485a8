//! Who talks with whom: the key of a connection and the table of those in flight.

mod community;
mod key;
mod table;

pub use community::community_id;
pub use key::{End, FlowKey, Pair};
pub use table::{Slot, Table};
