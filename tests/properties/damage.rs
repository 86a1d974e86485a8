//! What a capture lost can make hangup say less, but never something else.

use std::collections::HashSet;
use std::fs;
use std::net::SocketAddr;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestCaseResult;
use serde_json::Value;

use crate::answer::{answer, sessions};
use crate::capture::{self, Packet};
use crate::known::Known;
use crate::segment::{self, has_payload, is_syn};
use crate::{config, fixture};

proptest! {
    #![proptest_config(config())]

    #[test]
    fn packets_that_were_not_captured(
        known in fixture(|known| has_one_head(known) && leaves_traces(known)),
        losses in vec((any::<Index>(), 1..4_usize), 1..10),
    ) {
        let mut lost = vec![false; known.packets.len()];
        for (first, count) in losses {
            let first = first.index(lost.len());
            lost.iter_mut().skip(first).take(count).for_each(|lost| *lost = true);
        }
        let mut heard = HashSet::new();
        let mut packets = known.packets.clone();
        let mut lost = lost.into_iter();
        packets.retain(|packet| opens(packet, &mut heard) || lost.next() != Some(true));
        nothing_invented(known, &packets)?;
    }

    #[test]
    fn packets_captured_in_part(
        known in fixture(has_one_head),
        snap_len in 60..200_usize,
    ) {
        let mut packets = known.packets.clone();
        for packet in &mut packets {
            packet.bytes.truncate(snap_len);
        }
        nothing_invented(known, &packets)?;
    }
}

/// Their Close, or all of their frames, may be lost without leaving a hole in a stream: in the
/// first a FIN came before the Close, in the second only acknowledgements tell of the answer.
const WITHOUT_TRACE: [&str; 2] = ["fin-answered-by-close", "client-side-only"];

fn leaves_traces(known: &Known) -> bool {
    !WITHOUT_TRACE.contains(&known.case.name.as_str())
}

/// With HTTP heads besides those of the opening: what damage leaves of them is not told from it.
const OTHER_HEADS: [&str; 4] = [
    "connect-tunnel",
    "early-hints",
    "keepalive-before-upgrade",
    "not-websocket",
];

fn has_one_head(known: &Known) -> bool {
    !OTHER_HEADS.contains(&known.case.name.as_str())
}

/// Belongs to the opening of its connection, or to TCP's: the SYNs, and the first bytes of either side.
fn opens(packet: &Packet, heard: &mut HashSet<(SocketAddr, SocketAddr)>) -> bool {
    let ends = segment::ends(packet);
    if is_syn(packet) {
        // A connection that reuses the ports of another.
        ends.map(|ends| heard.remove(&ends));
        return true;
    }
    has_payload(packet) && ends.is_some_and(|ends| heard.insert(ends))
}

/// What is left of a fixture tells no session and no Close frame that it did not hold, and no
/// session to have ended without a Close frame that had one.
fn nothing_invented(known: &Known, packets: &[Packet]) -> TestCaseResult {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("rest.pcap"), capture::pcap(packets)).unwrap();
    known.hand_on_keys(folder.path());
    let truth = &known.case.truth;
    let mut sent: Vec<Frame> = truth.iter().flat_map(frames).collect();
    for session in sessions(&answer(folder.path(), &["rest.pcap"])) {
        let of_these_ends = || truth.iter().filter(|truth| ends(truth) == ends(&session));
        prop_assert!(
            of_these_ends().count() > 0,
            "an invented session: {session}"
        );
        // 1006 in a Close frame, which is forbidden, is told as sent.
        let without_close = session["code"] == 1006 && frames(&session).is_empty();
        prop_assert!(
            !without_close || of_these_ends().any(|truth| frames(truth).is_empty()),
            "a false 1006: {session}"
        );
        for frame in frames(&session) {
            let found = sent.iter().position(|sent| frame.is_what_is_left_of(sent));
            prop_assert!(found.is_some(), "an invented Close, {frame:?}: {session}");
            found.map(|found| sent.swap_remove(found));
        }
    }
    Ok(())
}

/// A Close frame that was on the wire.
#[derive(Debug, PartialEq, Eq)]
struct Frame {
    from: String,
    to: String,
    code: Option<u64>,
    reason: String,
}

impl Frame {
    /// The same, or its code or the end of its reason is what was lost.
    fn is_what_is_left_of(&self, whole: &Self) -> bool {
        let reason = self.reason.trim_end_matches('\u{fffd}');
        (&self.from, &self.to) == (&whole.from, &whole.to)
            && (self.code.is_none() || self.code == whole.code)
            && whole.reason.starts_with(reason)
    }
}

/// The Close frames of a session, told or true.
fn frames(session: &Value) -> Vec<Frame> {
    let [client, server] = client_and_server(session);
    let frame = |close: &Value| {
        let (from, to) = if close["from"] == "client" {
            (client.clone(), server.clone())
        } else {
            (server.clone(), client.clone())
        };
        Frame {
            from,
            to,
            code: close["code"].as_u64(),
            reason: close["reason"].as_str().unwrap_or_default().to_owned(),
        }
    };
    let closes = session["closes"].as_array();
    closes.into_iter().flatten().map(frame).collect()
}

/// Both ends of a session, told or true.
fn client_and_server(session: &Value) -> [String; 2] {
    ["client", "server"].map(|end| {
        let address = session[end]
            .as_str()
            .or(session[format!("{end}_addr")].as_str());
        address.expect("an address").to_owned()
    })
}

/// Without their roles: which end opened the session may be what was lost.
fn ends(session: &Value) -> [String; 2] {
    let mut ends = client_and_server(session);
    ends.sort();
    ends
}
