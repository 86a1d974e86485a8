//! Verdicts over small scenes: each rule with a scene that it decides, and the neighbour that
//! it does not.

mod closers;
mod codes;
mod openings;
mod unconnected;
mod views;

use super::*;
use crate::capture::PacketId;
use crate::session::facts::{Hole, Mark, Violation};
use crate::time::Timestamp;
use crate::ws::{CloseFrame, Rule};

use Side::{Client, Server};

/// How much of the other stream the sender of something had received.
#[derive(Clone, Copy, Debug)]
enum Heard {
    /// All that was sent before it.
    All,
    /// Nothing since the opening.
    Nothing,
}

/// What was on the wire, step by step.
struct Scene {
    facts: Facts,
    /// Where each stream ends so far.
    ends: [u64; 2],
    packet: u64,
    nanos: i64,
}

/// Length of the opening's heads in each stream.
const HEADS: u64 = 200;

const fn index(side: Side) -> usize {
    match side {
        Client => 0,
        Server => 1,
    }
}

impl Scene {
    /// A request, not answered yet.
    fn asked() -> Self {
        let mut scene = Self {
            facts: Facts::default(),
            ends: [HEADS, 0],
            packet: 3,
            nanos: 3,
        };
        let facts = &mut scene.facts;
        facts.upgrade_asked = true;
        facts.request = Some((PacketId::new(0, 3), Timestamp::from_nanos(3)));
        facts.sides.client.captured = true;
        facts.sides.server.captured = true;
        scene
    }

    /// An open session in which both sides have sent frames.
    fn open() -> Self {
        let mut scene = Self::asked();
        scene.answer(Answer::Switched(None));
        scene.say(Client, 50);
        scene.say(Server, 50);
        scene
    }

    fn answer(&mut self, answer: Answer) -> &mut Self {
        let (packet, time) = self.step();
        self.facts.answer = answer;
        self.facts.answered = Some((packet, time));
        self.ends = [HEADS, HEADS];
        self
    }

    fn step(&mut self) -> (PacketId, Timestamp) {
        self.packet += 1;
        self.nanos += 1;
        (
            PacketId::new(0, self.packet),
            Timestamp::from_nanos(self.nanos),
        )
    }

    /// Nothing happens for so long.
    fn wait(&mut self, seconds: i64) -> &mut Self {
        self.nanos += seconds * 1_000_000_000;
        self
    }

    /// The next `len` bytes of a side.
    fn mark(&mut self, from: Side, len: u64, heard: Heard) -> Mark {
        let (packet, time) = self.step();
        let start = self.ends[index(from)];
        self.ends[index(from)] += len;
        let peer = self.ends[index(from.other())];
        let heard = match heard {
            Heard::All => peer,
            Heard::Nothing => peer.min(HEADS),
        };
        let acked = &mut self.facts.sides[from.other()].acked;
        *acked = heard.max(*acked);
        Mark {
            start,
            end: start + len,
            heard: Some(heard),
            packet,
            time,
        }
    }

    /// A frame of data.
    fn say(&mut self, from: Side, len: u64) -> &mut Self {
        let mark = self.mark(from, len, Heard::All);
        let facts = &mut self.facts.sides[from];
        facts.sent_frame = true;
        facts.last_data = Some((mark.packet, mark.time));
        facts.last_frame = facts.last_data;
        self
    }

    fn close_hearing(&mut self, from: Side, payload: &[u8], heard: Heard) -> &mut Self {
        // RFC 6455 §5.2: a client's frames carry four bytes of masking key.
        let header = match from {
            Client => 6,
            Server => 2,
        };
        let mark = self.mark(from, header + payload.len() as u64, heard);
        let frame = CloseFrame::new(payload, false, None);
        let facts = &mut self.facts.sides[from];
        if let Some(rule) = frame.fault {
            facts.violation = facts.violation.or(Some(Violation {
                rule,
                offset: mark.start,
                packet: mark.packet,
                time: mark.time,
            }));
        }
        facts.sent_frame = true;
        facts.closes.push(SeenClose { frame, mark });
        self
    }

    fn close(&mut self, from: Side, payload: &[u8]) -> &mut Self {
        self.close_hearing(from, payload, Heard::All)
    }

    fn fin_hearing(&mut self, from: Side, heard: Heard) -> &mut Self {
        let mark = self.mark(from, 1, heard);
        self.facts.sides[from].fin.get_or_insert(mark);
        self
    }

    fn fin(&mut self, from: Side) -> &mut Self {
        self.fin_hearing(from, Heard::All)
    }

    fn rst_hearing(&mut self, from: Side, heard: Heard) -> &mut Self {
        let mut mark = self.mark(from, 0, heard);
        mark.end = u64::MAX;
        self.facts.sides[from].rst.get_or_insert(mark);
        self
    }

    fn rst(&mut self, from: Side) -> &mut Self {
        self.rst_hearing(from, Heard::All)
    }

    /// A RST in a side's name that somebody else sent.
    fn forged(&mut self, from: Side) -> &mut Self {
        self.facts.sides[from].rst_forged = true;
        self.rst_hearing(from, Heard::Nothing)
    }

    /// Its frames break a rule here.
    fn breaks(&mut self, from: Side, rule: Rule) -> &mut Self {
        let mark = self.mark(from, 10, Heard::All);
        let facts = &mut self.facts.sides[from];
        facts.violation = facts.violation.or(Some(Violation {
            rule,
            offset: mark.start,
            packet: mark.packet,
            time: mark.time,
        }));
        self
    }

    /// The capture lost the next bytes of a side, frame headers among them.
    fn hole(&mut self, from: Side, len: u64) -> &mut Self {
        let mark = self.mark(from, len, Heard::All);
        self.facts.sides[from].holes.push(Hole {
            record_end: None,
            offset: mark.start,
            len,
            found: false,
            may_count_fin: false,
            packet: mark.packet,
            time: mark.time,
        });
        self
    }

    /// Frames were found behind the last hole.
    fn found(&mut self, from: Side) -> &mut Self {
        if let Some(hole) = self.facts.sides[from].holes.last_mut() {
            hole.found = true;
        }
        self.say(from, 20)
    }

    /// Its last bytes were sent so often, and nobody answered.
    fn unanswered(&mut self, from: Side, times: u32) -> &mut Self {
        let mark = self.mark(from, 0, Heard::All);
        self.facts.sides[from].unanswered = Some((times, mark));
        self
    }

    /// The capture does not hold this direction.
    fn not_captured(&mut self, side: Side) -> &mut Self {
        self.facts.sides[side] = crate::session::facts::SideFacts::default();
        self
    }

    fn told(&self) -> Told {
        let Diagnosis {
            verdict,
            transport_end,
            clocks,
            ..
        } = diagnose(&self.facts, Detail::Whole);
        assert!(!verdict.summary.is_empty());
        let row = diagnose(&self.facts, Detail::Row);
        assert_eq!((row.transport_end, row.clocks), (transport_end, clocks));
        assert_eq!(row.verdict, shown_by_a_row(&verdict));
        let explained = causes::lookup(verdict.cause).is_some();
        assert!(explained, "{} is not explained", verdict.cause);
        Told {
            verdict,
            end: transport_end,
        }
    }
}

/// A verdict without what no row shows.
fn shown_by_a_row(verdict: &Verdict) -> Verdict {
    Verdict {
        clean: None,
        other_causes: Vec::new(),
        summary: String::new(),
        advice: Cow::Borrowed(""),
        client_view: View::default(),
        server_view: View::default(),
        evidence: Vec::new(),
        ..verdict.clone()
    }
}

/// A verdict, for comparison.
struct Told {
    verdict: Verdict,
    end: Option<TransportEnd>,
}

impl Told {
    /// Code and cleanness that each end reports.
    fn views(&self) -> [(Option<u16>, Option<bool>); 2] {
        let of = |view: &View| (view.code, view.clean);
        [of(&self.verdict.client_view), of(&self.verdict.server_view)]
    }
}

const CLEAN: Option<bool> = Some(true);
const UNCLEAN: Option<bool> = Some(false);
const UNKNOWN: (Option<u16>, Option<bool>) = (None, None);
const ABNORMAL: (Option<u16>, Option<bool>) = (Some(1006), UNCLEAN);
const NORMAL: (Option<u16>, Option<bool>) = (Some(1000), CLEAN);

const OK: &[u8] = b"\x03\xe8";
