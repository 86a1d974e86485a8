//! Looks for WebSocket frames in one direction of a connection whose opening the capture does
//! not hold.

use super::compression::Compression;
use super::item::Item;
use super::reader::Reader;
use super::resync::Resync;
use super::rules::Terms;
use super::windows::Windows;
use crate::flow::Side;
use crate::tcp::{Chunk, Origin};

/// Frames were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Who sends them, by their masks (RFC 6455 §5.1).
    pub side: Side,
    /// Offset of the first.
    pub offset: u64,
    /// They proved themselves by a row, not only by leading to the stream's end.
    pub is_strong: bool,
    /// There is more than one of them, or nothing else.
    pub is_row: bool,
}

/// A search in one direction, for masked frames and for unmasked ones.
#[derive(Debug)]
pub struct Search {
    client: Resync,
    server: Resync,
    found: Option<Found>,
    bytes: u64,
    /// Where its chunks began, where they ended, and the packet of the last.
    seen: Option<(u64, u64, Origin)>,
}

impl Default for Search {
    fn default() -> Self {
        // Whether compression was agreed on is not known, so it may have been.
        let resync = |side| {
            Resync::new(
                Terms {
                    side,
                    deflate: true,
                },
                false,
            )
        };
        Self {
            client: resync(Side::Client),
            server: resync(Side::Server),
            found: None,
            bytes: 0,
            seen: None,
        }
    }
}

impl Search {
    /// What was found.
    pub fn found(&self) -> Option<Found> {
        self.found
    }

    /// All that was seen of the stream, as if it were missing.
    pub fn seen(&self) -> Option<Chunk<'static>> {
        let (offset, end, origin) = self.seen?;
        Some(Chunk::Gap {
            offset,
            len: end.saturating_sub(offset),
            origin,
        })
    }

    /// Stream bytes seen.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// All bytes kept.
    pub fn kept_bytes(&self) -> usize {
        self.client.kept() + self.server.kept()
    }

    /// Gives them up, and what was found in them.
    pub fn forget(&mut self) {
        self.client.forget();
        self.server.forget();
        self.found = None;
    }

    /// Bytes kept until the other direction decides too.
    pub fn kept(&self) -> usize {
        self.found.map_or(0, |found| self.resync(found.side).kept())
    }

    /// Takes the next chunk.
    pub fn handle_chunk(&mut self, chunk: Chunk<'_>) {
        let (len, origin) = match chunk {
            Chunk::Data { bytes, origin, .. } => {
                self.bytes += bytes.len() as u64;
                (bytes.len() as u64, origin)
            }
            Chunk::Gap { len, origin, .. } => (len, origin),
        };
        let start = self.seen.map_or(chunk.offset(), |(start, ..)| start);
        let end = chunk.offset().saturating_add(len);
        self.seen = Some((start, end, origin));
        match self.found {
            Some(Found {
                side: Side::Client, ..
            }) => self.client.keep(chunk),
            Some(Found {
                side: Side::Server, ..
            }) => self.server.keep(chunk),
            None => {
                let found = |side, offset| Found {
                    side,
                    offset,
                    is_strong: true,
                    is_row: true,
                };
                let client = self
                    .client
                    .push(chunk)
                    .map(|offset| found(Side::Client, offset));
                let server = self
                    .server
                    .push(chunk)
                    .map(|offset| found(Side::Server, offset));
                self.found = client.or(server);
            }
        }
    }

    /// No more bytes come.
    pub fn finish(&mut self) {
        if self.found.is_none() {
            let found = |side| {
                let (offset, is_strong, frames) = self.resync(side).finish()?;
                Some(Found {
                    side,
                    offset,
                    is_strong,
                    is_row: frames > 1
                        || self
                            .seen
                            .is_some_and(|(_, end, _)| end.saturating_sub(offset) == self.bytes),
                })
            };
            let (client, server) = (found(Side::Client), found(Side::Server));
            self.found = client.or(server);
        }
    }

    /// A reader that goes on where frames were found, or searches on as `side`.
    pub fn into_reader(
        self,
        side: Side,
        compression: Compression,
        windows: &Windows,
        out: &mut dyn FnMut(Item<'_>),
    ) -> Reader {
        let mut reader = Reader::new(side, compression, windows);
        match self.found.filter(|found| found.side == side) {
            Some(found) => {
                reader.begin_unknown();
                self.resync(side)
                    .replay(found.offset, |chunk| reader.handle_chunk(chunk, out));
            }
            None => {
                reader.seek();
                // What was no frame so far may be any part of one.
                if let Some((offset, end, origin)) = self.seen {
                    let len = end.saturating_sub(offset);
                    out(Item::Lost {
                        offset,
                        len,
                        origin,
                    });
                }
            }
        }
        reader
    }

    fn resync(&self, side: Side) -> &Resync {
        match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        }
    }
}

#[cfg(test)]
#[path = "search_tests.rs"]
mod tests;
