//! Tests of compressed messages, through the reader of frames.
#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

use flate2::{Compress, Compression as Level, FlushCompress};

use proptest::prelude::*;

use super::super::compression::{Compression, Deflate};
use super::super::item::Item;
use super::super::reader::Reader;
use super::super::testing::{Frame, noise, wire};
use super::super::windows::SCRATCH;
use super::*;
use crate::flow::Side;
use crate::tcp::Chunk;
use crate::tcp::testing::origin;

const TEXT: &str =
    "Grüße aus der Zeile, die sich wiederholt; Grüße aus der Zeile, die sich wiederholt. ";

const TAKEOVER: Compression = Compression::Deflate(Deflate {
    client_takeover: true,
    server_takeover: true,
});
const ANEW: Compression = Compression::Deflate(Deflate {
    client_takeover: false,
    server_takeover: false,
});

/// What a sender makes of messages.
struct Sender {
    compress: Compress,
    takeover: bool,
}

impl Sender {
    fn new(compression: Compression) -> Self {
        Self {
            compress: Compress::new(Level::default(), false),
            takeover: compression == TAKEOVER,
        }
    }

    /// RFC 7692 §7.2.1.
    fn payload(&mut self, message: &[u8]) -> Vec<u8> {
        if !self.takeover {
            self.compress.reset();
        }
        let mut made = Vec::with_capacity(message.len() + 1024);
        self.compress
            .compress_vec(message, &mut made, FlushCompress::Sync)
            .expect("room enough");
        // Flushed again, it says nothing.
        made.truncate(made.len().saturating_sub(4));
        made
    }

    fn message(&mut self, opcode: Opcode, message: &[u8]) -> Frame {
        compressed(opcode, &self.payload(message))
    }
}

fn compressed(opcode: Opcode, payload: &[u8]) -> Frame {
    let mut frame = Frame::whole(opcode, payload);
    frame.first |= 0x40;
    frame
}

/// In as many fragments as there are bytes, with a Ping between each two (RFC 7692 §6.1).
fn in_fragments(whole: &Frame) -> Vec<Frame> {
    let count = whole.payload.len();
    let mut frames = Vec::new();
    for (at, byte) in whole.payload.iter().enumerate() {
        let first = if at == 0 { whole.first & 0x7f } else { 0 };
        let fin = if at + 1 == count { 0x80 } else { 0 };
        frames.push(Frame {
            first: first | fin,
            payload: vec![*byte],
            ..whole.clone()
        });
        frames.push(Frame::whole(Opcode::PING, b"?"));
    }
    frames
}

/// The broken rules, and what each message came to.
type Told = (Vec<Rule>, Vec<Option<u64>>);

/// A piece of a stream; `Err`: so many bytes are missing.
type Piece = Result<Vec<u8>, u64>;

/// Bytes that may be kept: nothing, less than most messages, all.
const ROOMS: [usize; 3] = [0, 4500, 1 << 20];

/// However much is kept.
fn read(side: Side, compression: Compression, pieces: &[Piece]) -> Told {
    let [none, some, all] = ROOMS.map(|room| read_keeping(room, side, compression, pieces));
    assert_eq!(none, some);
    assert_eq!(none, all);
    none
}

fn read_keeping(room: usize, side: Side, compression: Compression, pieces: &[Piece]) -> Told {
    let open = || Fed::new(side, compression, &Windows::new(1, room));
    let mut fed = open();
    fed.feed(pieces);
    let flaws = fed.reader.inflated().unwrap_or_default().flaws;
    // What the last message came to is to be asked only once of each reader.
    let bytes: Vec<Piece> = pieces.iter().flat_map(bytewise).collect();
    let mut lens = Vec::new();
    let mut fed = open();
    for (count, byte) in (1..).zip(&bytes) {
        for _ in 0..fed.feed(std::slice::from_ref(byte)) {
            let mut until_then = open();
            until_then.feed(&bytes[..count]);
            let inflated = until_then.reader.inflated();
            lens.push(inflated.and_then(|inflated| inflated.last));
        }
    }
    (flaws.iter().map(|flaw| flaw.rule).collect(), lens)
}

fn bytewise(piece: &Piece) -> Vec<Piece> {
    match piece {
        Ok(bytes) => bytes.iter().map(|&byte| Ok(vec![byte])).collect(),
        Err(len) => vec![Err(*len)],
    }
}

/// A reader, and what it was given.
struct Fed {
    reader: Reader,
    offset: u64,
    packets: u64,
}

impl Fed {
    fn new(side: Side, compression: Compression, windows: &Windows) -> Self {
        Self {
            reader: Reader::new(side, compression, windows),
            offset: 0,
            packets: 0,
        }
    }

    /// Gives it each piece in a packet of its own. How many messages became whole.
    fn feed(&mut self, pieces: &[Piece]) -> usize {
        let mut messages = 0;
        for piece in pieces {
            self.packets += 1;
            let (offset, origin) = (self.offset, origin(self.packets));
            let (len, chunk) = match piece {
                Ok(bytes) => {
                    let chunk = Chunk::Data {
                        offset,
                        bytes,
                        origin,
                    };
                    (bytes.len() as u64, chunk)
                }
                &Err(len) => {
                    let chunk = Chunk::Gap {
                        offset,
                        len,
                        origin,
                    };
                    (len, chunk)
                }
            };
            self.reader.handle_chunk(chunk, &mut |item| {
                messages += usize::from(matches!(item, Item::Message { .. }));
            });
            self.offset += len;
        }
        messages
    }
}

fn all(frames: &[Frame]) -> Vec<Piece> {
    vec![Ok(wire(frames))]
}

#[test]
fn messages_may_refer_to_those_before() {
    for compression in [TAKEOVER, ANEW] {
        let mut sender = Sender::new(compression);
        let plain = [
            TEXT.repeat(3),
            String::new(),
            TEXT.to_owned(),
            TEXT.repeat(2000),
        ];
        let mut frames = Vec::new();
        for message in &plain {
            frames.push(sender.message(Opcode::TEXT, message.as_bytes()));
            frames.push(Frame::whole(Opcode::BINARY, b"not compressed"));
        }
        let expected = plain
            .iter()
            .flat_map(|message| [Some(message.len() as u64), None])
            .collect();
        let told = (Vec::new(), expected);
        assert_eq!(read(Side::Server, compression, &all(&frames)), told);
        let masked: Vec<Frame> = frames
            .iter()
            .map(|frame| frame.clone().masked([1, 2, 3, 4]))
            .collect();
        let bytewise: Vec<_> = wire(&masked).iter().map(|&byte| Ok(vec![byte])).collect();
        assert_eq!(read(Side::Client, compression, &bytewise), told);
    }
}

#[test]
fn fragments_make_one_message() {
    let mut sender = Sender::new(TAKEOVER);
    let mut frames = in_fragments(&sender.message(Opcode::TEXT, TEXT.as_bytes()));
    frames.extend(in_fragments(&sender.message(Opcode::TEXT, TEXT.as_bytes())));
    let len = Some(TEXT.len() as u64);
    assert_eq!(
        read(Side::Server, TAKEOVER, &all(&frames)),
        (vec![], vec![len, len])
    );
}

#[test]
fn what_does_not_inflate_is_told_once() {
    let mut sender = Sender::new(TAKEOVER);
    let good = sender.message(Opcode::BINARY, b"good");
    // RFC 1951 §3.2.3: block type 3 is reserved.
    let bad = compressed(Opcode::TEXT, &[0xff; 40]);
    let later = sender.message(Opcode::TEXT, TEXT.as_bytes());
    let frames = [good, bad, later];
    assert_eq!(
        read(Side::Server, TAKEOVER, &all(&frames)),
        (vec![Rule::DeflateCorrupt], vec![Some(4), None, None])
    );
    let len = Some(TEXT.len() as u64);
    let anew = [
        frames[1].clone(),
        Sender::new(ANEW).message(Opcode::TEXT, TEXT.as_bytes()),
    ];
    assert_eq!(
        read(Side::Server, ANEW, &all(&anew)),
        (vec![Rule::DeflateCorrupt], vec![None, len])
    );
}

#[test]
fn a_window_that_was_not_agreed_on_is_not_there() {
    let mut sender = Sender::new(TAKEOVER);
    let frames = [(); 2].map(|()| sender.message(Opcode::TEXT, TEXT.as_bytes()));
    let len = Some(TEXT.len() as u64);
    assert_eq!(
        read(Side::Server, ANEW, &all(&frames)),
        (vec![Rule::DeflateCorrupt], vec![len, None])
    );
}

#[test]
fn text_is_checked_where_it_can_be() {
    let mut sender = Sender::new(TAKEOVER);
    let cut = &TEXT.as_bytes()[..3];
    let frames = [
        sender.message(Opcode::BINARY, b"\xff"),
        sender.message(Opcode::TEXT, b"abc\xff"),
        sender.message(Opcode::TEXT, cut),
        sender.message(Opcode::TEXT, TEXT.as_bytes()),
    ];
    let (rules, _) = read(Side::Server, TAKEOVER, &all(&frames));
    assert_eq!(
        rules,
        [Rule::TextNotUtf8; 2],
        "a byte, and half of a character"
    );
}

#[test]
fn behind_a_hole_only_what_begins_anew_is_read() {
    for compression in [TAKEOVER, ANEW] {
        let mut sender = Sender::new(compression);
        let frames = [(); 4].map(|()| sender.message(Opcode::TEXT, TEXT.as_bytes()));
        let (first, second) = (wire(&frames[..1]), wire(&frames[1..2]));
        // The header of the second is there, its payload is not.
        let parts = [
            Ok([&first, &second[..2]].concat()),
            Err(second.len() as u64 - 2),
            Ok(wire(&frames[2..])),
        ];
        let len = Some(TEXT.len() as u64);
        let later = len.filter(|_| compression == ANEW);
        let expected = (vec![], vec![len, None, later, later]);
        assert_eq!(read(Side::Server, compression, &parts), expected);
        // All of it is missing: where the next begins has to prove itself.
        let mut parts = vec![Ok(first), Err(second.len() as u64)];
        parts.extend((0..8).map(|_| {
            let frame = sender.message(Opcode::TEXT, TEXT.as_bytes());
            Ok(wire(&[frame]))
        }));
        for room in ROOMS {
            let mut fed = Fed::new(Side::Server, compression, &Windows::new(1, room));
            assert_eq!(fed.feed(&parts), 9);
            let inflated = fed.reader.inflated().unwrap_or_default();
            assert_eq!(
                (inflated.flaws, inflated.largest),
                (vec![], TEXT.len() as u64)
            );
            // Of what a search kept it may have left payload out.
            assert!(inflated.last.is_none() || compression == ANEW);
        }
    }
}

#[test]
fn a_hole_in_what_is_not_compressed_takes_nothing_away() {
    let mut sender = Sender::new(TAKEOVER);
    let frames = [(); 2].map(|()| sender.message(Opcode::TEXT, TEXT.as_bytes()));
    let plain = wire(&[Frame::whole(Opcode::BINARY, &[0; 50])]);
    let ping = wire(&[Frame::whole(Opcode::PING, &[0; 50])]);
    let parts = [
        Ok([wire(&frames[..1]), plain[..2].to_vec()].concat()),
        Err(50),
        Ok(ping[..2].to_vec()),
        Err(50),
        Ok(wire(&frames[1..])),
    ];
    let len = Some(TEXT.len() as u64);
    assert_eq!(
        read(Side::Server, TAKEOVER, &parts),
        (vec![], vec![len, None, len])
    );
}

#[test]
fn a_final_block_does_not_end_the_message() {
    // RFC 7692 §7.2.3.4, twice in one message, and one that nothing follows.
    let hello = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    let with_rest = [&hello[..], &hello[..], &[0]].concat();
    let frames = [
        compressed(Opcode::TEXT, &with_rest),
        compressed(Opcode::TEXT, &hello),
        // It may refer to the messages before: their windows are kept by some.
        compressed(Opcode::TEXT, &[0x02, 0x13, 0x00, 0x00]),
        compressed(Opcode::TEXT, &with_rest),
    ];
    let (rules, messages) = read(Side::Server, TAKEOVER, &all(&frames));
    assert_eq!(rules, []);
    assert_eq!(messages[..2], [Some(10), Some(5)]);
    let frames = [frames[1].clone(), frames[0].clone(), frames[1].clone()];
    let told = read(Side::Server, ANEW, &all(&frames));
    assert_eq!(told, (vec![], vec![Some(5), Some(10), Some(5)]));
}

#[test]
fn a_bomb_is_left_alone() {
    let bomb = vec![0; 3 << 20];
    for compression in [TAKEOVER, ANEW] {
        let mut sender = Sender::new(compression);
        let mut frames = vec![sender.message(Opcode::TEXT, b"before")];
        frames.extend([(); 4].map(|()| sender.message(Opcode::TEXT, &bomb)));
        let (rules, messages) = read(Side::Server, compression, &all(&frames));
        assert_eq!(rules, []);
        let made = messages[1].expect("a part of it");
        let limit =
            limits::INFLATED_FREE + wire(&frames[..2]).len() as u64 * limits::INFLATED_PER_BYTE;
        assert!((1 << 20..limit + SCRATCH as u64).contains(&made), "{made}");
        let all: u64 = messages.iter().flatten().sum();
        assert!(all < made * 4, "{all}");
    }
}

#[test]
fn room_is_given_back() {
    let windows = Windows::new(20, 0);
    let frame = Sender::new(TAKEOVER).message(Opcode::TEXT, TEXT.as_bytes());
    let close = Frame::whole(Opcode::CLOSE, b"");
    let open = |compression| Fed::new(Side::Server, compression, &windows);
    let taken = || windows.taken().0;
    let (mut one, mut other) = (open(TAKEOVER), open(ANEW));
    assert_eq!(taken(), 0, "nothing is compressed yet");
    one.feed(&all(std::slice::from_ref(&frame)));
    other.feed(&all(std::slice::from_ref(&frame)));
    assert_eq!(taken(), 1, "nothing refers to it");
    one.feed(&all(&[close]));
    assert_eq!(taken(), 0, "nothing follows a Close");
    drop((one, other));

    let mut readers = Vec::new();
    for _ in 0..20 {
        let mut fed = open(TAKEOVER);
        fed.feed(&all(std::slice::from_ref(&frame)));
        readers.push(fed);
    }
    assert_eq!(windows.refused(), 0);
    let bad = compressed(Opcode::TEXT, &[0xff; 40]);
    let mut late = open(TAKEOVER);
    late.feed(&all(&[frame.clone(), bad]));
    let nothing = late.reader.inflated();
    assert_eq!(nothing, Some(Inflated::default()), "no room, no judgement");
    assert_eq!(windows.refused(), 1);
    readers.truncate(10);
    assert_eq!(taken(), 10);
    for fed in &mut readers {
        fed.reader.settle(true);
    }
    assert_eq!(taken(), 0, "nothing more is expected");
}

#[test]
fn what_is_kept_has_its_limits() {
    let kept = |room: usize, messages: usize| {
        let windows = Windows::new(20, room);
        let mut fed = Fed::new(Side::Server, TAKEOVER, &windows);
        let mut sender = Sender::new(TAKEOVER);
        let noise = noise(messages * 1000, 7);
        for message in noise.chunks(1000) {
            fed.feed(&all(&[sender.message(Opcode::BINARY, message)]));
        }
        let taken = windows.taken();
        fed.reader.settle(messages.is_multiple_of(2));
        assert_eq!(windows.taken(), (0, 0), "settled");
        taken
    };
    assert_eq!(kept(1 << 20, 0), (0, 0));
    let (windows, bytes) = kept(1 << 20, 10);
    assert!(windows == 0 && (10_000..20_000).contains(&bytes), "{bytes}");
    assert_eq!(
        kept(1 << 20, 140),
        (1, 0),
        "more than one direction may keep"
    );
    assert_eq!(kept(10_000, 12), (1, 0), "more than all may keep together");
}

#[test]
fn what_nobody_wants_to_know_is_not_inflated() {
    let windows = Windows::new(20, 1 << 20);
    let mut fed = Fed::new(Side::Server, TAKEOVER, &windows);
    let bad = compressed(Opcode::TEXT, &[0xff; 40]);
    fed.feed(&all(&[bad]));
    fed.reader.settle(false);
    assert_eq!((fed.reader.inflated(), windows.taken()), (None, (0, 0)));
}

/// Messages as they may be sent, compressed or not, some of them broken, in fragments or not.
fn messages(compression: Compression) -> impl Strategy<Value = Vec<Frame>> {
    let text = prop_oneof![
        "[a-zäöü ]{0,200}".prop_map(String::into_bytes),
        (1..40usize).prop_map(|count| TEXT.repeat(count).into_bytes()),
        (0..4000usize, any::<u64>()).prop_map(|(len, seed)| noise(len, seed)),
        Just(b"not \xff text".to_vec()),
    ];
    let kind = prop_oneof![6 => Just(0), 2 => Just(1), 1 => Just(2), 1 => Just(3)];
    let one = (text, kind, any::<[u8; 4]>(), any::<bool>());
    proptest::collection::vec(one, 1..8).prop_map(move |all| {
        let mut sender = Sender::new(compression);
        let mut frames = Vec::new();
        for (text, kind, mask, is_cut) in all {
            let frame = match kind {
                0 => sender.message(Opcode::TEXT, &text),
                1 => sender.message(Opcode::BINARY, &text),
                2 => Frame::whole(Opcode::BINARY, &text),
                _ => compressed(Opcode::TEXT, &[0xff; 30]),
            };
            if is_cut && frame.payload.len() < 50 {
                let pieces = in_fragments(&frame).into_iter();
                frames.extend(pieces.map(|piece| piece.masked(mask)));
            } else {
                frames.push(frame.masked(mask));
            }
        }
        frames
    })
}

proptest! {
    /// What is found does not depend on how much is kept: not the rule, nor the packet.
    #[test]
    fn kept_and_inflated_at_once_are_the_same(
        (compression, frames) in prop_oneof![Just(TAKEOVER), Just(ANEW)]
            .prop_flat_map(|compression| (Just(compression), messages(compression))),
        cuts in proptest::collection::vec((1..600usize, 0..40u8), 1..40),
    ) {
        let mut rest = &wire(&frames)[..];
        let mut pieces = Vec::new();
        for (len, kind) in cuts.into_iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, behind) = rest.split_at(len.min(rest.len()));
            rest = behind;
            pieces.push(if kind == 0 { Err(piece.len() as u64) } else { Ok(piece.to_vec()) });
        }
        let [at_once, others @ ..] = [0, 300, 4300, 4900, 9000, 13_500, 1 << 20].map(|room| {
            let windows = Windows::new(1, room);
            let mut fed = Fed::new(Side::Client, compression, &windows);
            fed.feed(&pieces);
            let inflated = fed.reader.inflated();
            assert_eq!(windows.taken(), (0, 0));
            inflated
        });
        for other in others {
            prop_assert_eq!(&at_once, &other);
        }
    }
}
