//! What a view shows, and in which order.

use crate::capture::PacketId;
use crate::session::{Close, Event, Session};
use crate::time::Timestamp;
use crate::ws::close;

/// What the rows of an output are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum View {
    /// One for each session.
    #[default]
    Sessions,
    /// One for each Close frame, and one for each session that ended without any.
    Closes,
    /// One for each event in the story of a session.
    Events,
    /// Each session, then its story.
    Story,
}

/// A row, and where it comes from.
#[derive(Clone, Copy, Debug)]
pub enum Row<'a> {
    /// A session.
    Session(&'a Session),
    /// A Close frame, or its absence.
    Close(CloseRow<'a>),
    /// An event and its session.
    Event(&'a Session, &'a Event),
}

/// A point of the timeline of closes.
#[derive(Clone, Copy, Debug)]
pub struct CloseRow<'a> {
    /// Whose.
    pub session: &'a Session,
    /// The frame; `None` stands for the end of a session in which no side sent one.
    pub frame: Option<&'a Close>,
    /// When.
    pub time: Timestamp,
    /// The packet with the frame, or with the signal that ended the session.
    pub packet: Option<PacketId>,
}

impl<'a> CloseRow<'a> {
    fn frame(session: &'a Session, close: &'a Close) -> Self {
        Self {
            session,
            frame: Some(close),
            time: close.time,
            packet: Some(close.packet),
        }
    }

    /// The end of a session without any Close frame; `None` where it did not end so.
    fn absence(session: &'a Session) -> Option<Self> {
        if !session.closes.is_empty() || !matches!(session.verdict.code, Some(1006 | 1015)) {
            return None;
        }
        let end = session.transport_end;
        let time = session.ended.or(end.map(|end| end.time));
        Some(Self {
            session,
            frame: None,
            time: time.or(session.last_byte).unwrap_or(session.started),
            packet: end.map(|end| end.packet),
        })
    }

    /// As sent; 1005 for an empty Close, the session's 1006 where there is none; `None` where
    /// the capture lost it.
    pub fn code(&self) -> Option<u16> {
        match self.frame {
            Some(Close {
                code: None,
                lost: true,
                ..
            }) => None,
            Some(Close {
                code: None, packet, ..
            }) => {
                let half = |rule: &str| rule == "close-length-1";
                let broken = self
                    .session
                    .anomalies
                    .iter()
                    .any(|a| a.packet == *packet && half(a.rule));
                (!broken).then_some(1005)
            }
            Some(frame) => frame.code,
            None => self.session.verdict.code,
        }
    }

    /// The name of its code.
    pub fn code_name(&self) -> Option<&'static str> {
        self.code().map(close::name)
    }
}

/// Sessions that stand somewhere else, in order, and are read one at a time.
pub trait Source {
    /// How many.
    fn len(&self) -> usize;

    /// There are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads the one at `at` into `session`, whose texts and lists are used again.
    fn read(&self, at: usize, session: &mut Session);
}

/// Gives the rows of `view` over `sessions` to `row`: the same as [`rows`] in the same order, with
/// few of them in memory.
///
/// # Errors
/// That of `row`, at once.
pub fn each_row<E>(
    view: View,
    sessions: &impl Source,
    mut row: impl FnMut(&Row<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let mut session = Session::blank();
    match view {
        View::Sessions | View::Story => {
            for at in 0..sessions.len() {
                sessions.read(at, &mut session);
                row(&Row::Session(&session))?;
                let events = session.events.iter().filter(|_| view == View::Story);
                for event in events {
                    row(&Row::Event(&session, event))?;
                }
            }
        }
        View::Closes => {
            let mut order: Vec<(Timestamp, usize, usize)> = Vec::new();
            for at in 0..sessions.len() {
                sessions.read(at, &mut session);
                let closes = closes(&session).enumerate();
                order.extend(closes.map(|(which, close)| (close.time, at, which)));
            }
            // What happened at the same time stays in the order of sessions.
            order.sort_unstable();
            for (_, at, which) in order {
                sessions.read(at, &mut session);
                if let Some(close) = closes(&session).nth(which) {
                    row(&Row::Close(close))?;
                }
            }
        }
        // Each session has many, all over the capture: to read it again for each would take long.
        View::Events => {
            let mut all = Vec::with_capacity(sessions.len());
            for at in 0..sessions.len() {
                let mut session = Session::blank();
                sessions.read(at, &mut session);
                all.push(session);
            }
            for event in rows(view, &all.iter().collect::<Vec<_>>()) {
                row(&event)?;
            }
        }
    }
    Ok(())
}

/// Those of one session: its Close frames, or that there was none.
fn closes(session: &Session) -> impl Iterator<Item = CloseRow<'_>> {
    let frames = session.closes.iter();
    frames
        .map(|close| CloseRow::frame(session, close))
        .chain(CloseRow::absence(session))
}

/// The rows of `view` over `sessions`: sessions in their own order, closes and events in the
/// order of time.
pub fn rows<'a>(view: View, sessions: &[&'a Session]) -> Vec<Row<'a>> {
    match view {
        View::Sessions => sessions
            .iter()
            .map(|session| Row::Session(session))
            .collect(),
        View::Closes => {
            let mut closes: Vec<CloseRow<'a>> = sessions
                .iter()
                .flat_map(|session| closes(session))
                .collect();
            // Stable: what happened at the same time stays in the order of sessions.
            closes.sort_by_key(|row| row.time);
            closes.into_iter().map(Row::Close).collect()
        }
        View::Events => {
            let mut events: Vec<(&Session, &Event)> = Vec::new();
            for session in sessions {
                events.extend(session.events.iter().map(|event| (*session, event)));
            }
            // Stable: what one packet holds stays in the order of its stream.
            events.sort_by_key(|(_, event)| (event.time, event.packet));
            events
                .into_iter()
                .map(|(session, event)| Row::Event(session, event))
                .collect()
        }
        View::Story => sessions
            .iter()
            .flat_map(|session| {
                let events = session
                    .events
                    .iter()
                    .map(|event| Row::Event(session, event));
                std::iter::once(Row::Session(session)).chain(events)
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn closes(sessions: &[Session]) -> Vec<(u64, Option<u16>, bool)> {
        let sessions: Vec<&Session> = sessions.iter().collect();
        rows(View::Closes, &sessions)
            .iter()
            .filter_map(|row| match row {
                Row::Close(row) => Some((row.session.number, row.code(), row.frame.is_none())),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn a_session_without_a_close_gets_a_row_of_its_own() {
        let abrupt = sample::abrupt(1);
        let normal = sample::normal(2);
        let found = closes(&[abrupt, normal]);
        assert_eq!(
            found,
            [
                (2, Some(1000), false),
                (2, Some(1000), false),
                (1, Some(1006), true)
            ]
        );
    }

    #[test]
    fn an_open_session_has_none() {
        assert_eq!(closes(&[sample::open(1)]), []);
    }

    #[test]
    fn an_empty_close_is_1005_and_a_broken_one_nothing() {
        let mut session = sample::normal(1);
        session.closes.truncate(1);
        for close in &mut session.closes {
            close.code = None;
        }
        assert_eq!(
            closes(std::slice::from_ref(&session)),
            [(1, Some(1005), false)]
        );
        let mut half = session.clone();
        half.anomalies = vec![sample::anomaly("close-length-1", &session)];
        assert_eq!(closes(&[half]), [(1, None, false)]);
        for close in &mut session.closes {
            close.lost = true;
        }
        assert_eq!(closes(&[session]), [(1, None, false)]);
    }

    #[test]
    fn events_of_all_sessions_are_told_in_order_of_time() {
        let (first, second) = (sample::abrupt(1), sample::normal(2));
        let rows = rows(View::Events, &[&first, &second]);
        assert_eq!(rows.len(), first.events.len() + second.events.len());
        let times = rows.iter().map(|row| match row {
            Row::Event(_, event) => event.time,
            _ => Timestamp::default(),
        });
        assert!(times.is_sorted());
    }
}
