//! The columns of each table.

use super::cells::Tells;
use super::layout::{Column, Fit, Want, column};

/// Stands between a column and the next.
pub(super) const GAP: &str = "  ";
/// Stands between a client and its server.
pub(super) const ARROW: &str = " → ";

const NUMBER: Column = Column {
    right: true,
    ..column("#", Tells::Number)
};
const LASTED: Column = Column {
    right: true,
    worth: 1,
    ..column("LASTED", Tells::Lasted)
};
const CLIENT: Column = Column {
    // An IPv4 address; half a one is none.
    fit: Fit::Middle(15, 15),
    short_at: Want::Some,
    shared: Some("client"),
    worth: 2,
    ..column("CLIENT", Tells::Client)
};
const SERVER: Column = Column {
    joint: Some(ARROW),
    // The same with its port.
    fit: Fit::Middle(21, 21),
    shared: Some("server"),
    worth: 3,
    ..column("SERVER", Tells::Server)
};
const PATH: Column = Column {
    fit: Fit::Middle(16, 9),
    shared: Some("path"),
    worth: 4,
    ..column("PATH", Tells::Path)
};
const PACKET: Column = Column {
    right: true,
    worth: 5,
    ..column("PACKET", Tells::Packet)
};
const TIME: Column = Column {
    worth: 7,
    ..column("TIME", Tells::Time)
};
const CODE: Column = column("CODE", Tells::Code);
const WHAT: Column = Column {
    fit: Fit::End,
    ..column("WHAT HAPPENED", Tells::What)
};

/// Who spoke, or ended it.
const fn speaker(title: &'static str) -> Column {
    Column {
        worth: 6,
        ..column(title, Tells::Speaker)
    }
}

/// How many a row of a session has.
pub(super) const SESSION_COLUMNS: usize = 9;

/// A session a row.
pub(super) static SESSIONS: [Column; SESSION_COLUMNS] = [
    NUMBER,
    Column {
        title: "ENDED",
        ..TIME
    },
    LASTED,
    CLIENT,
    SERVER,
    PATH,
    CODE,
    speaker("BY"),
    WHAT,
];
/// A Close frame, or its absence, a row.
pub(super) static CLOSES: [Column; 9] = [
    TIME,
    NUMBER,
    CLIENT,
    SERVER,
    PATH,
    PACKET,
    speaker("FROM"),
    CODE,
    WHAT,
];
/// An event a row.
pub(super) static EVENTS: [Column; 6] = [
    TIME,
    NUMBER,
    PACKET,
    speaker("FROM"),
    column("EVENT", Tells::Kind),
    WHAT,
];
