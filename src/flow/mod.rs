//! Who talks with whom: the key of a connection and the table of those in flight.

mod community;
mod index;
mod key;
mod side;
mod table;

pub use community::community_id;
pub use key::{End, FlowKey, Pair};
pub use side::Side;
pub use table::{Slot, Table};
