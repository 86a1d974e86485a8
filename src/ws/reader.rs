//! Walks the frames of one direction.

use super::close_frame::CloseFrame;
use super::compressed::{Compressed, Inflated, Place, Step};
use super::compression::Compression;
use super::frame::{Header, MAX_HEADER_LEN, Opcode, parse_header, unmask};
use super::item::{Item, Out, Tail};
use super::payload::{Message, Payload};
use super::resync::{Resync, known_extent, snapped_header};
use super::rules::{Rule, Terms, header_fault};
use super::text::TextCheck;
use super::windows::Windows;
use crate::flow::Side;
use crate::limits;
use crate::tcp::{Chunk, Origin};

/// RFC 6455 §5.5: the longest payload of a control frame.
const MAX_LEGAL_CONTROL: usize = 125;

#[derive(Debug)]
enum State {
    /// The bytes of a header that came so far.
    Header {
        partial: [u8; MAX_HEADER_LEN],
        len: u8,
    },
    /// In a frame of which more is to come.
    Payload(Payload),
    /// Bytes are missing: looks for the next frame.
    Seeking(Box<Resync>),
    /// The sender's own bytes make no frames.
    Broken,
}

/// Reads the frames of one direction, whatever way its bytes are cut.
#[derive(Debug)]
pub struct Reader {
    terms: Terms,
    /// Where it is not between two frames, as nearly all directions of many are.
    state: Option<Box<State>>,
    message: Option<Message>,
    /// Where permessage-deflate was agreed on.
    compressed: Option<Box<Compressed>>,
    /// A message may be under way whose beginning is not known.
    context_lost: bool,
    closed: bool,
    header_faults: u8,
    /// Where frames begin was found by a search.
    searched: bool,
    /// Replays of what a search kept, one inside of the other.
    depth: u8,
}

impl Reader {
    /// For the frames that `side` sends, compressed or not, with room to inflate them in.
    pub fn new(side: Side, compression: Compression, windows: &Windows) -> Self {
        let compressed = |takeover| Box::new(Compressed::new(takeover, windows.clone()));
        Self {
            terms: Terms {
                side,
                deflate: compression.may_be(),
            },
            state: None,
            message: None,
            compressed: match compression {
                Compression::Deflate(deflate) => Some(compressed(deflate.takeover(side))),
                Compression::None | Compression::Unknown => None,
            },
            context_lost: false,
            closed: false,
            header_faults: 0,
            searched: false,
            depth: 0,
        }
    }

    /// The stream begins at a frame, but maybe in the middle of a message.
    pub fn begin_unknown(&mut self) {
        self.context_lost = true;
        self.searched = true;
        self.lose_message();
    }

    /// Messages may be compressed, in a way that is known.
    pub fn is_compressed(&self) -> bool {
        self.compressed.is_some()
    }

    /// No more compressed messages are expected. What they come to is kept for
    /// [`Self::inflated`], or, where nobody is going to ask, not even looked for.
    pub fn settle(&mut self, is_wanted: bool) {
        if let Some(compressed) = &mut self.compressed {
            compressed.settle(is_wanted);
        }
    }

    /// What its compressed messages came to, to be told once. Many are inflated only now.
    pub fn inflated(&mut self) -> Option<Inflated> {
        self.compressed.as_mut()?.inflated()
    }

    /// It is not known where frames begin.
    pub fn is_seeking(&self) -> bool {
        matches!(self.state.as_deref(), Some(State::Seeking(_)))
    }

    /// Bytes kept while it is not known where frames begin.
    pub fn kept_bytes(&self) -> usize {
        match self.state.as_deref() {
            Some(State::Seeking(resync)) => resync.kept(),
            _ => 0,
        }
    }

    /// Gives them up.
    pub fn forget(&mut self) {
        if let Some(State::Seeking(resync)) = self.state.as_deref_mut() {
            resync.forget();
        }
    }

    /// Takes the next chunk of the stream.
    pub fn handle_chunk(&mut self, chunk: Chunk<'_>, out: &mut Out<'_>) {
        match chunk {
            Chunk::Data {
                offset,
                bytes,
                origin,
            } => self.handle_data(offset, bytes, origin, out),
            Chunk::Gap {
                offset,
                len,
                origin,
            } => self.handle_gap(offset, len, origin, out),
        }
    }

    /// No more bytes come: tells what a search that was under way can still prove, and where
    /// the stream stopped.
    pub fn finish(&mut self, out: &mut Out<'_>) -> Tail {
        if let Some(State::Seeking(resync)) = self.state.as_deref()
            && let Some((found, ..)) = resync.finish()
        {
            self.resume(found, out);
        }
        match self.state.as_deref() {
            None if self.message.is_some() => Tail::InMessage,
            None => Tail::Boundary,
            Some(State::Header { .. }) => Tail::InHeader,
            Some(State::Payload(payload)) => {
                Tail::InFrame(payload.header.opcode, payload.done, payload.header.len)
            }
            Some(State::Seeking(_)) => Tail::Unknown,
            Some(State::Broken) => Tail::Boundary,
        }
    }

    fn handle_data(
        &mut self,
        mut offset: u64,
        mut bytes: &[u8],
        origin: Origin,
        out: &mut Out<'_>,
    ) {
        while !bytes.is_empty() {
            let used = match self.state.as_deref_mut() {
                Some(State::Payload(payload)) => {
                    let used = payload.part_of(bytes);
                    let part = bytes.get(..used).unwrap_or_default();
                    let (message, compressed) =
                        (self.message.as_mut(), self.compressed.as_deref_mut());
                    payload.take(part, (offset, origin), message, compressed, out);
                    if payload.is_whole() {
                        self.end_under_way(offset + used as u64, origin, out);
                    }
                    used
                }
                Some(State::Broken) => return,
                Some(State::Seeking(resync)) => {
                    if let Some(found) = resync.push(Chunk::Data {
                        offset,
                        bytes,
                        origin,
                    }) {
                        self.resume(found, out);
                    }
                    return;
                }
                None => match parse_header(bytes) {
                    Ok((rest, header)) => {
                        let used = bytes.len() - rest.len();
                        used + self.handle_frame(header, offset, rest, origin, out)
                    }
                    Err(_) => {
                        // Fewer bytes than a header has: they fit.
                        let mut partial = [0; MAX_HEADER_LEN];
                        for (place, &byte) in partial.iter_mut().zip(bytes) {
                            *place = byte;
                        }
                        let len = u8::try_from(bytes.len()).unwrap_or(u8::MAX);
                        self.state = Some(Box::new(State::Header { partial, len }));
                        return;
                    }
                },
                Some(State::Header { partial, len }) => {
                    let before = *len;
                    let place = partial.get_mut(usize::from(before));
                    let Some((place, (&byte, rest))) = place.zip(bytes.split_first()) else {
                        return;
                    };
                    *place = byte;
                    *len += 1;
                    let so_far = partial.get(..usize::from(*len)).unwrap_or_default();
                    if let Ok((_, header)) = parse_header(so_far) {
                        let start = offset - u64::from(before);
                        1 + self.handle_frame(header, start, rest, origin, out)
                    } else {
                        1
                    }
                }
            };
            offset += used as u64;
            bytes = bytes.get(used..).unwrap_or_default();
        }
    }

    fn handle_gap(&mut self, mut offset: u64, len: u64, origin: Origin, out: &mut Out<'_>) {
        match self.state.as_deref_mut() {
            Some(State::Broken) => return,
            Some(State::Seeking(resync)) => {
                out(Item::Lost {
                    offset,
                    len,
                    origin,
                });
                if let Some(found) = resync.push(Chunk::Gap {
                    offset,
                    len,
                    origin,
                }) {
                    self.resume(found, out);
                }
                return;
            }
            Some(State::Header { .. } | State::Payload(_)) | None => {}
        }
        let end = offset.saturating_add(len);
        offset += self.skip_masking_key(offset, len, origin, out);
        let mut frame = self.take_frame();
        if let Some(State::Payload(payload)) = frame.as_deref_mut() {
            // The length of the frame is known, so what is missing of its payload does no harm
            // to what follows.
            let inside = (end - offset).min(payload.header.len - payload.done);
            payload.lost = true;
            payload.done += inside;
            offset += inside;
            let is_control = payload.header.opcode.is_control();
            if let Some(message) = &mut self.message {
                message.text = None;
                if message.compressed && !is_control {
                    self.lose_message();
                }
            }
            if payload.is_whole() {
                let mut control = std::mem::take(&mut payload.control);
                self.end_frame(payload, &mut control, offset, origin, out);
            } else {
                self.state = frame;
            }
        }
        let in_header = match self.state.as_deref() {
            None => Some(0),
            Some(State::Header { len, .. }) => Some(*len),
            Some(State::Payload(_) | State::Seeking(_) | State::Broken) => None,
        };
        if let Some(len) = in_header
            && offset < end
        {
            let from = offset - u64::from(len);
            self.seek();
            out(Item::Lost {
                offset: from,
                len: end - from,
                origin,
            });
        }
    }

    /// Bytes are missing in a header, behind its length: only the masking key is lost, and with
    /// it the payload's meaning. Returns how many of the missing bytes are the key's.
    fn skip_masking_key(
        &mut self,
        offset: u64,
        missing: u64,
        origin: Origin,
        out: &mut Out<'_>,
    ) -> u64 {
        let Some(State::Header { partial, len }) = self.state.as_deref() else {
            return 0;
        };
        let have = u64::from(*len);
        let bytes = partial.get(..usize::from(*len)).unwrap_or_default();
        // Frames that were found by a search through snapped segments go on like that.
        let header = if self.searched {
            snapped_header(bytes, missing)
        } else {
            known_extent(bytes)
        };
        let Some(header) = header else { return 0 };
        let rest = u64::from(header.header_len).saturating_sub(have);
        if rest > missing {
            return 0;
        }
        self.handle_frame(header, offset - have, &[], origin, out);
        rest
    }

    /// The frame under way, if there is one: where it does not end, it has to be put back.
    fn take_frame(&mut self) -> Option<Box<State>> {
        self.state
            .take_if(|state| matches!(**state, State::Payload(_)))
    }

    /// The frame under way is whole.
    fn end_under_way(&mut self, end: u64, origin: Origin, out: &mut Out<'_>) {
        if let Some(State::Payload(payload)) = self.take_frame().as_deref_mut() {
            let mut control = std::mem::take(&mut payload.control);
            self.end_frame(payload, &mut control, end, origin, out);
        }
    }

    pub(super) fn seek(&mut self) {
        let resync = Box::new(Resync::new(self.terms, true));
        self.state = Some(Box::new(State::Seeking(resync)));
        self.message = None;
        self.context_lost = true;
        self.lose_message();
    }

    /// What becomes of its compressed messages.
    fn note(&mut self, step: Step<'_>) {
        if let Some(compressed) = &mut self.compressed {
            compressed.take(step);
        }
    }

    /// Bytes of a compressed message are missing, or may be.
    fn lose_message(&mut self) {
        self.note(Step::Lose);
    }

    /// A boundary has proved itself: reads on from there.
    fn resume(&mut self, found: u64, out: &mut Out<'_>) {
        // What was found can be lost again inside of what is replayed; not for ever.
        if self.depth >= limits::MAX_RESYNC_DEPTH {
            return;
        }
        let Some(State::Seeking(resync)) = self.state.take().map(|state| *state) else {
            return;
        };
        out(Item::Found { offset: found });
        self.searched = true;
        self.depth += 1;
        resync.replay(found, |chunk| self.handle_chunk(chunk, out));
        self.depth -= 1;
    }

    /// Takes a frame from its payload on, as far as there is any of it in `bytes`; how many of
    /// these are its own.
    fn handle_frame(
        &mut self,
        header: Header,
        start: u64,
        bytes: &[u8],
        origin: Origin,
        out: &mut Out<'_>,
    ) -> usize {
        self.state = None;
        let Some(mut payload) = self.begin_frame(header, start, origin, out) else {
            return 0;
        };
        let used = payload.part_of(bytes);
        let part = bytes.get(..used).unwrap_or_default();
        let offset = start + u64::from(header.header_len);
        let end = offset + used as u64;
        if header.opcode.is_control() && part.len() as u64 == header.len {
            // Mostly one comes in one piece, and need not be kept.
            let mut control = [0; MAX_LEGAL_CONTROL];
            if let Some(control) = control.get_mut(..used) {
                control.copy_from_slice(part);
                self.end_frame(&payload, control, end, origin, out);
                return used;
            }
        }
        if !part.is_empty() {
            let (message, compressed) = (self.message.as_mut(), self.compressed.as_deref_mut());
            payload.take(part, (offset, origin), message, compressed, out);
        }
        if payload.is_whole() {
            let mut control = std::mem::take(&mut payload.control);
            self.end_frame(&payload, &mut control, end, origin, out);
        } else {
            self.state = Some(Box::new(State::Payload(payload)));
        }
        used
    }

    /// `None` where nothing that follows is read.
    fn begin_frame(
        &mut self,
        header: Header,
        start: u64,
        origin: Origin,
        out: &mut Out<'_>,
    ) -> Option<Payload> {
        let mut violation = |rule| {
            out(Item::Violation {
                rule,
                offset: start,
                origin,
                header,
            })
        };
        let fault = header_fault(&header, self.terms);
        if self.closed {
            // RFC 6455 §5.5.1: told once; what looks like no frame at all is not read.
            if self.header_faults == 0 {
                violation(Rule::DataAfterClose);
            }
            self.header_faults = self.header_faults.saturating_add(1);
            if fault.is_some() {
                self.state = Some(Box::new(State::Broken));
                return None;
            }
        } else if let Some(rule) = fault {
            violation(rule);
            let is_slip = u8::from(!rule.keeps_framing());
            self.header_faults = self.header_faults.saturating_add(is_slip);
            // One slip leaves the framing whole. After a second one, or a length that cannot
            // be, whatever looks like a frame (a Close, even) would be chance.
            if self.header_faults > 1 && !rule.keeps_framing() || rule == Rule::LengthMsb {
                self.state = Some(Box::new(State::Broken));
                return None;
            }
        }
        match header.opcode {
            Opcode::CONTINUATION if self.message.is_none() => {
                if self.context_lost {
                    self.message = Some(Message {
                        opcode: Opcode::CONTINUATION,
                        len: 0,
                        text: None,
                        compressed: false,
                    });
                } else if fault.is_none() {
                    violation(Rule::UnexpectedContinuation);
                }
            }
            Opcode::TEXT | Opcode::BINARY => {
                if self.message.is_some() && fault.is_none() {
                    violation(Rule::InterleavedMessage);
                }
                self.context_lost = false;
                let compressed = header.rsv & Header::RSV1 != 0;
                let is_text = header.opcode == Opcode::TEXT;
                self.note(if compressed {
                    Step::Begin { is_text }
                } else {
                    Step::Pass
                });
                self.message = Some(Message {
                    opcode: header.opcode,
                    len: 0,
                    text: (is_text && !compressed).then(TextCheck::default),
                    compressed,
                });
            }
            _ => {}
        }
        out(Item::Frame { header, origin });
        Some(Payload {
            header,
            fault,
            start,
            done: 0,
            lost: false,
            control: Vec::new(),
        })
    }

    /// The frame's last byte has passed; `end` is the offset behind it. `control`: what is there
    /// of a control frame's payload, as on the wire.
    fn end_frame(
        &mut self,
        payload: &Payload,
        control: &mut [u8],
        end: u64,
        origin: Origin,
        out: &mut Out<'_>,
    ) {
        let header = payload.header;
        if let Some(mask) = header.mask.filter(|_| !control.is_empty()) {
            unmask(control, mask, 0);
        }
        match header.opcode {
            Opcode::CLOSE => {
                let lost = payload.lost;
                let frame = CloseFrame::new(control, lost, payload.fault);
                if let Some(rule) = frame.fault
                    && payload.fault.is_none()
                {
                    out(Item::Violation {
                        rule,
                        offset: payload.start,
                        origin,
                        header,
                    });
                }
                self.closed = true;
                self.header_faults = 0;
                self.note(Step::Stop);
                out(Item::Close {
                    frame,
                    start: payload.start,
                    end,
                    origin,
                });
            }
            Opcode::PING | Opcode::PONG => {
                out(Item::Control {
                    opcode: header.opcode,
                    payload: control,
                    origin,
                });
            }
            Opcode::CONTINUATION | Opcode::TEXT | Opcode::BINARY => {
                let Some(message) = &mut self.message else {
                    return;
                };
                message.len = message.len.saturating_add(header.len);
                if header.fin {
                    let mut message = *message;
                    self.message = None;
                    if message.compressed {
                        self.note(Step::End(Place::new(end, header.opcode, origin)));
                    } else if message.check(TextCheck::finish) {
                        out(Item::Violation {
                            rule: Rule::TextNotUtf8,
                            offset: end,
                            origin,
                            header,
                        });
                    }
                    out(Item::Message {
                        opcode: Some(message.opcode)
                            .filter(|&opcode| opcode != Opcode::CONTINUATION),
                        len: message.len,
                        origin,
                    });
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
#[path = "reader_tests.rs"]
mod tests;
