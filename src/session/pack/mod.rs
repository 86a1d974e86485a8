//! Sessions that were told, kept in few bytes until they are written: numbers as short as they
//! are, times and packets as the distance from the one before, texts that repeat only once.
//!
//! These bytes never leave the process.

mod arrange;
mod fields;
mod rows;
mod texts;

use self::arrange::arrange;
use self::rows::Rows;
use self::texts::{Names, Texts};
use super::{Brief, Detail, Gist, Session};

/// Bytes from which on a block is full. What is kept is never moved.
const BLOCK: usize = 1 << 20;

/// Told sessions, packed.
#[derive(Debug, Default)]
pub struct Pack {
    detail: Detail,
    /// All that there is, where no more is wanted.
    rows: Rows,
    blocks: Vec<Vec<u8>>,
    texts: Texts,
    names: Names,
}

/// Where a session is in a [`Pack`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Place {
    block: u32,
    at: u32,
}

impl Pack {
    /// An empty one that keeps so much of each.
    pub fn new(detail: Detail) -> Self {
        Self {
            detail,
            ..Self::default()
        }
    }

    /// Packs a session, without what of its opening is not shown.
    pub fn push(&mut self, session: &Session) -> Place {
        if self.detail == Detail::Row {
            return self.push_row(&session.into());
        }
        if self.blocks.last().is_none_or(|block| block.len() >= BLOCK) {
            self.blocks.push(Vec::with_capacity(BLOCK + BLOCK / 16));
        }
        let block = u32::try_from(self.blocks.len() - 1).unwrap_or(u32::MAX);
        let Some(out) = self.blocks.last_mut() else {
            return Place { block, at: 0 };
        };
        // A session begins in the first MiB of its block.
        let at = u32::try_from(out.len()).unwrap_or(u32::MAX);
        let mut packer = Packer {
            out,
            texts: &mut self.texts,
            names: &mut self.names,
            time: 0,
            packet: 0,
        };
        session.pack(&mut packer);
        Place { block, at }
    }

    /// Packs one of which no more is kept than a row.
    pub fn push_row(&mut self, session: &Gist<'_>) -> Place {
        let at = u32::try_from(self.rows.push(session)).unwrap_or(u32::MAX);
        Place { block: 0, at }
    }

    /// Arranges what is kept so that it is read fast in the order of these places, which change. They
    /// are all that will be read.
    pub fn arrange<'p>(&mut self, places: impl Iterator<Item = &'p mut Place>) {
        // What is packed is written once and stays where it is.
        if self.detail == Detail::Row {
            let renumber = |(at, place): (u32, &mut Place)| std::mem::replace(&mut place.at, at);
            let rows: Vec<u32> = (0..).zip(places).map(renumber).collect();
            self.rows.arrange(&rows);
        }
    }

    /// Reads the session at `place` into `session`, whose texts and lists are used again.
    pub fn read(&self, place: Place, session: &mut Session) {
        if self.detail == Detail::Row {
            return self.rows.read(place.at as usize, session);
        }
        session.unpack(&mut self.unpacker(place));
    }

    /// What a row of a table shows of the session at `place`, with this number, and of what `cause`
    /// makes its cause. Where more is kept of it, that much is read into `session`; the rest is
    /// blank there.
    #[inline]
    pub fn brief<'a>(
        &'a self,
        place: Place,
        session: &'a mut Session,
        number: u64,
        cause: impl FnOnce(&'static str) -> &'static str,
    ) -> Option<Brief<'a>> {
        if self.detail == Detail::Row {
            return self.rows.brief(place.at as usize, number, cause);
        }
        let mut from = self.unpacker(place);
        from.is_row = true;
        session.unpack(&mut from);
        session.number = number;
        session.verdict.cause = cause(session.verdict.cause);
        Some(Brief::from(&*session))
    }

    fn unpacker(&self, place: Place) -> Unpacker<'_> {
        let block = self.blocks.get(place.block as usize);
        Unpacker {
            bytes: block
                .and_then(|block| block.get(place.at as usize..))
                .unwrap_or_default(),
            texts: &self.texts,
            names: &self.names,
            time: 0,
            packet: 0,
            is_row: false,
        }
    }
}

impl Session {
    /// One to read packed sessions into.
    pub fn blank() -> Self {
        Packed::blank()
    }
}

/// What can be packed.
trait Packed {
    /// Something to unpack into.
    fn blank() -> Self;

    fn pack(&self, to: &mut Packer<'_>);

    /// Takes from `from` what [`pack`](Self::pack) gave.
    fn unpack(&mut self, from: &mut Unpacker<'_>);
}

/// Takes one value after the other.
struct Packer<'a> {
    out: &'a mut Vec<u8>,
    texts: &'a mut Texts,
    names: &'a mut Names,
    /// The last point in time, and the last packet.
    time: i64,
    packet: u64,
}

impl Packer<'_> {
    /// Seven bits a byte, the lowest first; the highest bit says that more follow.
    fn number(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.out.push(low(value) | 0x80);
            value >>= 7;
        }
        self.out.push(low(value));
    }

    /// Small for numbers near zero on either side.
    fn signed(&mut self, value: i64) {
        self.number((value.cast_unsigned() << 1) ^ (value >> 63).cast_unsigned());
    }

    fn text(&mut self, text: &str) {
        let known = self.texts.number(text);
        self.number(known.map_or(0, |number| u64::from(number) + 1));
        if known.is_none() {
            self.number(text.len() as u64);
            self.out.extend_from_slice(text.as_bytes());
        }
    }
}

/// The lowest seven bits.
const fn low(value: u64) -> u8 {
    (value & 0x7f) as u8
}

/// Gives one value after the other; zeros, where the bytes are at an end.
struct Unpacker<'a> {
    bytes: &'a [u8],
    texts: &'a Texts,
    names: &'a Names,
    time: i64,
    packet: u64,
    /// Only what a row shows is wanted.
    is_row: bool,
}

impl<'a> Unpacker<'a> {
    /// What follows no row shows.
    fn end_row(&mut self) {
        if self.is_row {
            self.bytes = &[];
        }
    }

    fn byte(&mut self) -> u8 {
        let (byte, rest) = self.bytes.split_first().unwrap_or((&0, &[]));
        self.bytes = rest;
        *byte
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        let (array, rest) = self.bytes.split_first_chunk().unwrap_or((&[0; N], &[]));
        self.bytes = rest;
        *array
    }

    fn number(&mut self) -> u64 {
        // Nearly all are small.
        if let [byte @ ..0x80, rest @ ..] = self.bytes {
            self.bytes = rest;
            return u64::from(*byte);
        }
        let mut value = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte();
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
        value
    }

    fn signed(&mut self) -> i64 {
        let value = self.number();
        (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
    }

    fn len(&mut self) -> usize {
        usize::try_from(self.number()).unwrap_or(0)
    }

    fn text(&mut self) -> &'a str {
        if let Some(known) = self.number().checked_sub(1) {
            return self.texts.get(known);
        }
        let len = self.len();
        let (text, rest) = self.bytes.split_at_checked(len).unwrap_or_default();
        self.bytes = rest;
        std::str::from_utf8(text).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;
    use crate::session::{State, Tls, View};

    fn brief(told: &Session) -> Brief<'_> {
        Brief {
            number: 0,
            ..told.into()
        }
    }

    #[test]
    fn what_is_packed_comes_back() {
        let mut full = sample::hostile(7);
        full.tls = Some(Tls {
            sni: Some("example.org".to_owned()),
            ..Tls::default()
        });
        full.client = "[2001:db8::1]:443".parse().expect("an address");
        full.anomalies = vec![sample::anomaly("reserved-bit", &full)];
        full.verdict.server_view = View {
            note: Some("a note"),
            ..full.verdict.server_view
        };
        let all = vec![
            sample::normal(1),
            sample::abrupt(2),
            sample::open(3),
            full,
            sample::normal(1),
        ];
        let mut pack = Pack::default();
        let places: Vec<Place> = all.iter().map(|told| pack.push(told)).collect();
        // In another order: what is read into holds another session's parts before.
        let mut session = Session::blank();
        for (place, told) in places.iter().zip(&all).rev() {
            pack.read(*place, &mut session);
            assert_eq!(&session, told);
            assert_eq!(
                pack.brief(*place, &mut session, 0, |own| own),
                Some(brief(told))
            );
            assert!(session.events.is_empty() && session.verdict.summary.is_empty());
        }
    }

    #[test]
    fn of_rows_comes_back_what_a_row_shows() {
        let mut failed = sample::abrupt(4);
        failed.verdict.state = State::Failed;
        failed.opening.http_status = Some(503);
        let all = [
            sample::normal(1),
            sample::wss(2, 443, "a.example", None),
            sample::open(3),
            failed,
            sample::hostile(5),
        ];
        let mut pack = Pack::new(Detail::Row);
        let places: Vec<Place> = all.iter().map(|told| pack.push(told)).collect();
        let mut session = Session::blank();
        for (place, told) in places.iter().zip(&all).rev() {
            pack.read(*place, &mut session);
            let (row, whole) = (&session, told);
            assert_eq!((row.started, row.ended), (whole.started, whole.ended));
            assert_eq!((row.client, row.server), (whole.client, whole.server));
            assert_eq!(row.transport, whole.transport);
            assert_eq!(row.opening.host(), whole.opening.host());
            assert_eq!(row.opening.path(), whole.opening.path());
            if whole.verdict.state == State::Failed {
                assert_eq!(row.opening.http_status, whole.opening.http_status);
            }
            let name = |session: &Session| session.tls.as_ref()?.sni.clone();
            assert_eq!(name(row), name(whole));
            assert_eq!(
                brief(row),
                pack.brief(*place, &mut Session::blank(), 0, |own| own)
                    .expect("it is there")
            );
            let (row, whole) = (&row.verdict, &whole.verdict);
            assert_eq!((row.state, row.code), (whole.state, whole.code));
            assert_eq!((row.cause, row.closer), (whole.cause, whole.closer));
            assert_eq!(row.reason, whole.reason);
        }
    }

    #[test]
    fn what_is_arranged_comes_back() {
        let mut pack = Pack::new(Detail::Row);
        let all: Vec<Session> = (1..5).map(sample::normal).collect();
        let mut client = all.iter().zip(1..).map(|(told, port)| {
            let mut told = told.clone();
            told.client.set_port(port);
            pack.push(&told)
        });
        let [first, _, third, fourth] = std::array::from_fn(|_| client.next());
        drop(client);
        let mut places: Vec<Place> = [fourth, first, third].into_iter().flatten().collect();
        pack.arrange(places.iter_mut());
        let mut session = Session::blank();
        let ports = places.iter().map(|&place| {
            pack.read(place, &mut session);
            session.client.port()
        });
        assert!(ports.eq([4, 1, 3]));
    }

    #[test]
    fn an_ordinary_session_is_small() {
        let mut pack = Pack::default();
        let told = Session {
            events: Vec::new(),
            ..sample::normal(1)
        };
        for _ in 0..3 {
            pack.push(&told);
        }
        let before = pack.blocks.iter().map(Vec::len).sum::<usize>();
        pack.push(&told);
        let len = pack.blocks.iter().map(Vec::len).sum::<usize>() - before;
        assert!(len < 200, "{len}");
    }

    #[test]
    fn numbers_of_all_sizes_come_back() {
        let (mut texts, mut names) = (Texts::default(), Names::default());
        let values = [i64::MIN, -1, 0, 1, 63, 64, 1 << 40, i64::MAX];
        let mut out = Vec::new();
        let mut packer = Packer {
            out: &mut out,
            texts: &mut texts,
            names: &mut names,
            time: 0,
            packet: 0,
        };
        values.iter().for_each(|&value| packer.signed(value));
        packer.number(u64::MAX);
        let mut from = Unpacker {
            bytes: &out,
            texts: &texts,
            names: &names,
            time: 0,
            packet: 0,
            is_row: false,
        };
        assert_eq!(values.map(|_| from.signed()), values);
        assert_eq!((from.number(), from.number()), (u64::MAX, 0));
    }
}
