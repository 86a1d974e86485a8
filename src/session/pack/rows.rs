//! What rows of a table show of sessions, in records of one size: made and read faster than
//! sessions are packed, and smaller.

use std::borrow::Cow;
use std::hash::BuildHasher;
use std::net::{IpAddr, SocketAddr};

use foldhash::fast::RandomState;

use super::arrange;
use crate::session::{
    Brief, Clocks, Gist, Opening, Party, Said, Session, State, Tls, Transport, TransportEnd,
};
use crate::time::Timestamp;

/// Bytes from which on a page of texts is full. What is kept is never moved.
const PAGE: usize = 1 << 20;

/// Texts seen lately: most come again (hosts, paths, reasons).
const RECENT: usize = 1 << 12;

/// A session, as far as a row shows it, and what corrects that.
#[derive(Clone, Copy, Debug)]
struct Row {
    started: Timestamp,
    /// Where it has ended.
    ended: Timestamp,
    client: (IpAddr, u16),
    server: (IpAddr, u16),
    host: Text,
    path: Text,
    reason: Text,
    /// One more than the index of what few sessions have; 0 for nothing.
    rare: u32,
    cause: &'static str,
    code: Option<u16>,
    http_status: Option<u16>,
    transport: Transport,
    state: State,
    closer: Option<Party>,
    has_ended: bool,
}

impl Row {
    fn ended(&self) -> Option<Timestamp> {
        self.has_ended.then_some(self.ended)
    }
}

/// What is shown of sessions that failed, and of TLS.
#[derive(Clone, Copy, Debug)]
struct Rare {
    end: Option<TransportEnd>,
    clocks: Clocks,
    tls: Option<RowTls>,
}

#[derive(Clone, Copy, Debug)]
struct RowTls {
    cipher_suite: Text,
    sni: Text,
    alert: Option<&'static str>,
}

/// Rows of told sessions.
#[derive(Debug, Default)]
pub(super) struct Rows {
    all: Vec<Row>,
    rare: Vec<Rare>,
    texts: Texts,
}

impl Rows {
    /// Keeps what a row shows of `session`; gives its index.
    pub(super) fn push(&mut self, session: &Gist<'_>) -> usize {
        let opening = session.opening;
        let texts = &mut self.texts;
        let mut rare = 0;
        if session.tls.is_some() || session.state == State::Failed {
            let tls = session.tls.map(|tls| RowTls {
                cipher_suite: texts.keep(tls.cipher_suite.as_deref()),
                sni: texts.keep(tls.sni.as_deref()),
                alert: tls.alert,
            });
            self.rare.push(Rare {
                end: session.transport_end,
                clocks: session.clocks,
                tls,
            });
            rare = u32::try_from(self.rare.len()).unwrap_or(0);
        }
        let address = |address: SocketAddr| (address.ip(), address.port());
        self.all.push(Row {
            started: session.started,
            ended: session.ended.unwrap_or_default(),
            client: address(session.client),
            server: address(session.server),
            host: texts.keep(opening.host()),
            path: texts.keep(opening.path()),
            reason: texts.keep(session.reason),
            rare,
            cause: session.cause,
            code: session.code,
            http_status: opening.http_status,
            transport: session.transport,
            state: session.state,
            closer: session.closer,
            has_ended: session.ended.is_some(),
        });
        self.all.len() - 1
    }

    /// Puts rows in the order of these indices; others are forgotten.
    pub(super) fn arrange(&mut self, indices: &[u32]) {
        arrange(&mut self.all, indices);
    }

    /// What a row shows of the one at `at`, numbered 0.
    #[inline]
    pub(super) fn brief(&self, at: usize) -> Option<Brief<'_>> {
        let row = self.all.get(at)?;
        let rare = self.rare(row);
        let tls = rare.and_then(|rare| rare.tls);
        let path = self.texts.get(row.path);
        Some(Brief {
            number: 0,
            started: row.started,
            ended: row.ended(),
            client: row.client.into(),
            server: row.server.into(),
            path: path.or_else(|| self.texts.get(tls?.sni)),
            http_status: row.http_status,
            transport: row.transport,
            alert: tls.map(|tls| tls.alert.unwrap_or_default()),
            end: rare.and_then(|rare| rare.end),
            quiet: rare.and_then(|rare| rare.clocks.either),
            state: row.state,
            code: row.code,
            closer: row.closer,
            cause: row.cause,
            reason: self.texts.get(row.reason),
        })
    }

    #[inline]
    fn rare(&self, row: &Row) -> Option<&Rare> {
        self.rare.get(row.rare.checked_sub(1)? as usize)
    }

    /// Reads the one at `at` into `session`, of which all else is blank and stays so, but for what
    /// comparing added.
    pub(super) fn read(&self, at: usize, session: &mut Session) {
        let Some(row) = self.all.get(at) else { return };
        let rare = self.rare(row);
        session.started = row.started;
        session.ended = row.ended();
        session.client = row.client.into();
        session.server = row.server.into();
        session.transport = row.transport;
        session.transport_end = rare.and_then(|rare| rare.end);
        session.clocks = rare.map_or(Clocks::default(), |rare| rare.clocks);
        session.tls = rare.and_then(|rare| rare.tls).map(|tls| Tls {
            cipher_suite: self.texts.get(tls.cipher_suite).map(str::to_owned),
            sni: self.texts.get(tls.sni).map(str::to_owned),
            alert: tls.alert,
            ..Tls::default()
        });
        let said = Said {
            host: self.texts.get(row.host),
            path: self.texts.get(row.path),
            ..Said::default()
        };
        session.opening = Opening::new(&said, row.http_status);
        let verdict = &mut session.verdict;
        self.texts.read(row.reason, &mut verdict.reason);
        verdict.state = row.state;
        verdict.code = row.code;
        verdict.closer = row.closer;
        verdict.cause = row.cause;
        verdict.culprit = None;
        verdict.other_causes.clear();
        verdict.summary.clear();
        verdict.advice = Cow::Borrowed("");
        session.related.clear();
    }
}

/// Where a text is.
#[derive(Clone, Copy, Debug, Default)]
struct Text {
    /// One more than the index of its page; 0 where there is no text.
    page: u32,
    from: u32,
    len: u32,
}

/// Texts of sessions, those that come again soon but once.
#[derive(Debug, Default)]
struct Texts {
    pages: Vec<String>,
    recent: Vec<(u64, Text)>,
    random: RandomState,
}

impl Texts {
    fn keep(&mut self, text: Option<&str>) -> Text {
        let Some(text) = text else {
            return Text::default();
        };
        if self.recent.is_empty() {
            self.recent.resize(RECENT, (0, Text::default()));
        }
        let hash = self.random.hash_one(text);
        let at = usize::try_from(hash % RECENT as u64).unwrap_or(0);
        if let Some(&(of, known)) = self.recent.get(at)
            && of == hash
            && self.get(known) == Some(text)
        {
            return known;
        }
        let new = self.add(text);
        if let Some(recent) = self.recent.get_mut(at) {
            *recent = (hash, new);
        }
        new
    }

    fn add(&mut self, text: &str) -> Text {
        let room = |page: &String| page.capacity() - page.len();
        if self.pages.last().is_none_or(|page| room(page) < text.len()) {
            self.pages.push(String::with_capacity(PAGE.max(text.len())));
        }
        let number = |number: usize| u32::try_from(number).unwrap_or_default();
        let page = number(self.pages.len());
        let Some(last) = self.pages.last_mut() else {
            return Text::default();
        };
        let from = number(last.len());
        last.push_str(text);
        Text {
            page,
            from,
            len: number(text.len()),
        }
    }

    #[inline]
    fn get(&self, text: Text) -> Option<&str> {
        let page = self.pages.get(text.page.checked_sub(1)? as usize)?;
        let from = text.from as usize;
        page.get(from..from + text.len as usize)
    }

    /// Reads one into the room of another.
    fn read(&self, text: Text, into: &mut Option<String>) {
        match self.get(text) {
            Some(text) => {
                let into = into.get_or_insert_default();
                into.clear();
                into.push_str(text);
            }
            None => *into = None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back_whether_they_came_before_or_not() {
        let mut texts = Texts::default();
        let long = "x".repeat(PAGE);
        let all: Vec<String> = (0..20_000)
            .map(|n| format!("/room/{}", n % 9_000))
            .collect();
        let all = || all.iter().map(String::as_str).chain(["", &long, "/room/1"]);
        let kept: Vec<Text> = all().map(|text| texts.keep(Some(text))).collect();
        assert!(kept.iter().map(|&it| texts.get(it)).eq(all().map(Some)));
        let none = texts.keep(None);
        assert_eq!(texts.get(none), None);
    }

    #[test]
    fn what_repeats_is_kept_once() {
        let mut texts = Texts::default();
        for _ in 0..1_000 {
            texts.keep(Some("/chat"));
        }
        assert_eq!(texts.pages, ["/chat"]);
    }

    #[test]
    fn a_row_is_small() {
        assert!(size_of::<Row>() <= 128, "{}", size_of::<Row>());
    }
}
