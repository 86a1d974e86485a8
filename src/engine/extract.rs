//! The packets of some sessions, out of the captures that were read: a second pass over them.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::io;
use std::path::PathBuf;

use foldhash::fast::RandomState;

use crate::capture::{CaptureError, Packet, PacketId, PacketSource, Step, open_all};
#[cfg(feature = "live")]
use crate::capture::{Filter, Filtered};
use crate::decode::{Decoded, Decoder, IcmpError};
use crate::flow::FlowKey;
use crate::session::Session;

/// Hands `take` each packet of `sessions`, in order: from the first packet of a session to the
/// last of its connection that was seen for it. What `paths` and `filter` were when they were
/// read, they must still be.
///
/// Of an IP datagram in fragments, it is the packet that completes it.
///
/// # Errors
/// What `take` says, and where the captures cannot be read (any more).
pub fn extract(
    paths: &[PathBuf],
    filter: Option<&str>,
    sessions: impl IntoIterator<Item = impl Borrow<Session>>,
    take: &mut dyn FnMut(&Packet<'_>) -> io::Result<()>,
) -> io::Result<()> {
    let mut wanted = Wanted::of(sessions);
    let (source, _) = open_all(paths);
    #[cfg(feature = "live")]
    if let Some(expression) = filter {
        let filter = Filter::compile(expression).map_err(io::Error::other)?;
        return pass(Filtered::new(source, filter), &mut wanted, take);
    }
    #[cfg(not(feature = "live"))]
    let _ = filter;
    pass(source, &mut wanted, take)
}

fn pass(
    mut source: impl PacketSource,
    wanted: &mut Wanted,
    take: &mut dyn FnMut(&Packet<'_>) -> io::Result<()>,
) -> io::Result<()> {
    let mut decoder = Decoder::new();
    while wanted.left > 0 {
        match source.advance() {
            Ok(Step::Packet) => {
                let packet = source.packet();
                let key = match decoder.decode(&packet) {
                    Decoded::Tcp(segment) => Some(FlowKey::of(&segment).0),
                    Decoded::Icmp(error) => Some(key_of(&error)),
                    _ => None,
                };
                if key.is_some_and(|key| wanted.takes(&key, packet.id)) {
                    take(&packet)?;
                }
            }
            Ok(Step::Note(_) | Step::Secrets(_)) => {}
            Ok(Step::End) => break,
            // The first pass told of it, and went on with what else there was.
            Err(CaptureError::Io { .. } | CaptureError::Filter { .. }) => {}
            Err(error) => return Err(io::Error::other(error)),
        }
    }
    Ok(())
}

/// The connection that an ICMP error is about.
fn key_of(error: &IcmpError) -> FlowKey {
    FlowKey::between((error.src, error.src_port), (error.dst, error.dst_port)).0
}

/// Where a session is in the capture.
struct Span {
    first: PacketId,
    has_begun: bool,
    /// What has yet to come: the last packet of its connection, and the last of its evidence,
    /// which may be an ICMP error behind it.
    last: [Option<PacketId>; 2],
}

/// The sessions whose last packet has not come yet.
struct Wanted {
    spans: HashMap<FlowKey, Vec<Span>, RandomState>,
    left: usize,
}

impl Wanted {
    fn of(sessions: impl IntoIterator<Item = impl Borrow<Session>>) -> Self {
        let mut wanted = Self {
            spans: HashMap::default(),
            left: 0,
        };
        for session in sessions {
            let session = session.borrow();
            let [client, server] = [session.client, session.server];
            let ends = [client, server].map(|end| (end.ip(), end.port()));
            let (key, _) = FlowKey::between(ends[0], ends[1]);
            wanted.left += 1;
            let evidence = session.verdict.evidence.iter();
            let evidence = evidence.max_by_key(|evidence| evidence.time);
            wanted.spans.entry(key).or_default().push(Span {
                first: session.first_packet,
                has_begun: false,
                last: [
                    Some(session.last_packet),
                    evidence.map(|evidence| evidence.packet),
                ],
            });
        }
        wanted
    }

    fn takes(&mut self, key: &FlowKey, packet: PacketId) -> bool {
        let Some(spans) = self.spans.get_mut(key) else {
            return false;
        };
        let mut takes = false;
        spans.retain_mut(|span| {
            span.has_begun |= span.first == packet;
            takes |= span.has_begun;
            if span.has_begun {
                for last in &mut span.last {
                    last.take_if(|last| *last == packet);
                }
            }
            let is_over = span.last == [None, None];
            self.left -= usize::from(is_over);
            !is_over
        });
        takes
    }
}
