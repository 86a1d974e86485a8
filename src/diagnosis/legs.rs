//! Legs: the connections of one WebSocket that goes through a proxy which the capture sees on
//! both sides.
//!
//! In: the outline of every session of a run. Each gets the numbers of its other legs, and the legs
//! on which an end arrived are told where it began.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};

use foldhash::fast::RandomState;

use super::amend::Other;
use super::outline::{Leg, Outline};
use super::servers::Servers;
use crate::session::{Party, State};
use crate::time::Timestamp;

/// How long a proxy may take to connect to the server behind it. The same key is no coincidence,
/// so this only keeps apart what programs with a fixed key do.
const MAX_SETUP: i64 = 10_000_000_000;

/// The same without a key to go by.
const MAX_SETUP_UNKEYED: i64 = 1_000_000_000;

/// More connections with one key than any chain of proxies has: the key is not random.
const MAX_LEGS: usize = 6;

/// Sessions that are looked at for each one whose other leg is sought by its looks.
const MAX_CANDIDATES: usize = 32;

/// The key in the example of RFC 6455 §1.3, which some programs send as it stands.
pub(super) const SAMPLE_KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// Clocks of capturing machines differ; ends on legs in different files that are closer together
/// than this are in no known order.
const CLOCK_ERROR: i64 = 1_000_000_000;

/// A session, as it is compared.
#[derive(Clone, Copy)]
struct Seen<'a> {
    index: usize,
    outline: &'a Outline,
    leg: &'a Leg,
}

/// All of them.
#[derive(Clone, Copy)]
struct All<'a> {
    outlines: &'a [Outline],
    legs: &'a [Leg],
}

impl<'a> All<'a> {
    fn get(self, index: usize) -> Option<Seen<'a>> {
        Some(Seen {
            index,
            outline: self.outlines.get(index)?,
            leg: self.legs.get(index)?,
        })
    }

    fn iter(self) -> impl Iterator<Item = Seen<'a>> {
        let all = self.outlines.iter().zip(self.legs).enumerate();
        all.map(|(index, (outline, leg))| Seen {
            index,
            outline,
            leg,
        })
    }
}

/// Finds the legs among sessions, and what each is to be told of its others, by its number.
/// `servers` are those of `outlines`.
pub(super) fn join(
    outlines: &[Outline],
    legs: &[Leg],
    servers: &Servers,
) -> HashMap<u64, Other, RandomState> {
    let seen = All { outlines, legs };
    let mut chains = by_key(seen);
    let keyed: BTreeSet<usize> = chains.iter().flatten().map(|leg| leg.index).collect();
    chains.extend(by_looks(seen, &keyed, servers));
    let mut others = HashMap::default();
    for chain in &chains {
        relate(&mut others, chain);
        tell_origin(&mut others, chain);
    }
    others
}

/// Connections whose openings carry the same random key, each chain in order of time.
fn by_key(seen: All<'_>) -> Vec<Vec<Seen<'_>>> {
    let keys = || {
        seen.iter().filter_map(|leg| {
            Some((
                leg.leg.key()?,
                leg.leg.started,
                leg.outline.number,
                leg.index,
            ))
        })
    };
    let repeated = Repeated::among(keys().map(|(key, ..)| key), seen.legs.len());
    let mut keyed: Vec<(u64, Timestamp, u64, usize)> =
        keys().filter(|(key, ..)| repeated.may_have(*key)).collect();
    keyed.sort_unstable();
    let same = keyed.chunk_by(|(key, first, ..), (other, second, ..)| {
        key == other && second.since(*first) <= MAX_SETUP
    });
    same.filter(|legs| (2..=MAX_LEGS).contains(&legs.len()))
        .map(|legs| {
            let legs = legs.iter().filter_map(|&(.., index)| seen.get(index));
            legs.collect::<Vec<Seen<'_>>>()
        })
        .filter(|legs| have_own_ends(legs))
        .collect()
}

/// Which of many hashes may be there more than once: a bit for each that came, and one for each that
/// came again. Nearly no key does, and to sort all of them takes long.
struct Repeated {
    once: Vec<u64>,
    again: Vec<u64>,
}

/// Bits for each hash: so few share one that the rest is quickly sorted.
const BITS: usize = 16;

impl Repeated {
    /// `most`: there are no more hashes.
    fn among(hashes: impl Iterator<Item = u64>, most: usize) -> Self {
        let words = (most * BITS / 64).next_power_of_two();
        let mut all = Self {
            once: vec![0; words],
            again: vec![0; words],
        };
        for hash in hashes {
            let (at, bit) = all.place(hash);
            if let (Some(once), Some(again)) = (all.once.get_mut(at), all.again.get_mut(at)) {
                *again |= *once & bit;
                *once |= bit;
            }
        }
        all
    }

    fn may_have(&self, hash: u64) -> bool {
        let (at, bit) = self.place(hash);
        self.again.get(at).is_some_and(|again| again & bit != 0)
    }

    /// Which word, and which bit of it.
    fn place(&self, hash: u64) -> (usize, u64) {
        // (Their number is a power of two.)
        let word = (hash >> 6) & (self.once.len() as u64 - 1);
        (usize::try_from(word).unwrap_or(0), 1 << (hash % 64))
    }
}

/// One connection is no other leg of itself: what asked twice on it is no chain.
fn have_own_ends(legs: &[Seen<'_>]) -> bool {
    let ends: BTreeSet<_> = legs
        .iter()
        .map(|leg| (leg.leg.client(), leg.outline.server()))
        .collect();
    ends.len() == legs.len()
}

/// What the two legs of a session have in common where a proxy makes a key of its own.
#[derive(PartialEq, Eq, Hash)]
struct Looks {
    path: u64,
    /// The proxy: server of one leg, client of the other.
    proxy: IpAddr,
    messages: (u64, u64),
}

impl Looks {
    /// `None` where there is too little to recognise it by.
    fn new(leg: &Leg, proxy: IpAddr) -> Option<Self> {
        let messages = leg.messages;
        Some(Self {
            path: leg.path().filter(|_| messages != (0, 0))?,
            proxy,
            messages,
        })
    }
}

/// Pairs of connections of which one lies inside of the other: opened by the address that the
/// other one goes to, for the same path, while that one waited, with as many messages.
fn by_looks<'a>(seen: All<'a>, keyed: &BTreeSet<usize>, servers: &Servers) -> Vec<Vec<Seen<'a>>> {
    let mut inner: HashMap<Looks, Vec<(Timestamp, usize)>, RandomState> = HashMap::default();
    let free = || seen.iter().filter(|leg| !keyed.contains(&leg.index));
    // Nearly all clients are no proxies, and need not be looked at any further.
    let servers: HashSet<IpAddr, RandomState> =
        servers.addresses().iter().map(SocketAddr::ip).collect();
    for leg in free().filter(|leg| servers.contains(&leg.leg.client().ip())) {
        if let (Some(opened), Some(looks)) =
            (leg.leg.opened(), Looks::new(leg.leg, leg.leg.client().ip()))
        {
            inner.entry(looks).or_default().push((opened, leg.index));
        }
    }
    if inner.is_empty() {
        return Vec::new();
    }
    inner.values_mut().for_each(|legs| legs.sort_unstable());
    let mut pairs: Vec<(Seen<'a>, Seen<'a>)> = Vec::new();
    for outer in free() {
        let Some(opened) = outer.leg.opened() else {
            continue;
        };
        let looks = Looks::new(outer.leg, outer.outline.server().ip());
        let Some(legs) = looks.and_then(|looks| inner.get(&looks)) else {
            continue;
        };
        let behind = legs.partition_point(|&(time, _)| time <= opened);
        let fits = |&(time, index): &(Timestamp, usize)| {
            let leg = seen.get(index)?;
            let fits = opened.since(time) <= MAX_SETUP_UNKEYED
                && leg.leg.started >= outer.leg.started
                && leg.outline.server() != outer.outline.server()
                && index != outer.index;
            fits.then_some(leg)
        };
        let mut fitting = legs
            .get(..behind)
            .unwrap_or_default()
            .iter()
            .rev()
            .take(MAX_CANDIDATES)
            .filter_map(fits);
        if let (Some(inner), None) = (fitting.next(), fitting.next()) {
            pairs.push((outer, inner));
        }
    }
    pairs.sort_unstable_by_key(|(outer, _)| outer.outline.number);
    // Who is wanted by two belongs to neither.
    let mut wanted: HashMap<usize, usize, RandomState> = HashMap::default();
    for (_, inner) in &pairs {
        *wanted.entry(inner.index).or_default() += 1;
    }
    pairs.retain(|(_, inner)| wanted.get(&inner.index) == Some(&1));
    pairs
        .into_iter()
        .map(|(outer, inner)| vec![outer, inner])
        .collect()
}

fn relate(others: &mut HashMap<u64, Other, RandomState>, chain: &[Seen<'_>]) {
    for leg in chain {
        let own = leg.outline.number;
        let numbers = chain.iter().map(|leg| leg.outline.number);
        let related = &mut others.entry(own).or_default().related;
        related.extend(numbers.filter(|&number| number != own));
        related.sort_unstable();
        related.dedup();
    }
}

/// Adds on which of the legs of a chain the end began.
fn tell_origin(others: &mut HashMap<u64, Other, RandomState>, chain: &[Seen<'_>]) {
    for (leg, sentence) in chain.iter().zip(origin(chain).unwrap_or_default()) {
        others
            .entry(leg.outline.number)
            .or_default()
            .origin
            .push_str(&sentence);
    }
}

/// A sentence for each leg; `None` where not all have ended, or nobody can tell which did first.
fn origin(legs: &[Seen<'_>]) -> Option<Vec<String>> {
    let has_ended = |leg: &Seen<'_>| matches!(leg.outline.state, State::Closed | State::Closing);
    if !legs.iter().all(has_ended) {
        return None;
    }
    if let [outer, inner] = legs
        && outer.outline.closer == Some(Party::Server)
        && inner.outline.closer == Some(Party::Client)
    {
        let told = |other: &Seen<'_>| {
            format!(
                " The proxy ended both of its legs (the other is session {}).",
                other.outline.number
            )
        };
        return Some(vec![told(inner), told(outer)]);
    }
    let mut ends: Vec<(Timestamp, Seen<'_>)> = legs
        .iter()
        .map(|leg| Some((leg.outline.signal()?, *leg)))
        .collect::<Option<_>>()?;
    ends.sort_by_key(|&(time, leg)| (time, leg.outline.number));
    let (time, first) = *ends.first()?;
    let is_sure = |&(other, leg): &(Timestamp, Seen<'_>)| {
        leg.leg.file == first.leg.file || other.since(time) >= CLOCK_ERROR
    };
    if !ends.iter().skip(1).all(is_sure) {
        return None;
    }
    let place = format!("{} → {}", first.leg.client(), first.outline.server());
    let number = first.outline.number;
    Some(
        legs.iter()
            .map(|leg| {
                if leg.outline.number == number {
                    format!(" The end began on this leg, {place}.")
                } else {
                    format!(" The end began on the leg {place} (session {number}).")
                }
            })
            .collect(),
    )
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "tests: a panic is a failure")]
mod tests {
    use super::super::amend::compare;
    use super::super::cohorts::testing::{address, closed, cut, open};
    use super::*;
    use crate::report::sample;
    use crate::session::{EndKind, Said, Session, Side};

    /// From `client` to `server`, opened at these milliseconds: the request, and the 101.
    fn leg(
        number: u64,
        client: &str,
        server: &str,
        key: Option<&str>,
        times: (i64, i64),
    ) -> Session {
        let mut session = open(number, times.1, 900, 900);
        (session.client, session.server) = (address(client), address(server));
        session.started = sample::at(times.0);
        session.opening.say(Said {
            key,
            ..Said::default()
        });
        session
    }

    fn outer(key: Option<&str>) -> Session {
        leg(1, "10.0.0.5:5000", "10.0.0.2:80", key, (0, 30))
    }

    fn inner(key: Option<&str>) -> Session {
        leg(2, "10.0.0.2:6000", "10.0.0.3:8080", key, (10, 25))
    }

    fn related(mut sessions: Vec<Session>) -> Vec<Vec<u64>> {
        compare(&mut sessions);
        sessions
            .into_iter()
            .map(|session| session.related)
            .collect()
    }

    #[test]
    fn one_random_key_is_one_session() {
        let key = Some("AQIDBAUGBwgJCgsMDQ4PEA==");
        assert_eq!(related(vec![outer(key), inner(key)]), [[2], [1]]);
        let third = leg(3, "10.0.0.3:7000", "10.0.0.4:9000", key, (12, 20));
        assert_eq!(
            related(vec![outer(key), inner(key), third]),
            [[2, 3], [1, 3], [1, 2]]
        );
        let again = leg(2, "10.0.0.5:5000", "10.0.0.2:80", key, (40, 50));
        assert_eq!(related(vec![outer(key), again]), [[0_u64; 0]; 2]);
        // Whatever the proxy's addresses are.
        let elsewhere = leg(2, "192.0.2.7:6000", "10.0.0.3:8080", key, (10, 25));
        assert_eq!(related(vec![outer(key), elsewhere]), [[2], [1]]);
    }

    #[test]
    fn a_key_that_is_not_random_says_nothing() {
        let sample = Some(SAMPLE_KEY);
        let other = |n| leg(n, "10.0.0.6:6000", "10.0.0.2:80", sample, (10, 25));
        assert_eq!(related(vec![outer(sample), other(2)]), [[0_u64; 0]; 2]);
        let fixed = Some("AAAAAAAAAAAAAAAAAAAAAA==");
        let many = (1..=30).map(|n| leg(n, "10.0.0.6:6000", "10.0.0.2:80", fixed, (10, 25)));
        assert!(related(many.collect()).iter().all(Vec::is_empty));
        let late = leg(2, "10.0.0.2:6000", "10.0.0.3:8080", fixed, (60_000, 60_025));
        assert_eq!(related(vec![outer(fixed), late]), [[0_u64; 0]; 2]);
    }

    #[test]
    fn a_proxy_with_keys_of_its_own_is_seen_by_its_address() {
        assert_eq!(
            related(vec![outer(Some("a")), inner(Some("b"))]),
            [[2], [1]]
        );
        let spoilt: [fn(&mut Session); 6] = [
            |inner| {
                inner.opening.say(Said {
                    path: Some("/other"),
                    ..Said::default()
                })
            },
            |inner| inner.client = address("10.0.0.7:6000"),
            |inner| inner.client_sent.messages += 1,
            |inner| inner.server = address("10.0.0.2:80"),
            // Opened before the proxy had been asked, or after it had answered.
            |inner| inner.started = sample::at(-5),
            |inner| inner.opened = Some(sample::at(31)),
        ];
        for spoil in spoilt {
            let mut inner = inner(None);
            spoil(&mut inner);
            assert_eq!(related(vec![outer(None), inner]), [[0_u64; 0]; 2]);
        }
        // Two that fit: nobody knows which.
        let mut twin = inner(None);
        twin.number = 3;
        assert!(
            related(vec![outer(None), inner(None), twin])
                .iter()
                .all(Vec::is_empty)
        );
        let mut twin = outer(None);
        twin.number = 3;
        assert!(
            related(vec![outer(None), inner(None), twin])
                .iter()
                .all(Vec::is_empty)
        );
    }

    fn summaries(mut sessions: Vec<Session>) -> Vec<String> {
        for session in &mut sessions {
            session.verdict.summary.clear();
        }
        compare(&mut sessions);
        sessions
            .into_iter()
            .map(|session| session.verdict.summary)
            .collect()
    }

    #[test]
    fn both_legs_say_where_the_end_began() {
        let behind = closed(inner(None), 1001, Side::Server, 1000);
        let before = closed(outer(None), 1001, Side::Server, 1004);
        assert_eq!(
            summaries(vec![before, behind]),
            [
                " The end began on the leg 10.0.0.2:6000 → 10.0.0.3:8080 (session 2).",
                " The end began on this leg, 10.0.0.2:6000 → 10.0.0.3:8080.",
            ]
        );
        let proxy = |leg, by| cut(leg, EndKind::Fin, by, 1000);
        assert_eq!(
            summaries(vec![
                proxy(outer(None), Party::Server),
                proxy(inner(None), Party::Client)
            ]),
            [
                " The proxy ended both of its legs (the other is session 2).",
                " The proxy ended both of its legs (the other is session 1).",
            ]
        );
        // Only one has ended.
        let before = closed(outer(None), 1001, Side::Server, 1004);
        assert_eq!(summaries(vec![before, inner(None)]), ["", ""]);
    }

    #[test]
    fn clocks_of_two_machines_order_nothing_that_is_close() {
        let ends = |millis| {
            let behind = closed(inner(None), 1001, Side::Server, 1000);
            let mut before = closed(outer(None), 1001, Side::Server, millis);
            before.first_packet = crate::capture::PacketId::new(1, 1);
            summaries(vec![before, behind])
        };
        assert_eq!(ends(1004), ["", ""]);
        assert!(ends(5000)[0].contains("session 2"));
    }
}
