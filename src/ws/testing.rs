//! Frames for the tests of what reads them.

use proptest::prelude::*;

use super::frame::{Opcode, parse_header, unmask};
use super::{Body, Item, Rule};
use crate::flow::Side;

/// A frame to be written. Legal or not is up to the fields.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) first: u8,
    pub(crate) mask: Option<[u8; 4]>,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// A whole message or control frame.
    pub(crate) fn whole(opcode: Opcode, payload: &[u8]) -> Self {
        Self {
            first: 0x80 | opcode.0,
            mask: None,
            payload: payload.to_vec(),
        }
    }

    /// The same with FIN bit unset.
    pub(crate) fn begun(opcode: Opcode, payload: &[u8]) -> Self {
        Self {
            first: opcode.0,
            ..Self::whole(opcode, payload)
        }
    }

    /// The same, masked as a client's frames are.
    pub(crate) fn masked(mut self, mask: [u8; 4]) -> Self {
        self.mask = Some(mask);
        self
    }

    pub(crate) fn opcode(&self) -> Opcode {
        Opcode(self.first & 0xf)
    }

    pub(crate) fn fin(&self) -> bool {
        self.first & 0x80 != 0
    }

    /// As on the wire (RFC 6455 §5.2).
    pub(crate) fn write(&self, to: &mut Vec<u8>) {
        let mask_bit = if self.mask.is_some() { 0x80 } else { 0 };
        to.push(self.first);
        let len = self.payload.len();
        match (u8::try_from(len), u16::try_from(len)) {
            (Ok(len @ ..126), _) => to.push(mask_bit | len),
            (_, Ok(len)) => {
                to.push(mask_bit | 126);
                to.extend(len.to_be_bytes());
            }
            _ => {
                to.push(mask_bit | 127);
                to.extend((len as u64).to_be_bytes());
            }
        }
        let mut payload = self.payload.clone();
        if let Some(mask) = self.mask {
            to.extend(mask);
            unmask(&mut payload, mask, 0);
        }
        to.extend(payload);
    }
}

/// Frames one after the other.
pub(crate) fn wire(frames: &[Frame]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for frame in frames {
        frame.write(&mut bytes);
    }
    bytes
}

/// What a reader found, without the packets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Frame(Opcode, u64),
    Message(Option<Opcode>, u64),
    Control(Opcode, Vec<u8>),
    Close(Body, u64, u64),
    Violation(Rule, u64),
    Lost(u64, u64),
    Found(u64),
}

impl Seen {
    /// The item, and the number of its packet.
    pub(crate) fn of(item: &Item<'_>) -> (Self, Option<u64>) {
        let (seen, origin) = match *item {
            Item::Frame { header, origin } => (Self::Frame(header.opcode, header.len), origin),
            Item::Message {
                opcode,
                len,
                origin,
                ..
            } => (Self::Message(opcode, len), origin),
            Item::Control {
                opcode,
                payload,
                origin,
            } => (Self::Control(opcode, payload.to_vec()), origin),
            Item::Close {
                ref frame,
                start,
                end,
                origin,
            } => (Self::Close(frame.body.clone(), start, end), origin),
            Item::Violation {
                rule,
                offset,
                origin,
                ..
            } => (Self::Violation(rule, offset), origin),
            Item::Lost {
                offset,
                len,
                origin,
            } => (Self::Lost(offset, len), origin),
            Item::Found { offset } => return (Self::Found(offset), None),
        };
        (seen, Some(origin.packet.number()))
    }
}

/// What a reader has to find in legal frames: each with the offset of the byte that shows it.
pub(crate) fn expected(frames: &[Frame]) -> Vec<(Seen, u64)> {
    let mut seen = Vec::new();
    let mut offset = 0;
    let mut message = None;
    for frame in frames {
        let bytes = wire(std::slice::from_ref(frame));
        let (start, end) = (offset, offset + bytes.len() as u64);
        offset = end;
        let (opcode, len) = (frame.opcode(), frame.payload.len() as u64);
        let header_len = parse_header(&bytes).map_or(0, |(_, header)| header.header_len);
        seen.push((Seen::Frame(opcode, len), start + u64::from(header_len) - 1));
        let last = end - 1;
        match opcode {
            Opcode::CLOSE => {
                let body = match &frame.payload[..] {
                    [] => Body::Empty,
                    [_] => Body::OneByte,
                    [high, low, reason @ ..] => {
                        Body::Code(u16::from_be_bytes([*high, *low]), reason.to_vec())
                    }
                };
                seen.push((Seen::Close(body, start, end), last));
            }
            Opcode::PING | Opcode::PONG => {
                seen.push((Seen::Control(opcode, frame.payload.clone()), last));
            }
            _ => {
                let (first, before) = message.take().unwrap_or((opcode, 0));
                if frame.fin() {
                    seen.push((Seen::Message(Some(first), before + len), last));
                } else {
                    message = Some((first, before + len));
                }
            }
        }
    }
    seen
}

/// A mask for each frame of a client, none for a server's.
fn mask(side: Side) -> BoxedStrategy<Option<[u8; 4]>> {
    match side {
        Side::Client => any::<[u8; 4]>().prop_map(Some).boxed(),
        Side::Server => Just(None).boxed(),
    }
}

fn control(side: Side) -> impl Strategy<Value = Frame> {
    let opcode = prop_oneof![Just(Opcode::PING), Just(Opcode::PONG)];
    (
        opcode,
        proptest::collection::vec(any::<u8>(), 0..=125),
        mask(side),
    )
        .prop_map(|(opcode, payload, mask)| Frame {
            mask,
            ..Frame::whole(opcode, &payload)
        })
}

/// One message in one or more frames, with control frames between them.
fn message(side: Side) -> impl Strategy<Value = Vec<Frame>> {
    let size = prop_oneof![8 => 0usize..300, 1 => 120usize..130, 1 => 65_530usize..65_540];
    let binary = (size, any::<u64>()).prop_map(|(len, seed)| noise(len, seed));
    let payload = prop_oneof![
        binary.prop_map(|payload| (Opcode::BINARY, payload)),
        "\\PC{0,80}".prop_map(|text| (Opcode::TEXT, text.into_bytes())),
    ];
    let between = prop_oneof![2 => Just(None), 1 => control(side).prop_map(Some)];
    (
        payload,
        proptest::collection::vec((0.0f64..=1.0, between), 0..4),
        proptest::collection::vec(mask(side), 5),
    )
        .prop_map(|((opcode, payload), cuts, masks)| {
            let mut frames = Vec::new();
            let mut rest = &payload[..];
            let mut opcode = opcode;
            let mut masks = masks.into_iter().cycle();
            for (share, control) in cuts {
                let cut = share_of(rest.len(), share);
                frames.push(Frame {
                    mask: masks.next().flatten(),
                    ..Frame::begun(opcode, &rest[..cut])
                });
                frames.extend(control);
                rest = &rest[cut..];
                opcode = Opcode::CONTINUATION;
            }
            frames.push(Frame {
                mask: masks.next().flatten(),
                ..Frame::whole(opcode, rest)
            });
            frames
        })
}

/// So many bytes without a pattern (xorshift64).
pub(crate) fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()[3]
    };
    (0..len).map(|_| next()).collect()
}

/// A part of a length.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a part of a small length is a small length"
)]
fn share_of(len: usize, share: f64) -> usize {
    ((len as f64 * share) as usize).min(len)
}

fn close(side: Side) -> impl Strategy<Value = Frame> {
    let code = prop_oneof![1000u16..=1003, 1007u16..=1014, 3000u16..=4999,];
    let body = prop_oneof![
        Just(Vec::new()),
        (code, "[a-zé€]{0,40}")
            .prop_map(|(code, reason)| [&code.to_be_bytes(), reason.as_bytes()].concat()),
    ];
    (body, mask(side)).prop_map(|(body, mask)| Frame {
        mask,
        ..Frame::whole(Opcode::CLOSE, &body)
    })
}

/// Everything that a side may send over a session, or the beginning of it.
pub(crate) fn legal(side: Side) -> impl Strategy<Value = Vec<Frame>> {
    let step = prop_oneof![
        3 => message(side).boxed(),
        1 => control(side).prop_map(|frame| vec![frame]).boxed(),
    ];
    (
        proptest::collection::vec(step, 0..12),
        proptest::option::of(close(side)),
    )
        .prop_map(|(steps, close)| steps.into_iter().flatten().chain(close).collect())
}

/// A side, and what it sends.
pub(crate) fn sent() -> impl Strategy<Value = (Side, Vec<Frame>)> {
    prop_oneof![Just(Side::Client), Just(Side::Server)]
        .prop_flat_map(|side| (Just(side), legal(side)))
}
