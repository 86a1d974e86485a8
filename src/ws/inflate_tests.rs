//! Tests of compressed messages, through the reader of frames.
#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

use flate2::{Compress, Compression as Level, FlushCompress};

use super::super::compression::{Compression, Deflate};
use super::super::frame::Opcode;
use super::super::reader::{Item, Reader};
use super::super::rules::Rule;
use super::super::testing::{Frame, wire};
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
        made.truncate(made.len().saturating_sub(TAIL.len()));
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

fn read(side: Side, compression: Compression, chunks: &[Result<Vec<u8>, u64>]) -> Told {
    let mut reader = Reader::new(side, compression, &Windows::new(1));
    read_with(&mut reader, chunks)
}

/// `Err`: so many bytes are missing.
fn read_with(reader: &mut Reader, chunks: &[Result<Vec<u8>, u64>]) -> Told {
    let mut told = Told::default();
    let mut offset = 0;
    for (number, part) in (1..).zip(chunks) {
        let origin = origin(number);
        let (len, chunk) = match part {
            Ok(bytes) => (
                bytes.len() as u64,
                Chunk::Data {
                    offset,
                    bytes,
                    origin,
                },
            ),
            Err(len) => (
                *len,
                Chunk::Gap {
                    offset,
                    len: *len,
                    origin,
                },
            ),
        };
        reader.handle_chunk(chunk, &mut |item| match item {
            Item::Violation { rule, .. } => told.0.push(rule),
            Item::Message { inflated, .. } => told.1.push(inflated),
            _ => {}
        });
        offset += len;
    }
    told
}

fn all(frames: &[Frame]) -> Vec<Result<Vec<u8>, u64>> {
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
        let (rules, messages) = read(Side::Server, compression, &parts);
        assert_eq!((rules, messages.len()), (vec![], 9));
        // Of what a search kept it may have left payload out.
        let is_known = messages[1..].iter().all(Option::is_none);
        assert!(is_known || compression == ANEW);
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
    let windows = Windows::new(20);
    let frame = Sender::new(TAKEOVER).message(Opcode::TEXT, TEXT.as_bytes());
    let close = Frame::whole(Opcode::CLOSE, b"");
    let open = |compression| Reader::new(Side::Server, compression, &windows);
    let taken = || windows.0.taken.load(Ordering::Relaxed);
    let (mut one, mut other) = (open(TAKEOVER), open(ANEW));
    assert_eq!(taken(), 0, "nothing is compressed yet");
    read_with(&mut one, &all(std::slice::from_ref(&frame)));
    read_with(&mut other, &all(std::slice::from_ref(&frame)));
    assert_eq!(taken(), 1, "nothing refers to it");
    read_with(&mut one, &all(&[close]));
    assert_eq!(taken(), 0, "nothing follows a Close");
    drop((one, other));

    let mut readers = Vec::new();
    for _ in 0..20 {
        let mut reader = open(TAKEOVER);
        read_with(&mut reader, &all(std::slice::from_ref(&frame)));
        readers.push(reader);
    }
    assert_eq!(windows.refused(), 0);
    let bad = compressed(Opcode::TEXT, &[0xff; 40]);
    let told = read_with(&mut open(TAKEOVER), &all(&[frame.clone(), bad]));
    assert_eq!(told, (vec![], vec![None, None]), "no room, no judgement");
    assert_eq!(windows.refused(), 1);
    readers.truncate(10);
    assert_eq!(taken(), 10);
}
