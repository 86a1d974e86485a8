//! The cells of the rows of each view.

use super::line::{Cell, Says};
use super::look::{DIM, code_style, packet};
use super::rows::CloseRow;
use super::text::{escape, width};
use super::when::{Reading, Watch, shortest_span};
use super::words::{end_kind, party, side};
use super::{Captures, Row};
use crate::session::{Brief, Event, State, Transport};

/// What the cells of a column tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tells {
    Number,
    /// When it ended, was sent, or happened.
    Time,
    Lasted,
    Client,
    Server,
    Path,
    Packet,
    /// Who ended or sent it.
    Speaker,
    /// The kind of an event.
    Kind,
    Code,
    What,
}

/// A row whose cells are made one at a time, when they are wanted.
pub(super) struct Cells<'s> {
    session: Brief<'s>,
    point: Point<'s>,
    /// Its own, where it has one.
    time: Option<Reading>,
    captures: Captures<'s>,
}

/// Of which point in the life of a session a row tells.
enum Point<'s> {
    End,
    Close(CloseRow<'s>),
    Event(&'s Event),
}

impl<'s> Cells<'s> {
    pub(super) fn new(row: &Row<'s>, watch: &Watch, captures: Captures<'s>) -> Self {
        match *row {
            Row::Session(session) => Self::session(session.into(), watch),
            Row::Close(row) => Self {
                session: row.session.into(),
                point: Point::Close(row),
                time: Some(watch.read(row.time)),
                captures,
            },
            Row::Event(session, event) => Self {
                session: session.into(),
                point: Point::Event(event),
                time: Some(watch.read(event.time)),
                captures,
            },
        }
    }

    /// Those of the row of a session.
    pub(super) fn session(session: Brief<'s>, watch: &Watch) -> Self {
        Self {
            session,
            point: Point::End,
            time: session.ended.map(|ended| watch.read(ended)),
            captures: Captures::new(&[]),
        }
    }

    /// Its time, where it has one.
    pub(super) const fn time(&self) -> Option<Reading> {
        self.time
    }

    /// What the row tells in a column; `with_day`: days are told with times.
    pub(super) fn cell(&self, tells: Tells, with_day: bool) -> Cell<'s> {
        let session = &self.session;
        match tells {
            Tells::Number => Cell::says(Says::Number(session.number)),
            Tells::Time => self.time.map_or_else(unknown, |time| Cell {
                style: DIM,
                ..Cell::says(Says::Time(time, time.day().filter(|_| with_day)))
            }),
            Tells::Lasted => session.ended.map_or_else(unknown, |ended| {
                Cell::says(Says::Span(ended.since(session.started)))
            }),
            Tells::Client => Cell::says(Says::Client(session.client)),
            Tells::Server => Cell::says(Says::Server(session.server)),
            Tells::Path => path(session),
            Tells::Packet => {
                let id = match &self.point {
                    Point::End => None,
                    Point::Close(row) => row.packet,
                    Point::Event(event) => Some(event.packet),
                };
                id.map_or_else(unknown, |id| Cell::made(packet(id, self.captures)))
            }
            Tells::Speaker => Cell::word(match &self.point {
                Point::End => session.closer.map_or(UNKNOWN, party),
                Point::Close(row) => row.frame.map_or(UNKNOWN, |close| side(close.from)),
                Point::Event(event) => side(event.from),
            }),
            Tells::Kind => match self.point {
                Point::Event(event) => Cell::word(event.kind),
                Point::End | Point::Close(_) => Cell::default(),
            },
            Tells::Code => match &self.point {
                Point::End => code(session.code),
                Point::Close(row) => code(row.code()),
                Point::Event(_) => Cell::default(),
            },
            Tells::What => match &self.point {
                Point::Event(event) => Cell::text(&event.detail),
                Point::Close(row) => match row.frame {
                    Some(close) => {
                        quoted(row.code_name().unwrap_or(UNKNOWN), close.reason.as_deref())
                    }
                    None => what(session),
                },
                Point::End => what(session),
            },
        }
    }
}

/// Stands for what is not known.
pub(super) const UNKNOWN: &str = "-";

fn unknown() -> Cell<'static> {
    Cell::word(UNKNOWN)
}

/// The path of a session.
#[inline]
pub(super) fn path<'s>(session: &Brief<'s>) -> Cell<'s> {
    Cell::text(session.path.unwrap_or(UNKNOWN))
}

fn code(code: Option<u16>) -> Cell<'static> {
    let cell = code.map(|code| Cell::says(Says::Number(code.into())));
    Cell {
        style: code_style(code),
        ..cell.unwrap_or_else(unknown)
    }
}

/// `what`, then `reason` in quotes where there is one.
fn quoted<'a>(what: &'static str, reason: Option<&'a str>) -> Cell<'a> {
    let reason = reason.filter(|reason| !reason.is_empty());
    Cell {
        quote: reason.map(escape),
        essential: width(what),
        ..Cell::word(what)
    }
}

/// The cause of a session, with the reason, HTTP status or alert that goes with it.
#[inline]
pub(super) fn what<'s>(session: &Brief<'s>) -> Cell<'s> {
    let cause = session.cause;
    let Some(detail) = detail(session) else {
        return quoted(cause, session.reason);
    };
    let text = format!("{cause} {detail}");
    let text = text.trim_end();
    Cell {
        essential: width(text),
        ..Cell::made(escape(text).into_owned())
    }
}

/// The HTTP status, alert or end that goes with a cause; `None` where that is the reason, if any.
#[inline]
pub(super) fn detail(session: &Brief<'_>) -> Option<String> {
    match (session.alert, session.http_status) {
        (_, Some(status)) if session.state == State::Failed && status != 101 => {
            Some(status.to_string())
        }
        (Some(alert), _) if session.cause == "tls-alert" => Some(alert.to_owned()),
        _ if session.transport == Transport::Tls => Some(ending(session).unwrap_or_default()),
        _ => None,
    }
}

/// What ended the transport, and how long it had been quiet.
fn ending(session: &Brief<'_>) -> Option<String> {
    let how = end_kind(session.end?.how);
    let quiet = session.quiet.map(shortest_span)?;
    Some(format!("({how} after {quiet})"))
}
