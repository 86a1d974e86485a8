//! Bytes per second of the layers that every payload passes: putting a stream in order, and walking
//! its frames.

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use hangup::capture::PacketId;
use hangup::flow::Side;
use hangup::tcp::{Chunk, Origin, Stream};
use hangup::time::Timestamp;
use hangup::ws::{Compression, Item, Reader, Windows};

/// Payload of a segment in Ethernet, with timestamps.
const SEGMENT: usize = 1448;

/// Segments of one run.
const SEGMENTS: usize = 4096;

fn main() {
    divan::main();
}

fn origin(number: usize) -> Origin {
    let number = u64::try_from(number).unwrap_or(u64::MAX);
    Origin {
        packet: PacketId::new(0, number),
        time: Timestamp::from_nanos(i64::try_from(number).unwrap_or(i64::MAX)),
        ack: None,
        record_end: None,
    }
}

/// The order in which segments come.
#[derive(Clone, Copy, Debug)]
enum Order {
    /// As they were sent.
    Sent,
    /// Of every two, the second one first.
    Swapped,
    /// Of every sixteen, the first one last.
    Delayed,
}

impl Order {
    fn numbers(self) -> Vec<usize> {
        let mut numbers: Vec<usize> = (0..SEGMENTS).collect();
        match self {
            Self::Sent => {}
            Self::Swapped => numbers.chunks_mut(2).for_each(<[usize]>::reverse),
            Self::Delayed => numbers.chunks_mut(16).for_each(|run| run.rotate_left(1)),
        }
        numbers
    }
}

/// One direction of a connection.
#[divan::bench(args = [Order::Sent, Order::Swapped, Order::Delayed])]
fn assembler(bencher: Bencher<'_, '_>, order: Order) {
    let payload = [7; SEGMENT];
    let numbers = order.numbers();
    let run = || {
        let mut stream = Stream::default();
        stream.handle_syn(0);
        let mut passed = 0;
        for &number in &numbers {
            let seq = u32::try_from(1 + number * SEGMENT).unwrap_or(u32::MAX);
            let len = u32::try_from(SEGMENT).unwrap_or(u32::MAX);
            stream.handle_data(
                seq,
                black_box(&payload),
                len,
                origin(number),
                &mut |chunk| {
                    if let Chunk::Data { bytes, .. } = chunk {
                        passed += bytes.len();
                    }
                },
            );
        }
        passed
    };
    assert_eq!(run(), SEGMENTS * SEGMENT, "nothing is lost");
    bencher
        .counter(ItemsCount::new(SEGMENTS))
        .counter(BytesCount::new(SEGMENTS * SEGMENT))
        .bench_local(run);
}

/// What messages hold.
#[derive(Clone, Copy, Debug)]
enum Content {
    Binary,
    Ascii,
    /// A character of three bytes now and then.
    Mixed,
}

/// Messages of `len` bytes, one frame each, until there are enough for all segments.
fn frames(content: Content, is_masked: bool, len: usize) -> Vec<u8> {
    let text: Vec<u8> = match content {
        Content::Mixed => "{\"price\":\"17 €\",\"symbol\":\"abc\"},"
            .bytes()
            .cycle()
            .take(len)
            .collect(),
        Content::Binary | Content::Ascii => vec![b'a'; len],
    };
    // A character may not be cut at the end of a message.
    let text = String::from_utf8_lossy(&text);
    let text: Vec<u8> = text
        .chars()
        .filter(|&c| c != '\u{fffd}')
        .collect::<String>()
        .into_bytes();
    let opcode = if matches!(content, Content::Binary) {
        2
    } else {
        1
    };
    let key = [0x37, 0xfa, 0x21, 0x3d];
    let mut bytes = Vec::new();
    while bytes.len() < SEGMENTS * SEGMENT {
        bytes.push(0x80 | opcode);
        let mask_bit = if is_masked { 0x80 } else { 0 };
        match u16::try_from(text.len()) {
            Ok(short) if short < 126 => bytes.push(mask_bit | u8::try_from(short).unwrap_or(0)),
            Ok(long) => {
                bytes.push(mask_bit | 126);
                bytes.extend(long.to_be_bytes());
            }
            Err(_) => {
                bytes.push(mask_bit | 127);
                bytes.extend((text.len() as u64).to_be_bytes());
            }
        }
        if is_masked {
            bytes.extend(key);
            bytes.extend(
                text.iter()
                    .zip(key.iter().cycle())
                    .map(|(byte, key)| byte ^ key),
            );
        } else {
            bytes.extend(&text);
        }
    }
    bytes
}

/// The frames of one direction, cut into segments.
#[divan::bench(
    args = [Content::Binary, Content::Ascii, Content::Mixed],
    consts = [32, 1000, 65536]
)]
fn frame_walk<const LEN: usize>(bencher: Bencher<'_, '_>, content: Content) {
    walk(bencher, &frames(content, false, LEN), Side::Server);
}

/// The same, masked.
#[divan::bench(
    args = [Content::Binary, Content::Ascii, Content::Mixed],
    consts = [32, 1000, 65536]
)]
fn masked_frame_walk<const LEN: usize>(bencher: Bencher<'_, '_>, content: Content) {
    walk(bencher, &frames(content, true, LEN), Side::Client);
}

fn walk(bencher: Bencher<'_, '_>, bytes: &[u8], side: Side) {
    let windows = Windows::new(0, 0);
    let run = || {
        let mut reader = Reader::new(side, Compression::None, &windows);
        let (mut offset, mut messages) = (0, 0_usize);
        for (number, segment) in black_box(bytes).chunks(SEGMENT).enumerate() {
            let chunk = Chunk::Data {
                offset,
                bytes: segment,
                origin: origin(number),
            };
            offset += segment.len() as u64;
            reader.handle_chunk(chunk, &mut |item| match item {
                Item::Message { .. } => messages += 1,
                Item::Violation { rule, .. } => panic!("{rule:?}"),
                _ => {}
            });
        }
        messages
    };
    let messages = run();
    assert!(messages > 0, "there are messages");
    bencher
        .counter(ItemsCount::new(messages))
        .counter(BytesCount::new(bytes.len()))
        .bench_local(run);
}
