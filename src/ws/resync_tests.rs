//! Tests of the search for the next frame.

use super::super::testing::{Frame, wire};
use super::*;
use crate::session::Side;
use crate::tcp::testing::{Got, origin};

const SERVER: Terms = Terms {
    side: Side::Server,
    deflate: false,
};

/// A search with the stream offset behind what it has seen.
struct Rig {
    resync: Resync,
    end: u64,
}

impl Rig {
    fn new(terms: Terms, anywhere: bool) -> Self {
        Self {
            resync: Resync::new(terms, anywhere),
            end: 0,
        }
    }

    fn data(&mut self, bytes: &[u8]) -> Option<u64> {
        let offset = self.end;
        self.end += bytes.len() as u64;
        self.resync.push(Chunk::Data {
            offset,
            bytes,
            origin: origin(1),
        })
    }

    fn gap(&mut self, len: u64) -> Option<u64> {
        let offset = self.end;
        self.end += len;
        self.resync.push(Chunk::Gap {
            offset,
            len,
            origin: origin(1),
        })
    }
}

fn text(payload: &str) -> Vec<u8> {
    wire(&[Frame::whole(Opcode::TEXT, payload.as_bytes())])
}

#[test]
fn one_frame_is_no_proof_and_two_that_end_with_their_segments_are() {
    let mut rig = Rig::new(SERVER, true);
    assert_eq!(rig.data(&text("one")), None);
    assert_eq!(rig.data(&text("two")), Some(0));
}

#[test]
fn a_row_inside_of_a_segment_has_to_be_longer() {
    let frames = |count: usize| {
        [
            b"....".to_vec(),
            text("a frame").repeat(count),
            b"\x81".to_vec(),
        ]
        .concat()
    };
    let mut rig = Rig::new(SERVER, true);
    assert_eq!(rig.data(&frames(6)), None);
    let mut rig = Rig::new(SERVER, true);
    assert_eq!(rig.data(&frames(7)), Some(4));
    let mut rig = Rig::new(SERVER, false);
    assert_eq!(
        rig.data(&frames(7)),
        None,
        "where only starts of segments count"
    );
}

#[test]
fn a_hole_inside_of_a_frame_is_leapt_over_and_one_over_a_header_is_not() {
    let long = wire(&[Frame::whole(Opcode::BINARY, &[0x55; 400])]);
    let (head, _) = long.split_at(100);
    let mut rig = Rig::new(SERVER, true);
    rig.data(head);
    assert_eq!(rig.gap(304), None);
    assert_eq!(rig.data(&text("next")), Some(0));
    let mut rig = Rig::new(SERVER, true);
    rig.data(head);
    rig.gap(305);
    assert_eq!(rig.resync.candidates.len(), 0);
    assert_eq!(rig.resync.kept(), 0, "what proves nothing is not kept");
}

#[test]
fn the_end_of_the_stream_proves_a_row_that_leads_there() {
    let mut rig = Rig::new(SERVER, true);
    rig.data(&text("last words"));
    assert_eq!(rig.resync.finish(), Some((0, false, 1)));
    let mut rig = Rig::new(SERVER, true);
    rig.data(&wire(&[Frame::whole(Opcode::CLOSE, b"\x03\xe8")]));
    assert_eq!(
        rig.resync.finish(),
        Some((0, true, 1)),
        "a Close proves itself"
    );
    let mut rig = Rig::new(SERVER, true);
    rig.data(
        &text("last words")
            .split_last()
            .map(|(_, cut)| cut.to_vec())
            .unwrap_or_default(),
    );
    assert_eq!(rig.resync.finish(), None);
}

#[test]
fn messages_follow_each_other_as_they_must() {
    // RFC 6455 section 5.4: after a fragment comes a continuation.
    let wrong = wire(&[
        Frame::begun(Opcode::TEXT, b"a"),
        Frame::whole(Opcode::TEXT, b"b"),
        Frame::whole(Opcode::TEXT, b"c"),
    ]);
    let mut rig = Rig::new(SERVER, false);
    rig.data(&wrong);
    assert_eq!(rig.resync.finish(), None);
    let right = wire(&[
        Frame::begun(Opcode::TEXT, b"a"),
        Frame::whole(Opcode::PING, b""),
        Frame::whole(Opcode::CONTINUATION, b"b"),
        Frame::whole(Opcode::TEXT, b"c"),
    ]);
    let mut rig = Rig::new(SERVER, false);
    assert_eq!(rig.data(&right), Some(0));
}

#[test]
fn a_close_with_an_illegal_body_is_no_frame_to_believe_in() {
    for body in [&b"\x03"[..], b"\x03\xed", b"\x03\xe8\xff"] {
        let close = wire(&[Frame::whole(Opcode::CLOSE, body)]);
        assert!(legal_header(&close, SERVER).is_none(), "{body:?}");
    }
    let close = wire(&[Frame::whole(Opcode::CLOSE, b"\x03\xe8")]);
    assert!(legal_header(&close, SERVER).is_some_and(|(_, is_sure)| is_sure));
    let empty = wire(&[Frame::whole(Opcode::CLOSE, b"")]);
    assert!(legal_header(&empty, SERVER).is_some_and(|(_, is_sure)| !is_sure));
}

#[test]
fn what_was_kept_comes_back_from_the_boundary_on() {
    let mut rig = Rig::new(SERVER, true);
    let noise = b"\x81\x05..............................................";
    rig.data(noise);
    rig.data(&text("one"));
    let found = rig.data(&text("two"));
    assert_eq!(found, Some(noise.len() as u64));
    let mut got = Got {
        end: noise.len() as u64,
        ..Got::default()
    };
    rig.resync.replay(got.end, |chunk| got.take(chunk));
    assert_eq!(got.bytes, [text("one"), text("two")].concat());
}

#[test]
fn the_number_of_places_is_bounded() {
    // Pings without payload, two bytes each: every second place begins a row.
    let pings = [0x89, 0x00].repeat(3);
    let mut rig = Rig::new(SERVER, true);
    for _ in 0..200 {
        rig.data(&[&pings[..], b"\xff"].concat());
        assert!(rig.resync.candidates.len() <= limits::MAX_RESYNC_CANDIDATES);
    }
    let mut rig = Rig::new(SERVER, true);
    // Headers of frames that go on and on.
    let long = [0x82, 0x7e].repeat(700);
    for _ in 0..20 {
        rig.data(&long);
        assert!(rig.resync.candidates.len() <= limits::MAX_RESYNC_CANDIDATES);
        assert!(rig.resync.kept() <= limits::MAX_WAITING_BYTES);
    }
}

#[test]
fn a_snapped_header_takes_the_length_that_fills_its_segment() {
    let snapped = |bytes: &[u8], missing| {
        snapped_header(bytes, missing).map(|header| (header.len, header.header_len))
    };
    assert_eq!(snapped(b"\x81\x05", 5), Some((5, 2)), "it is whole");
    assert_eq!(snapped(b"\x81\x7e", 202), Some((200, 4)));
    assert_eq!(snapped(b"\x81\xfe", 206), Some((200, 8)));
    assert_eq!(snapped(b"\x81\x7e\x00", 201), Some((200, 4)));
    assert_eq!(
        snapped(b"\x81\x7e", 102),
        None,
        "too short for two length bytes"
    );
    assert_eq!(snapped(b"\x81\x7f", 200), None, "too short for eight");
    assert_eq!(snapped(b"\x81\x7f", 65_536 + 8), Some((65_536, 10)));
    assert_eq!(snapped(b"\x81", 500), None);
    assert_eq!(snapped(b"\x81\x7e", 1), None);
}
