//! What to do, below a table: each advice once, with the sessions that it is for.

use std::collections::HashMap;
use std::io::{self, Write};

use super::look::{BOLD, Look};
use super::text::counted;
use crate::session::Session;

/// Sessions named for an advice; where there are more, they are counted.
const NAMED: usize = 8;

/// An advice, and for whom.
#[derive(Debug)]
struct Advice {
    cause: &'static str,
    text: String,
    /// The first of them.
    sessions: Vec<u64>,
    count: u64,
}

/// Every advice of the sessions of a table, in the order of the sessions.
#[derive(Debug, Default)]
pub(super) struct Advices {
    all: Vec<Advice>,
    known: HashMap<(&'static str, String), usize>,
}

impl Advices {
    pub(super) fn add(&mut self, session: &Session) {
        let verdict = &session.verdict;
        if verdict.advice.is_empty() {
            return;
        }
        let all = &mut self.all;
        // One cause may have several: a 404 asks for something else than a 503.
        let key = (verdict.cause, verdict.advice.clone().into_owned());
        let at = *self.known.entry(key).or_insert_with(|| {
            all.push(Advice {
                cause: verdict.cause,
                text: verdict.advice.clone().into_owned(),
                sessions: Vec::new(),
                count: 0,
            });
            all.len() - 1
        });
        if let Some(advice) = all.get_mut(at) {
            advice.count += 1;
            if advice.sessions.len() < NAMED {
                advice.sessions.push(session.number);
            }
        }
    }

    pub(super) fn write(&self, out: &mut impl Write, look: &Look) -> io::Result<()> {
        if !self.all.is_empty() {
            writeln!(out, "\n{}", look.paint(BOLD, "What to do"))?;
        }
        for advice in &self.all {
            writeln!(out, "  {} ({})", advice.cause, advice.of_whom())?;
            for line in look.prose(&advice.text, 6) {
                writeln!(out, "      {line}")?;
            }
        }
        Ok(())
    }
}

impl Advice {
    fn of_whom(&self) -> String {
        let numbers: Vec<String> = self.sessions.iter().map(u64::to_string).collect();
        match (self.count, numbers.len()) {
            (1, _) => format!("session {}", numbers.join("")),
            (count, named) if count == named as u64 => format!("sessions {}", numbers.join(", ")),
            (count, _) => counted(count, "session"),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests: a panic is a failure")]
mod tests {
    use super::*;
    use crate::report::sample;

    fn told(sessions: &[Session]) -> String {
        let mut advices = Advices::default();
        for session in sessions {
            advices.add(session);
        }
        let mut out = Vec::new();
        advices.write(&mut out, &sample::look(Some(60))).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_several_sessions_need_is_told_once() {
        let mut other = sample::abrupt(3);
        other.verdict.advice = "Ask the operator of the proxy.".into();
        assert_eq!(
            told(&[sample::abrupt(1), sample::abrupt(2), other]),
            "
What to do
  fin-without-close (sessions 1, 2)
      Send a Ping from the server every 25 s.
  fin-without-close (session 3)
      Ask the operator of the proxy.
"
        );
        let many: Vec<Session> = (1..=1000).map(sample::abrupt).collect();
        assert!(told(&many).contains("fin-without-close (1,000 sessions)"));
    }

    #[test]
    fn where_nothing_is_to_be_done_nothing_is_said() {
        assert_eq!(told(&[sample::open(1)]), "");
    }
}
