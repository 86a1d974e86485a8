//! One WebSocket, from its opening attempt on: the record that every output shows.

mod brief;
pub mod facts;
mod gist;
mod opening;
pub mod pack;
mod tracker;
pub(crate) mod unconnected;

pub use self::brief::Brief;
pub use self::gist::{FirstClose, Gist};
pub use self::opening::{Opening, Said};
pub use crate::flow::Side;
pub use tracker::Tracker;

use std::borrow::Cow;
use std::net::SocketAddr;

use crate::capture::PacketId;
use crate::time::Timestamp;
use crate::tls::Stage;

/// How much is wanted of each session: what no output shows need not be made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// What a row of a table shows, and what sessions are compared by; the rest is blank.
    Row,
    /// All but its story.
    #[default]
    Whole,
    /// All, with its story ([`Session::events`]).
    Story,
}

/// Who gave the first terminating signal, or whose behaviour led to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Party {
    /// The end that opened the session.
    Client,
    /// The far end of this connection.
    Server,
    /// Both at once: neither had seen the other's signal.
    Both,
    /// Something between the two, or nobody: silence.
    Network,
}

/// What carries the WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// HTTP/1.1 over TCP in clear text.
    Ws,
    /// HTTP/1.1 over TLS.
    Wss,
    /// TLS, and whatever is in it.
    Tls,
}

/// How far a session came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Request seen, no answer yet, when the capture ended.
    Connecting,
    /// Open when the capture ended: not abnormal.
    Open,
    /// A Close frame was sent; the transport had not ended when the capture did.
    Closing,
    /// Ended.
    Closed,
    /// Never opened.
    Failed,
}

/// How sure a verdict is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Confidence {
    /// Compatible with several causes.
    Low,
    /// Fits one known explanation once.
    Medium,
    /// One physical explanation fits.
    High,
    /// The wire states it.
    Certain,
}

/// Which directions of the connection the capture holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Captured {
    /// Both.
    Both,
    /// Only what the client sent.
    ClientOnly,
    /// Only what the server sent.
    ServerOnly,
}

/// What TLS carried a session. Texts are as sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// `TLS 1.3`.
    pub version: Option<String>,
    /// Its name in IANA's registry, or else its number.
    pub cipher_suite: Option<String>,
    /// The name of the server that the client asked for.
    pub sni: Option<String>,
    /// The protocol agreed on, where that can be read.
    pub alpn: Option<String>,
    /// The fatal alert that ended it, or its handshake.
    pub alert: Option<&'static str>,
    /// How far it came, where nothing of it was read.
    pub stage: Option<Stage>,
}

/// A Close frame that was on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Close {
    /// Who sent it.
    pub from: Side,
    /// Its code; `None` for an empty one, a one-byte one, or one whose code the capture lost.
    pub code: Option<u16>,
    /// Its reason; bytes that are not UTF-8 as U+FFFD. `None` where it had none.
    pub reason: Option<String>,
    /// Some of its bytes are missing from the capture.
    pub lost: bool,
    /// The packet with its last byte.
    pub packet: PacketId,
    /// When that was captured.
    pub time: Timestamp,
}

/// How the transport under a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EndKind {
    /// TCP FIN.
    Fin,
    /// TCP RST.
    Rst,
    /// The alert of TLS that says that no more will be sent.
    CloseNotify,
    /// A fatal alert of TLS.
    Alert,
    /// Retransmissions that nobody answers any more.
    Silence,
}

/// The first signal that ended the transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransportEnd {
    /// What it was.
    pub how: EndKind,
    /// Who sent it; for silence, who was still talking.
    pub from: Party,
    /// The packet.
    pub packet: PacketId,
    /// When.
    pub time: Timestamp,
}

/// What one end's API reports (RFC 6455 §7.1.5 to §7.1.7).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// The code; `None` where it cannot be known.
    pub code: Option<u16>,
    /// The reason that came with it.
    pub reason: Option<String>,
    /// Received a valid Close and has its own on the wire; `None` where it cannot be known.
    pub clean: Option<bool>,
    /// The code is the echo that exactly fits a hole, not one that was read.
    pub presumed: bool,
    /// What the library at this end is known to report otherwise.
    pub note: Option<&'static str>,
}

/// What one end sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Frames, control frames among them.
    pub frames: u64,
    /// Whole messages (text or binary).
    pub messages: u64,
    /// Payload bytes of data frames, as on the wire.
    pub bytes: u64,
    /// Ping frames.
    pub pings: u64,
    /// Pong frames.
    pub pongs: u64,
    /// Payload bytes of the largest message, as on the wire.
    pub largest_message: u64,
}

/// Something that the protocol forbids, or that a healthy TCP connection does not show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anomaly {
    /// Its name, as in `hangup explain`.
    pub rule: &'static str,
    /// Who did it.
    pub from: Side,
    /// Where.
    pub packet: PacketId,
    /// When.
    pub time: Timestamp,
    /// The particulars, in a few words.
    pub detail: String,
}

/// A packet that decides the verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The packet.
    pub packet: PacketId,
    /// When.
    pub time: Timestamp,
    /// Who sent it.
    pub from: Option<Side>,
    /// What it shows, in a few words.
    pub what: Cow<'static, str>,
}

/// Who ended a session, how, and what each end knows of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// How far it came.
    pub state: State,
    /// The code: first Close on the wire, 1005 if empty, 1006 without any, `None` if unknown.
    pub code: Option<u16>,
    /// The reason of that Close.
    pub reason: Option<String>,
    /// Both views are clean; `None` where that cannot be known.
    pub clean: Option<bool>,
    /// Who gave the first terminating signal.
    pub closer: Option<Party>,
    /// Whose behaviour led to it.
    pub culprit: Option<Party>,
    /// Name of the cause, as in `hangup explain`.
    pub cause: &'static str,
    /// How sure that is.
    pub confidence: Confidence,
    /// Other causes that fit, the likeliest first; none where it is certain.
    pub other_causes: Vec<&'static str>,
    /// One sentence: what happened.
    pub summary: String,
    /// One sentence: what to do. Empty where nothing is to be done.
    pub advice: Cow<'static, str>,
    /// What the client's API reports.
    pub client_view: View,
    /// What the server's API reports.
    pub server_view: View,
    /// The packets that decide it.
    pub evidence: Vec<Evidence>,
}

/// How long it had been quiet when a session ended without a Close, or with one: the clocks
/// that timers watch. Nanoseconds of capture time, up to the first terminating signal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clocks {
    /// Since the client's last byte; `None` where it sent none.
    pub client: Option<i64>,
    /// Since the server's last byte.
    pub server: Option<i64>,
    /// Since the last byte of either.
    pub either: Option<i64>,
    /// Since the 101.
    pub age: Option<i64>,
}

/// Something that several sessions share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was found: `idle-timeout`, `lifetime-limit`, `mass-cut`, or `abnormal-share`.
    pub name: &'static str,
    /// The cause that they share, as in `hangup explain`.
    pub cause: &'static str,
    /// How sure that is.
    pub confidence: Confidence,
    /// The server that they share, where they do.
    pub server: Option<SocketAddr>,
    /// Their numbers, in order.
    pub sessions: Vec<u64>,
    /// Sessions that could have been among them (those of the same server).
    pub of: u64,
    /// One sentence: what they share.
    pub summary: String,
    /// One sentence: what to do.
    pub advice: String,
}

/// One step in the story of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub time: Timestamp,
    /// Which packet.
    pub packet: PacketId,
    /// Who.
    pub from: Side,
    /// What: `opening`, `answer`, `message`, `ping`, `pong`, `close`, `fin`, `rst`, `gap`, ….
    pub kind: &'static str,
    /// The particulars, without message contents.
    pub detail: String,
}

/// One WebSocket, told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// 1, 2, … in the order of first packets.
    pub number: u64,
    /// What carried it.
    pub transport: Transport,
    /// The end that opened it (innermost address).
    pub client: SocketAddr,
    /// The end that was asked.
    pub server: SocketAddr,
    /// What the opening said.
    pub opening: Opening,
    /// The TLS around it.
    pub tls: Option<Tls>,
    /// Outermost VLAN of its packets.
    pub vlan: Option<u16>,
    /// Tunnels around it, outermost first, joined by `/`.
    pub tunnel: Option<String>,
    /// First packet of the session: SYN, or what was seen first.
    pub started: Timestamp,
    /// When the 101 was complete.
    pub opened: Option<Timestamp>,
    /// When it ended: the first signal after which nothing could follow.
    pub ended: Option<Timestamp>,
    /// Last byte of either side before the end.
    pub last_byte: Option<Timestamp>,
    /// How long it had been quiet when the first terminating signal came.
    pub clocks: Clocks,
    /// How often one side sent Pings, in nanoseconds, where it did so at a steady pace.
    pub ping_period: Option<i64>,
    /// Who ended it, and why.
    pub verdict: Verdict,
    /// Every Close frame on the wire, in order of time.
    pub closes: Vec<Close>,
    /// How the transport ended.
    pub transport_end: Option<TransportEnd>,
    /// What the client sent.
    pub client_sent: Sent,
    /// What the server sent.
    pub server_sent: Sent,
    /// What was not as it should be.
    pub anomalies: Vec<Anomaly>,
    /// Stream bytes that are missing from the capture.
    pub lost_bytes: u64,
    /// Which directions the capture holds.
    pub captured: Captured,
    /// First packet of the session.
    pub first_packet: PacketId,
    /// Last packet of the connection seen for the session.
    pub last_packet: PacketId,
    /// Numbers of the sessions that are other legs of this one.
    pub related: Vec<u64>,
    /// Its story; empty unless asked for.
    pub events: Vec<Event>,
}

impl Session {
    /// It ended as nobody would want: never opened, without a Close frame, or with a code that
    /// tells of an error or is none. What was still going on when the capture ended, and what the
    /// capture cannot tell, is not abnormal.
    pub fn is_abnormal(&self) -> bool {
        is_abnormal(self.verdict.state, self.verdict.code)
    }
}

/// See [`Session::is_abnormal`].
const fn is_abnormal(state: State, code: Option<u16>) -> bool {
    match (state, code) {
        (State::Failed, _) => true,
        (State::Closed, Some(code)) => match code {
            1000 | 1001 | 1005 | 1012 | 3000..=4999 => false,
            // Errors, 1006 and 1015, and whatever may not be sent at all.
            _ => true,
        },
        (State::Connecting | State::Open | State::Closing, _) | (State::Closed, None) => false,
    }
}

/// Totals of one run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Packets read.
    pub packets: u64,
    /// Captured bytes read.
    pub bytes: u64,
    /// TCP connections seen.
    pub connections: u64,
    /// Sessions told.
    pub sessions: u64,
    /// Sessions that ended abnormally or never opened.
    pub abnormal: u64,
    /// Packets whose tail the capture did not keep (snap length).
    pub snapped: u64,
    /// Packets that could not be decoded, by reason.
    pub undecodable: std::collections::BTreeMap<String, u64>,
    /// Holes in streams, and the bytes missing in them.
    pub gaps: u64,
    /// Bytes missing in those holes.
    pub lost_bytes: u64,
    /// Packets that the capturing program says it dropped.
    pub dropped: u64,
    /// Connections told and dropped because too many were open at a time.
    pub evicted: u64,
    /// Attempts to connect of which nobody looked whether they were for a WebSocket.
    pub attempts_forgotten: u64,
    /// Connections that stopped waiting for missing bytes, because all together held too many.
    pub impatient: u64,
    /// Compressed messages, or whole directions of them, that were not inflated, because too many
    /// were at a time.
    pub not_inflated: u64,
    /// TLS handshakes that failed.
    pub tls_failed: u64,
    /// Sessions told that may be anything: TLS that could not be read.
    pub tls_opaque: u64,
    /// TLS connections whose secrets were not in any key log.
    pub tls_without_keys: u64,
    /// TLS connections that could not be read for other reasons, by reason.
    pub tls_unread: std::collections::BTreeMap<String, u64>,
    /// First and last packet's time.
    pub span: Option<(Timestamp, Timestamp)>,
}
