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

/// A session, as far as a row shows it, and what corrects that: as large as a cache line, since
/// millions are put in order.
#[derive(Clone, Copy, Debug)]
struct Row {
    started: Timestamp,
    /// Where it has ended; else [`NEVER`].
    ended: Timestamp,
    client: (IpAddr, u16),
    server: Known,
    host: Known,
    path: Known,
    reason: Known,
    rare: Known,
    /// Index of its cause.
    cause: u16,
    code: u16,
    has_code: bool,
    transport: Transport,
    state: State,
    closer: Option<Party>,
}

/// One more than the index of something that is kept apart; 0 for nothing.
type Known = u32;

/// Stands for no end.
const NEVER: Timestamp = Timestamp::from_nanos(i64::MIN);

impl Row {
    fn ended(&self) -> Option<Timestamp> {
        Some(self.ended).filter(|&ended| ended != NEVER)
    }

    fn code(&self) -> Option<u16> {
        self.has_code.then_some(self.code)
    }
}

/// What is shown of sessions that failed, and of TLS.
#[derive(Clone, Copy, Debug)]
struct Rare {
    end: Option<TransportEnd>,
    clocks: Clocks,
    http_status: Option<u16>,
    tls: Option<RowTls>,
}

#[derive(Clone, Copy, Debug)]
struct RowTls {
    cipher_suite: Known,
    sni: Known,
    alert: Option<&'static str>,
}

/// Rows of told sessions.
#[derive(Debug, Default)]
pub(super) struct Rows {
    all: Vec<Row>,
    rare: Vec<Rare>,
    texts: Texts,
    servers: Servers,
    causes: Vec<&'static str>,
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
                http_status: opening.http_status,
                tls,
            });
            rare = number(self.rare.len());
        }
        self.all.push(Row {
            started: session.started,
            ended: session.ended.unwrap_or(NEVER),
            client: (session.client.ip(), session.client.port()),
            server: self.servers.keep(session.server),
            host: texts.keep(opening.host()),
            path: texts.keep(opening.path()),
            reason: texts.keep(session.reason),
            rare,
            cause: keep_cause(&mut self.causes, session.cause),
            code: session.code.unwrap_or_default(),
            has_code: session.code.is_some(),
            transport: session.transport,
            state: session.state,
            closer: session.closer,
        });
        self.all.len() - 1
    }

    /// Puts rows in the order of these indices; others are forgotten.
    pub(super) fn arrange(&mut self, indices: &[u32]) {
        arrange(&mut self.all, indices);
    }

    /// What a row shows of the one at `at`, with this number, and of what `cause` makes its cause.
    #[inline]
    pub(super) fn brief(
        &self,
        at: usize,
        number: u64,
        cause: impl FnOnce(&'static str) -> &'static str,
    ) -> Option<Brief<'_>> {
        let row = self.all.get(at)?;
        let rare = self.rare(row);
        let tls = rare.and_then(|rare| rare.tls);
        let path = self.texts.get(row.path);
        Some(Brief {
            number,
            started: row.started,
            ended: row.ended(),
            client: row.client.into(),
            server: self.servers.get(row.server)?,
            path: path.or_else(|| self.texts.get(tls?.sni)),
            http_status: rare.and_then(|rare| rare.http_status),
            transport: row.transport,
            alert: tls.map(|tls| tls.alert.unwrap_or_default()),
            end: rare.and_then(|rare| rare.end),
            quiet: rare.and_then(|rare| rare.clocks.either),
            state: row.state,
            code: row.code(),
            closer: row.closer,
            cause: cause(self.cause(row)),
            reason: self.texts.get(row.reason),
        })
    }

    #[inline]
    fn rare(&self, row: &Row) -> Option<&Rare> {
        get(&self.rare, row.rare)
    }

    #[inline]
    fn cause(&self, row: &Row) -> &'static str {
        let cause = self.causes.get(usize::from(row.cause));
        cause.copied().unwrap_or_default()
    }

    /// Reads the one at `at` into `session`, of which all else is blank and stays so, but for what
    /// comparing added.
    pub(super) fn read(&self, at: usize, session: &mut Session) {
        let Some(row) = self.all.get(at) else { return };
        let rare = self.rare(row);
        session.started = row.started;
        session.ended = row.ended();
        session.client = row.client.into();
        if let Some(server) = self.servers.get(row.server) {
            session.server = server;
        }
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
        session.opening = Opening::new(&said, rare.and_then(|rare| rare.http_status));
        let verdict = &mut session.verdict;
        self.texts.read(row.reason, &mut verdict.reason);
        verdict.state = row.state;
        verdict.code = row.code();
        verdict.closer = row.closer;
        verdict.cause = self.cause(row);
        verdict.culprit = None;
        verdict.other_causes.clear();
        verdict.summary.clear();
        verdict.advice = Cow::Borrowed("");
        session.related.clear();
    }
}

/// What is known by this number.
#[inline]
fn get<T>(all: &[T], known: Known) -> Option<&T> {
    all.get(known.checked_sub(1)? as usize)
}

/// A number that cannot be too large: so much is never kept.
fn number(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(0)
}

/// The index of a cause, which is a name that is part of the program: there are few, and each stands
/// in few places of it.
fn keep_cause(causes: &mut Vec<&'static str>, cause: &'static str) -> u16 {
    let is_same = |known: &&'static str| std::ptr::eq(*known, cause);
    let at = causes.iter().position(is_same).unwrap_or_else(|| {
        causes.push(cause);
        causes.len() - 1
    });
    u16::try_from(at).unwrap_or(u16::MAX)
}

/// Addresses of servers, those that come again soon but once.
#[derive(Debug, Default)]
struct Servers {
    all: Vec<SocketAddr>,
    recent: Vec<Known>,
}

impl Servers {
    /// Servers seen lately.
    const RECENT: usize = 1 << 10;

    fn keep(&mut self, server: SocketAddr) -> Known {
        if self.recent.is_empty() {
            self.recent.resize(Self::RECENT, 0);
        }
        // Servers of one network differ in these bits, mostly.
        let ip = match server.ip() {
            IpAddr::V4(ip) => u64::from(ip.to_bits()),
            IpAddr::V6(ip) => {
                let [.., e, f, g, h] = ip.segments().map(u64::from);
                e << 48 | f << 32 | g << 16 | h
            }
        };
        let mixed =
            (ip << u16::BITS | u64::from(server.port())).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let at = usize::try_from(mixed >> 54).unwrap_or(0);
        let known = self.recent.get(at).copied().unwrap_or(0);
        if get(&self.all, known) == Some(&server) {
            return known;
        }
        self.all.push(server);
        let new = number(self.all.len());
        if let Some(recent) = self.recent.get_mut(at) {
            *recent = new;
        }
        new
    }

    #[inline]
    fn get(&self, server: Known) -> Option<SocketAddr> {
        get(&self.all, server).copied()
    }
}

/// Where a text is.
#[derive(Clone, Copy, Debug, Default)]
struct Text {
    /// Index of its page.
    page: u32,
    from: u32,
    len: u32,
}

/// Texts of sessions, those that come again soon but once.
#[derive(Debug, Default)]
struct Texts {
    all: Vec<Text>,
    pages: Vec<String>,
    /// With a part of their hashes.
    recent: Vec<(u32, Known)>,
    random: RandomState,
}

impl Texts {
    fn keep(&mut self, text: Option<&str>) -> Known {
        let Some(text) = text else {
            return 0;
        };
        if self.recent.is_empty() {
            self.recent.resize(RECENT, (0, 0));
        }
        let hash = self.random.hash_one(text);
        let at = usize::try_from(hash % RECENT as u64).unwrap_or(0);
        let hash = u32::try_from(hash >> u32::BITS).unwrap_or(0);
        if let Some(&(of, known)) = self.recent.get(at)
            && of == hash
            && self.get(known) == Some(text)
        {
            return known;
        }
        let place = self.add(text);
        self.all.push(place);
        let new = number(self.all.len());
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
        let page = number(self.pages.len() - 1);
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
    fn get(&self, text: Known) -> Option<&str> {
        let &Text { page, from, len } = get(&self.all, text)?;
        let from = from as usize;
        let page = self.pages.get(page as usize)?;
        page.get(from..from + len as usize)
    }

    /// Reads one into the room of another.
    fn read(&self, text: Known, into: &mut Option<String>) {
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
        let kept: Vec<Known> = all().map(|text| texts.keep(Some(text))).collect();
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
        assert!(size_of::<Row>() <= 64, "{}", size_of::<Row>());
    }
}
