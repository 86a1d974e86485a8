//! Tests of one direction.
#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

use proptest::prelude::*;

use super::*;

const HEAD: &[u8] = b"GET /a HTTP/1.1\r\nHost: b\r\n\r\n";

/// The length of the whole of a head, if `parts` make one.
fn head_len(parts: &[&[u8]]) -> Option<usize> {
    let mut lane = Lane::new();
    let mut before = 0;
    for part in parts {
        match lane.take(Kind::Requests, part) {
            Taken::Head(_, used) => return Some(before + used),
            Taken::All => before += part.len(),
            Taken::NotHttp => return None,
        }
    }
    None
}

#[test]
fn a_head_ends_where_it_ends_whatever_way_it_is_cut() {
    let stream = [HEAD, b"more"].concat();
    for one in 0..=stream.len() {
        for other in one..=stream.len() {
            let parts = [&stream[..one], &stream[one..other], &stream[other..]];
            assert_eq!(head_len(&parts), Some(HEAD.len()), "{one} {other}");
        }
    }
}

#[test]
fn empty_lines_before_a_head_are_passed_over() {
    // RFC 9112 section 2.2
    let stream = [b"\r\n\r\n", HEAD].concat();
    for cut in 0..=stream.len() {
        let (one, other) = stream.split_at(cut);
        assert_eq!(head_len(&[one, other]), Some(stream.len()), "{cut}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_chunked_body_ends_where_it_ends_whatever_way_it_is_cut(
        parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..40), 0..6),
        extension in any::<bool>(),
        trailer in any::<bool>(),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let mut body = Vec::new();
        for part in &parts {
            let extension = if extension { ";a=\"f\"" } else { "" };
            body.extend(format!("{:x}{extension}\r\n", part.len()).bytes());
            body.extend(part);
            body.extend(b"\r\n");
        }
        body.extend(if trailer { &b"0\r\nA: b\r\nC: d\r\n\r\n"[..] } else { b"0\r\n\r\n" });
        let len = body.len();
        body.extend(HEAD);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(body.len())).collect();
        cuts.extend([0, body.len()]);
        cuts.sort_unstable();
        let mut lane = Lane::behind(BodyLen::Chunked);
        for w in cuts.windows(2) {
            if let Taken::Head(_, used) = lane.take(Kind::Requests, &body[w[0]..w[1]]) {
                prop_assert_eq!(w[0] + used, len + HEAD.len());
                return Ok(());
            }
        }
        prop_assert!(false, "the head behind the body was not found");
    }
}

#[test]
fn holes_are_harmless_inside_of_bodies_only() {
    let skipped = |body, len| {
        let mut lane = Lane::behind(body);
        lane.skip(len).then_some(lane)
    };
    assert!(matches!(skipped(BodyLen::Known(5), 4), Some(Lane::Body(1))));
    assert!(matches!(skipped(BodyLen::Known(5), 5), Some(Lane::Head(_))));
    assert!(skipped(BodyLen::Known(5), 6).is_none());
    assert!(matches!(
        skipped(BodyLen::UntilEnd, 6),
        Some(Lane::UntilEnd)
    ));
    assert!(skipped(BodyLen::Chunked, 1).is_none());
    assert!(skipped(BodyLen::Known(0), 1).is_none());
}

#[test]
fn the_end_of_a_cut_head_is_text_up_to_an_empty_line() {
    let tail = |rest, parts: &[&[u8]]| {
        let mut tail = HeadTail::new(100, 50, rest, crate::tcp::testing::origin(1));
        let mut used = 0;
        for part in parts {
            let (taken, over) = tail.take(part);
            used += taken;
            if over {
                let mut gap = None;
                tail.into_waiting()
                    .drain(|chunk| gap = Some(chunk.offset()));
                return Some((used, gap));
            }
        }
        None
    };
    // Text: all of the hole was head.
    assert_eq!(tail(20, &[b"et\r\n\r\n\x81\x00"]), Some((6, None)));
    for cut in 1..6 {
        let (one, other) = b"et\r\n\r\n".split_at(cut);
        assert_eq!(tail(20, &[one, other]), Some((6, None)), "{cut}");
    }
    assert_eq!(tail(20, &[b"a\r\r\n\r\n"]), Some((6, None)));
    // A frame: the head ended inside of the hole, where it had to at the earliest.
    assert_eq!(tail(20, &[b"\x81\x00"]), Some((0, Some(120))));
    assert_eq!(tail(20, &[b"X-A: b\r\n"]), None);
}

#[test]
fn the_first_bytes_tell_who_speaks_what() {
    let told = |bytes: &[u8]| looks_like(bytes);
    assert_eq!(told(b""), None);
    assert_eq!(told(b"G"), None);
    assert_eq!(told(b"GET "), Some(Some(Kind::Requests)));
    assert_eq!(told(b"P"), None);
    assert_eq!(told(b"PATCH /"), Some(Some(Kind::Requests)));
    assert_eq!(told(b"HTTP/1"), None);
    assert_eq!(told(b"HTTP/1.0 200"), Some(Some(Kind::Responses)));
    assert_eq!(told(b"HEAD"), None);
    assert_eq!(told(b"HTTP/2"), Some(None));
    assert_eq!(told(b"get /"), Some(None));
    assert_eq!(told(b"\x81"), Some(None));
}

#[test]
fn text_behind_a_hole_is_head_only_up_to_an_empty_line() {
    let missing = |tail: HeadTail| {
        let mut gaps = Vec::new();
        tail.into_waiting().drain(|chunk| {
            if let Chunk::Gap { offset, len, .. } = chunk {
                gaps.push((offset, len));
            }
        });
        gaps
    };
    let begun = || HeadTail::new(100, 50, 4, crate::tcp::testing::origin(1));
    // Masked payload may be text by chance: all of it, and of the hole, is unknown.
    let mut tail = begun();
    assert_eq!(tail.take(b"T]xEZ"), (5, false));
    assert_eq!(tail.take(b"Y\x88\x82"), (0, true));
    assert_eq!(missing(tail), [(104, 51)]);
    // It ends with the stream.
    let mut tail = begun();
    assert_eq!(tail.take(b"T]xEZ"), (5, false));
    assert_eq!(missing(tail), [(104, 51)]);
    // A line that ends before other bytes was the last one.
    let mut tail = begun();
    assert_eq!(tail.take(b"\r\n\x88\x82"), (2, true));
    assert_eq!(missing(tail), []);
}
