//! Which connections a worker keeps, and how many workers are worth their while.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use foldhash::fast::RandomState;

use super::attempts::Attempts;
use super::pipeline::Pipeline;
use super::shelf::{Shelf, Shelves};
use super::told::Told;
use crate::capture::{PacketSource, Step, open_all};
use crate::session::{Detail, Finding, Summary};
use crate::time::Timestamp;

/// Files smaller than this are read faster than threads are worth, in bytes.
const WORTH_THREADS: u64 = 64 << 20;

/// Packets looked at to learn how many connections there are.
const SAMPLE_PACKETS: u32 = 1 << 14;

/// Packets to a connection up to which following connections weighs more than reading packets,
/// which every worker has to do.
const FEW_PACKETS: u64 = 64;

/// One of several shares of all connections. The hash of the key decides, and all shares must
/// hash alike.
#[derive(Clone, Debug)]
pub struct Shard {
    random: RandomState,
    index: u32,
    of: u32,
}

impl Shard {
    /// All connections in one.
    pub fn whole() -> Self {
        Self {
            random: RandomState::default(),
            index: 0,
            of: 1,
        }
    }

    /// `count` of them; at least one.
    pub fn split(count: u32) -> impl Iterator<Item = Self> {
        let whole = Self::whole();
        let of = count.max(1);
        (0..of).map(move |index| Self {
            random: whole.random.clone(),
            index,
            of,
        })
    }

    /// Its part of what all of them may have together.
    pub(super) const fn part_of(&self, all: usize) -> usize {
        all.div_ceil(self.of as usize)
    }

    /// The keys' hash.
    pub(super) fn random(&self) -> RandomState {
        self.random.clone()
    }

    /// A connection whose key has this hash is one of this share.
    pub(super) const fn keeps(&self, hash: u64) -> bool {
        // The table takes the upper half.
        self.of == 1 || (hash >> 24) % self.of as u64 == self.index as u64
    }
}

/// What a share came to.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) shelf: Shelf,
    pub(super) attempts: Attempts,
    /// Servers that answered in TLS.
    pub(super) tls_servers: HashSet<SocketAddr>,
    pub(super) summary: Summary,
    /// TLS that could not be read is to be told.
    pub(super) tells_opaque: bool,
}

/// Puts shares together, the first one first, and compares their sessions. These come in the
/// order of their first packets, numbered: the same for any number of shares.
pub(super) fn join(parts: Vec<Part>) -> (Told, Vec<Finding>, Summary) {
    let mut shelves = Vec::with_capacity(parts.len());
    let mut parts = parts.into_iter();
    let Part {
        shelf,
        mut attempts,
        mut tls_servers,
        mut summary,
        tells_opaque,
    } = parts.next().unwrap_or_default();
    shelves.push(shelf);
    for part in parts {
        shelves.push(part.shelf);
        attempts.extend(part.attempts);
        tls_servers.extend(part.tls_servers);
        summary.connections += part.summary.connections;
        summary.gaps += part.summary.gaps;
        summary.lost_bytes += part.summary.lost_bytes;
        summary.evicted += part.summary.evicted;
        summary.impatient += part.summary.impatient;
        summary.not_inflated += part.summary.not_inflated;
        summary.tls_failed += part.summary.tls_failed;
        summary.tls_without_keys += part.summary.tls_without_keys;
        for (reason, count) in part.summary.tls_unread {
            *summary.tls_unread.entry(reason).or_default() += count;
        }
    }
    let mut all = Shelves::new(shelves, tells_opaque);
    if !attempts.is_empty() || all.may_be_astray() {
        let mut known = all.known(attempts.has_tunnels());
        tls_servers.into_iter().for_each(|it| known.add_tls(it));
        all.correct(&known);
        let now = summary.span.map_or(Timestamp::default(), |(_, last)| last);
        let (told, forgotten) = attempts.tell(&known, now, summary.gaps == 0);
        all.add(told);
        summary.attempts_forgotten = forgotten;
    }
    let (told, findings) = Told::join(all);
    summary.sessions = told.len() as u64;
    summary.abnormal = told.abnormal();
    summary.tls_opaque = told.opaque();
    (told, findings, summary)
}

/// How many workers are best: one, unless the files are large and hold many connections.
/// Standard input can be read by one only.
pub(super) fn workers(paths: &[PathBuf], asked: Option<u32>) -> u32 {
    let is_file = |path: &PathBuf| path.is_file() && path != Path::new("-");
    if !paths.iter().all(is_file) {
        return 1;
    }
    if let Some(asked) = asked {
        return asked.max(1);
    }
    let size = |path: &PathBuf| path.metadata().map_or(0, |data| data.len());
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    if cores == 1 || paths.iter().map(size).sum::<u64>() < WORTH_THREADS {
        return 1;
    }
    if has_many_connections(paths) {
        u32::try_from(cores).unwrap_or(1)
    } else {
        1
    }
}

fn has_many_connections(paths: &[PathBuf]) -> bool {
    let (mut source, _) = open_all(paths);
    let mut pipeline = Pipeline::new(Detail::Row);
    for _ in 0..SAMPLE_PACKETS {
        match source.advance() {
            Ok(Step::Packet) => pipeline.handle_packet(&source.packet()),
            Ok(Step::Note(_) | Step::Secrets(_)) => {}
            Ok(Step::End) | Err(_) => break,
        }
    }
    let (_, summary) = pipeline.finish();
    summary.connections.saturating_mul(FEW_PACKETS) > summary.packets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_connection_is_in_exactly_one_share() {
        let shards: Vec<Shard> = Shard::split(3).collect();
        for key in 0..100u64 {
            let hash = key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            assert_eq!(shards.iter().filter(|shard| shard.keeps(hash)).count(), 1);
            assert!(Shard::whole().keeps(hash));
        }
        assert_eq!(Shard::split(0).count(), 1);
    }

    #[test]
    fn standard_input_has_one_reader() {
        assert_eq!(workers(&[PathBuf::from("-")], Some(4)), 1);
    }
}
