//! The keys of one direction, one after the other, and the number of its next record.

use std::collections::VecDeque;

use super::cipher::{Agreed, Opened, Opener, TLS13};
use super::record::{ALERT, APPLICATION_DATA, CHANGE_CIPHER_SPEC, HANDSHAKE, Header};
use super::schedule::TrafficSecret;
use crate::limits;

/// Records that did not open and may not have counted: so many numbers before the expected one
/// are tried.
const MAX_DOUBT: u64 = 8;

/// Keys, and what follows from them.
struct Epoch {
    opener: Opener,
    /// TLS 1.3: for the next KeyUpdate.
    secret: Option<TrafficSecret>,
    /// It protects application data, not the handshake.
    is_traffic: bool,
}

/// Keys that come into use later. Kept as they are cheapest to keep.
pub(super) enum Pending {
    /// TLS 1.3; whether for application data.
    Secret(TrafficSecret, bool),
    /// Up to TLS 1.2.
    Opener(Box<Opener>),
}

/// What opening a record showed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Proven {
    pub(super) opened: Opened,
    /// Records of the same keys that were missing before it, and may have held data.
    pub(super) skipped: u64,
}

/// What protects one direction.
#[derive(Default)]
pub(super) struct Guard {
    agreed: Option<Agreed>,
    current: Option<Box<Epoch>>,
    pending: VecDeque<Pending>,
    /// Of the next record.
    number: u64,
    doubt: u64,
    /// Lengths of the records since the last one opened that are not whole in the capture, while
    /// the next keys may already have been in use.
    passed: Vec<u64>,
    opened: u64,
    unopened: u32,
}

impl Guard {
    /// Keys for later. Those that were for later before are void.
    pub(super) fn install(&mut self, agreed: Agreed, pending: impl IntoIterator<Item = Pending>) {
        self.agreed = Some(agreed);
        self.pending = pending.into_iter().collect();
    }

    /// Records are protected.
    pub(super) const fn is_on(&self) -> bool {
        self.current.is_some()
    }

    /// A record was opened.
    pub(super) const fn has_opened(&self) -> bool {
        self.opened > 0
    }

    /// Records in a row that did not open.
    pub(super) const fn unopened(&self) -> u32 {
        self.unopened
    }

    /// There is a key to try.
    pub(super) fn has_keys(&self) -> bool {
        self.current.is_some() || !self.pending.is_empty()
    }

    fn is_tls13(&self) -> bool {
        self.agreed.is_some_and(|agreed| agreed.version >= TLS13)
    }

    /// Bytes of a record beyond its plaintext, with the header, at least.
    pub(super) fn overhead(&self) -> u64 {
        self.agreed.map_or(0, |agreed| agreed.overhead())
    }

    /// Application data may stand in the next record.
    pub(super) fn carries_data(&self) -> bool {
        self.has_opened()
            && self
                .current
                .as_ref()
                .is_some_and(|epoch| epoch.is_traffic || !self.is_tls13() && self.number > 0)
    }

    /// This may be the header of a protected record.
    pub(super) fn fits(&self, header: &Header) -> bool {
        let [_, major, minor, ..] = header.bytes;
        let Some(agreed) = self.agreed else {
            return false;
        };
        // RFC 8446 §5.2: protected records are all of the same type and the version of TLS 1.2.
        let (version, is_kind) = if agreed.version >= TLS13 {
            (0x0303, header.kind == APPLICATION_DATA)
        } else {
            let kinds = [CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, APPLICATION_DATA];
            (agreed.version, kinds.contains(&header.kind))
        };
        is_kind
            && u16::from_be_bytes([major, minor]) == version
            && header.len as u64 >= agreed.overhead()
    }

    /// ChangeCipherSpec, up to TLS 1.2: the next keys, from the next record on.
    pub(super) fn switch(&mut self) {
        if let Some(pending) = self.pending.pop_front() {
            self.current = self.epoch(pending).map(Box::new);
            (self.number, self.doubt) = (0, 0);
        }
    }

    /// KeyUpdate (RFC 8446 §4.6.3): the next generation of the secret, from the next record on.
    pub(super) fn update(&mut self) {
        // RFC 8446 §5.1: nothing follows it in its record. With these keys nothing has come yet.
        if self.number == 0 {
            return;
        }
        if let Some(next) = self.next_generation() {
            self.current = Some(Box::new(next));
            (self.number, self.doubt) = (0, 0);
        }
    }

    fn next_generation(&self) -> Option<Epoch> {
        let epoch = self.current.as_ref().filter(|epoch| epoch.is_traffic)?;
        let next = epoch.secret.as_ref()?.next(self.agreed?.suite.hash());
        self.epoch(Pending::Secret(next, true))
    }

    fn epoch(&self, pending: Pending) -> Option<Epoch> {
        Some(match pending {
            Pending::Secret(secret, is_traffic) => Epoch {
                opener: Opener::of_secret(self.agreed?.suite, &secret)?,
                secret: Some(secret),
                is_traffic,
            },
            Pending::Opener(opener) => Epoch {
                opener: *opener,
                secret: None,
                is_traffic: false,
            },
        })
    }

    /// Opens the next record into `out`.
    pub(super) fn open(
        &mut self,
        header: &Header,
        body: &[u8],
        out: &mut Vec<u8>,
    ) -> Option<Proven> {
        let was_on = self.is_on();
        let mut budget = u64::MAX;
        let mut proven = self.open_within(header, body, 0, &mut budget, out);
        match (&mut proven, &mut self.current) {
            (Some(proven), _) => {
                if was_on && !self.is_tls13() {
                    proven.skipped = self.passed.len() as u64;
                }
            }
            (None, Some(epoch)) => {
                epoch.opener.note_passed(Some(body));
                self.number = self.number.saturating_add(1);
                self.doubt = (self.doubt + 1).min(MAX_DOUBT);
                self.unopened = self.unopened.saturating_add(1);
            }
            (None, None) => self.unopened = self.unopened.saturating_add(1),
        }
        proven
    }

    /// Opens a record that up to `skip` others may be missing before; what is tried in vain is
    /// taken from `budget`, in bytes.
    pub(super) fn open_within(
        &mut self,
        header: &Header,
        body: &[u8],
        skip: u64,
        budget: &mut u64,
        out: &mut Vec<u8>,
    ) -> Option<Proven> {
        let cost = body.len() as u64 + 64;
        let mut attempt = |opener: &Opener, from: u64, to: u64| {
            for number in from..=to {
                if let Some(opened) = opener.open(number, header, body, out) {
                    return Some((number, opened));
                }
                *budget = budget.saturating_sub(cost);
                if *budget == 0 {
                    break;
                }
            }
            None
        };
        if let Some(epoch) = &mut self.current {
            // The likeliest number first, those before it last.
            let expected = self.number;
            let early = expected.saturating_sub(self.doubt);
            let found = attempt(&epoch.opener, expected, expected.saturating_add(skip))
                .or_else(|| attempt(&epoch.opener, early, expected.checked_sub(1)?));
            if let Some((number, opened)) = found {
                epoch.opener.note_passed(Some(body));
                self.note_opened(number);
                let skipped = number.saturating_sub(expected);
                return Some(Proven { opened, skipped });
            }
        }
        // Up to TLS 1.2 ChangeCipherSpec says when new keys begin, unless it is lost.
        if skip == 0 && !self.is_tls13() {
            return None;
        }
        if skip > 0
            && let Some(next) = self.next_generation()
            && let Some((number, opened)) = attempt(&next.opener, 0, skip)
        {
            self.current = Some(Box::new(next));
            self.note_opened(number);
            return Some(Proven {
                opened,
                skipped: number,
            });
        }
        let skip = skip.max(self.passed.len() as u64);
        for _ in 0..self.pending.len() {
            let pending = self.pending.pop_front()?;
            let (secret, is_traffic) = match pending {
                Pending::Secret(secret, is_traffic) => (secret, is_traffic),
                Pending::Opener(opener) => {
                    if let Some((number, opened)) = attempt(&opener, 0, skip) {
                        self.current = self.epoch(Pending::Opener(opener)).map(Box::new);
                        self.note_opened(number);
                        return Some(Proven {
                            opened,
                            // The first one is Finished (RFC 5246 §7.4.9), no data.
                            skipped: number.saturating_sub(1),
                        });
                    }
                    self.pending.push_back(Pending::Opener(opener));
                    continue;
                }
            };
            let opener = Opener::of_secret(self.agreed?.suite, &secret)?;
            if let Some((number, opened)) = attempt(&opener, 0, skip) {
                self.current = Some(Box::new(Epoch {
                    opener,
                    secret: Some(secret),
                    is_traffic,
                }));
                // Keys come into use in their order: those before these are over.
                if is_traffic {
                    self.pending.clear();
                }
                self.note_opened(number);
                return Some(Proven {
                    opened,
                    skipped: number,
                });
            }
            self.pending.push_back(Pending::Secret(secret, is_traffic));
        }
        None
    }

    fn note_opened(&mut self, number: u64) {
        self.number = number.saturating_add(1);
        self.opened += 1;
        (self.doubt, self.unopened) = (0, 0);
    }

    /// How many bytes the last `count` records have that were passed; forgets all of them.
    pub(super) fn take_passed(&mut self, count: u64) -> u64 {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let passed = std::mem::take(&mut self.passed);
        passed.iter().rev().take(count).sum()
    }

    /// A record of so many bytes is not whole in the capture; it counts nevertheless.
    pub(super) fn pass(&mut self, total: u64) {
        if !self.carries_data() && (self.passed.len() as u64) < limits::MIN_RECORDS_SKIPPED {
            self.passed.push(total);
        }
        if let Some(epoch) = &mut self.current {
            epoch.opener.note_passed(None);
            self.number = self.number.saturating_add(1);
        }
    }

    /// How many records may be missing in so many bytes.
    pub(super) fn most_skipped(&self, lost: u64) -> u64 {
        let least = super::record::HEADER_LEN as u64 + self.overhead();
        (lost / least).clamp(limits::MIN_RECORDS_SKIPPED, limits::MAX_RECORDS_SKIPPED)
    }
}
