//! The records: the one place where the names of fields live, which are a contract.
//!
//! Fields are added, never renamed. What is not known is `null`.

use std::collections::BTreeMap;
use std::fmt::{Display, Formatter};
use std::net::SocketAddr;

use serde::{Serialize, Serializer};

use super::address;
use super::rows::{CloseRow, Row};
use super::words::{captured, confidence, end_kind, party, side, state, transport};
use super::{Captures, when};
use crate::flow::community_id;
use crate::session::{Event, Finding, Sent, Session, Summary, View};
use crate::time::Timestamp;
use crate::ws::close;

/// RFC 3339, UTC, nine digits.
#[derive(Clone, Copy, Debug, Default)]
pub struct Time(pub Timestamp);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(when::rfc3339(self.0).as_str())
    }
}

/// Address and port, as `10.0.0.5:51234` or `[2001:db8::1]:443`.
#[derive(Clone, Copy, Debug)]
pub struct Address(pub SocketAddr);

impl Default for Address {
    fn default() -> Self {
        Self(SocketAddr::from(([0, 0, 0, 0], 0)))
    }
}

impl Display for Address {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        Display::fmt(&self.0, f)
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(address::text(self.0).as_str())
    }
}

/// One WebSocket.
#[derive(Debug, Default, Serialize)]
#[expect(
    missing_docs,
    reason = "the names are the contract; `Session` says what they mean"
)]
pub struct SessionRecord<'a> {
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub session: u64,
    pub transport: &'static str,
    pub client: Address,
    pub server: Address,
    pub host: Option<&'a str>,
    pub path: Option<&'a str>,
    pub origin: Option<&'a str>,
    pub user_agent: Option<&'a str>,
    pub subprotocol: Option<&'a str>,
    pub extensions: Option<&'a str>,
    pub http_status: Option<u16>,
    pub stream_id: Option<u32>,
    pub tls_version: Option<&'a str>,
    pub cipher_suite: Option<&'a str>,
    pub sni: Option<&'a str>,
    pub alpn: Option<&'a str>,
    pub tls_alert: Option<&'a str>,
    pub vlan: Option<u16>,
    pub tunnel: Option<&'a str>,
    pub community_id: String,
    pub state: &'static str,
    pub started: Time,
    pub opened: Option<Time>,
    pub ended: Option<Time>,
    pub duration_s: Option<f64>,
    pub idle_s: Option<f64>,
    pub code: Option<u16>,
    pub code_name: Option<&'static str>,
    pub reason: Option<&'a str>,
    pub clean: Option<bool>,
    pub closer: Option<&'static str>,
    pub culprit: Option<&'static str>,
    pub cause: &'static str,
    pub confidence: &'static str,
    pub other_causes: &'a [&'static str],
    pub summary: &'a str,
    pub advice: &'a str,
    pub client_view: ViewRecord<'a>,
    pub server_view: ViewRecord<'a>,
    pub closes: Vec<CloseFrame<'a>>,
    pub transport_end: Option<TransportEndRecord>,
    pub client_sent: SentRecord,
    pub server_sent: SentRecord,
    pub anomalies: Vec<AnomalyRecord<'a>>,
    pub evidence: Vec<EvidenceRecord<'a>>,
    pub lost_bytes: u64,
    pub captured: &'static str,
    pub first_packet: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_file: Option<String>,
    pub last_packet: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_file: Option<String>,
    pub related: &'a [u64],
}

/// What one end's API reports.
#[derive(Debug, Default, Serialize)]
#[expect(
    missing_docs,
    reason = "the names are the contract; `View` says what they mean"
)]
pub struct ViewRecord<'a> {
    pub code: Option<u16>,
    pub reason: Option<&'a str>,
    pub clean: Option<bool>,
    pub presumed: bool,
}

/// A Close frame within a session.
#[derive(Debug, Default, Serialize)]
#[expect(
    missing_docs,
    reason = "the names are the contract; `Close` says what they mean"
)]
pub struct CloseFrame<'a> {
    pub from: &'static str,
    pub code: Option<u16>,
    pub reason: Option<&'a str>,
    pub packet: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    pub time: Time,
}

/// How the transport ended.
#[derive(Debug, Default, Serialize)]
#[expect(
    missing_docs,
    reason = "the names are the contract; `TransportEnd` says what they mean"
)]
pub struct TransportEndRecord {
    pub how: &'static str,
    pub from: &'static str,
    pub packet: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    pub time: Time,
}

/// What one end sent.
#[derive(Debug, Default, Serialize)]
#[expect(
    missing_docs,
    reason = "the names are the contract; `Sent` says what they mean"
)]
pub struct SentRecord {
    pub frames: u64,
    pub messages: u64,
    pub bytes: u64,
    pub pings: u64,
    pub pongs: u64,
    pub largest_message: u64,
}

/// What was not as it should be.
#[derive(Debug, Default, Serialize)]
#[expect(
    missing_docs,
    reason = "the names are the contract; `Anomaly` says what they mean"
)]
pub struct AnomalyRecord<'a> {
    pub rule: &'static str,
    pub from: &'static str,
    pub packet: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    pub time: Time,
    pub detail: &'a str,
}

/// A packet that decides.
#[derive(Debug, Default, Serialize)]
#[expect(
    missing_docs,
    reason = "the names are the contract; `Evidence` says what they mean"
)]
pub struct EvidenceRecord<'a> {
    pub packet: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    pub time: Time,
    pub from: Option<&'static str>,
    pub what: &'a str,
}

/// A point of the timeline of closes.
#[derive(Debug, Default, Serialize)]
#[expect(
    missing_docs,
    reason = "the names are the contract; `CloseRow` says what they mean"
)]
pub struct CloseRecord<'a> {
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub time: Time,
    pub session: u64,
    pub client: Address,
    pub server: Address,
    pub path: Option<&'a str>,
    pub from: Option<&'static str>,
    pub code: Option<u16>,
    pub code_name: Option<&'static str>,
    pub reason: Option<&'a str>,
    pub synthetic: bool,
    pub packet: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    pub state: &'static str,
    pub cause: &'static str,
}

/// One step in the story of a session.
#[derive(Debug, Default, Serialize)]
#[expect(
    missing_docs,
    reason = "the names are the contract; `Event` says what they mean"
)]
pub struct EventRecord<'a> {
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub time: Time,
    pub session: u64,
    pub client: Address,
    pub server: Address,
    pub from: &'static str,
    pub event: &'static str,
    pub detail: &'a str,
    pub packet: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

/// Something that several sessions share.
#[derive(Debug, Serialize)]
#[expect(
    missing_docs,
    reason = "the names are the contract; `Finding` says what they mean"
)]
pub struct FindingRecord<'a> {
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub finding: &'static str,
    pub cause: &'static str,
    pub confidence: &'static str,
    pub server: Option<Address>,
    pub sessions: &'a [u64],
    pub count: usize,
    pub of: u64,
    pub summary: &'a str,
    pub advice: &'a str,
}

impl<'a> FindingRecord<'a> {
    /// The record of `finding`.
    pub fn new(finding: &'a Finding) -> Self {
        Self {
            kind: "finding",
            finding: finding.name,
            cause: finding.cause,
            confidence: confidence(finding.confidence),
            server: finding.server.map(Address),
            sessions: &finding.sessions,
            count: finding.sessions.len(),
            of: finding.of,
            summary: &finding.summary,
            advice: &finding.advice,
        }
    }
}

/// Totals of a run.
#[derive(Debug, Default, Serialize)]
#[expect(
    missing_docs,
    reason = "the names are the contract; `Summary` says what they mean"
)]
pub struct SummaryRecord<'a> {
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub packets: u64,
    pub bytes: u64,
    pub connections: u64,
    pub sessions: u64,
    pub abnormal: u64,
    pub started: Option<Time>,
    pub ended: Option<Time>,
    pub snapped: u64,
    pub undecodable: Option<&'a BTreeMap<String, u64>>,
    pub gaps: u64,
    pub lost_bytes: u64,
    pub dropped: u64,
    pub tls_failed: u64,
    pub tls_opaque: u64,
    pub tls_without_keys: u64,
    pub tls_unread: Option<&'a BTreeMap<String, u64>>,
    pub partial: bool,
}

/// Any record that a row can become.
#[derive(Debug, Serialize)]
#[serde(untagged)]
#[expect(clippy::large_enum_variant, reason = "one at a time, on the stack")]
pub enum Record<'a> {
    /// A session.
    Session(SessionRecord<'a>),
    /// A point of the timeline.
    Close(CloseRecord<'a>),
    /// An event.
    Event(EventRecord<'a>),
}

impl<'a> Record<'a> {
    /// The record of `row`.
    pub fn new(row: &Row<'a>, captures: Captures<'_>) -> Self {
        match row {
            Row::Session(session) => Self::Session(SessionRecord::new(session, captures)),
            Row::Close(row) => Self::Close(CloseRecord::new(row, captures)),
            Row::Event(session, event) => Self::Event(EventRecord::new(session, event, captures)),
        }
    }
}

impl<'a> SessionRecord<'a> {
    /// The record of `session`.
    pub fn new(session: &'a Session, captures: Captures<'_>) -> Self {
        let (opening, verdict) = (&session.opening, &session.verdict);
        let tls = session.tls.as_ref();
        Self {
            kind: "session",
            session: session.number,
            transport: transport(session.transport),
            client: Address(session.client),
            server: Address(session.server),
            host: opening.host(),
            path: opening.path(),
            origin: opening.origin(),
            user_agent: opening.user_agent(),
            subprotocol: opening.subprotocol(),
            extensions: opening.extensions(),
            http_status: opening.http_status,
            stream_id: None,
            tls_version: tls.and_then(|tls| tls.version.as_deref()),
            cipher_suite: tls.and_then(|tls| tls.cipher_suite.as_deref()),
            sni: tls.and_then(|tls| tls.sni.as_deref()),
            alpn: tls.and_then(|tls| tls.alpn.as_deref()),
            tls_alert: tls.and_then(|tls| tls.alert),
            vlan: session.vlan,
            tunnel: session.tunnel.as_deref(),
            community_id: community_id(session.client, session.server),
            state: state(verdict.state),
            started: Time(session.started),
            opened: session.opened.map(Time),
            ended: session.ended.map(Time),
            duration_s: session
                .ended
                .map(|ended| ended.seconds_since(session.started)),
            idle_s: session
                .ended
                .zip(session.last_byte)
                .map(|(end, byte)| end.seconds_since(byte)),
            code: verdict.code,
            code_name: verdict.code.map(close::name),
            reason: verdict.reason.as_deref(),
            clean: verdict.clean,
            closer: verdict.closer.map(party),
            culprit: verdict.culprit.map(party),
            cause: verdict.cause,
            confidence: confidence(verdict.confidence),
            other_causes: &verdict.other_causes,
            summary: &verdict.summary,
            advice: &verdict.advice,
            client_view: ViewRecord::new(&verdict.client_view),
            server_view: ViewRecord::new(&verdict.server_view),
            closes: closes(session, captures),
            transport_end: session.transport_end.map(|end| TransportEndRecord {
                how: end_kind(end.how),
                from: party(end.from),
                packet: end.packet.number(),
                file: captures.file(end.packet),
                time: Time(end.time),
            }),
            client_sent: SentRecord::new(session.client_sent),
            server_sent: SentRecord::new(session.server_sent),
            anomalies: anomalies(session, captures),
            evidence: evidence(session, captures),
            lost_bytes: session.lost_bytes,
            captured: captured(session.captured),
            first_packet: session.first_packet.number(),
            first_file: captures.file(session.first_packet),
            last_packet: session.last_packet.number(),
            last_file: captures.file(session.last_packet),
            related: &session.related,
        }
    }
}

fn closes<'a>(session: &'a Session, captures: Captures<'_>) -> Vec<CloseFrame<'a>> {
    let record = |close: &'a crate::session::Close| CloseFrame {
        from: side(close.from),
        code: close.code,
        reason: close.reason.as_deref(),
        packet: close.packet.number(),
        file: captures.file(close.packet),
        time: Time(close.time),
    };
    session.closes.iter().map(record).collect()
}

fn anomalies<'a>(session: &'a Session, captures: Captures<'_>) -> Vec<AnomalyRecord<'a>> {
    let record = |anomaly: &'a crate::session::Anomaly| AnomalyRecord {
        rule: anomaly.rule,
        from: side(anomaly.from),
        packet: anomaly.packet.number(),
        file: captures.file(anomaly.packet),
        time: Time(anomaly.time),
        detail: &anomaly.detail,
    };
    session.anomalies.iter().map(record).collect()
}

fn evidence<'a>(session: &'a Session, captures: Captures<'_>) -> Vec<EvidenceRecord<'a>> {
    let record = |evidence: &'a crate::session::Evidence| EvidenceRecord {
        packet: evidence.packet.number(),
        file: captures.file(evidence.packet),
        time: Time(evidence.time),
        from: evidence.from.map(side),
        what: &evidence.what,
    };
    session.verdict.evidence.iter().map(record).collect()
}

impl<'a> ViewRecord<'a> {
    fn new(view: &'a View) -> Self {
        Self {
            code: view.code,
            reason: view.reason.as_deref(),
            clean: view.clean,
            presumed: view.presumed,
        }
    }
}

impl SentRecord {
    const fn new(sent: Sent) -> Self {
        let Sent {
            frames,
            messages,
            bytes,
            pings,
            pongs,
            largest_message,
        } = sent;
        Self {
            frames,
            messages,
            bytes,
            pings,
            pongs,
            largest_message,
        }
    }
}

impl<'a> CloseRecord<'a> {
    /// The record of `row`.
    pub fn new(row: &CloseRow<'a>, captures: Captures<'_>) -> Self {
        let session = row.session;
        Self {
            kind: "close",
            time: Time(row.time),
            session: session.number,
            client: Address(session.client),
            server: Address(session.server),
            path: session.opening.path(),
            from: row.frame.map(|close| side(close.from)),
            code: row.code(),
            code_name: row.code_name(),
            reason: row.frame.and_then(|close| close.reason.as_deref()),
            synthetic: row.frame.is_none(),
            packet: row.packet.map(crate::capture::PacketId::number),
            file: row.packet.and_then(|packet| captures.file(packet)),
            state: state(session.verdict.state),
            cause: session.verdict.cause,
        }
    }
}

impl<'a> EventRecord<'a> {
    /// The record of `event` of `session`.
    pub fn new(session: &'a Session, event: &'a Event, captures: Captures<'_>) -> Self {
        Self {
            kind: "event",
            time: Time(event.time),
            session: session.number,
            client: Address(session.client),
            server: Address(session.server),
            from: side(event.from),
            event: event.kind,
            detail: &event.detail,
            packet: event.packet.number(),
            file: captures.file(event.packet),
        }
    }
}

impl<'a> SummaryRecord<'a> {
    /// The record of `summary`.
    pub fn new(summary: &'a Summary, partial: bool) -> Self {
        Self {
            kind: "summary",
            packets: summary.packets,
            bytes: summary.bytes,
            connections: summary.connections,
            sessions: summary.sessions,
            abnormal: summary.abnormal,
            started: summary.span.map(|(first, _)| Time(first)),
            ended: summary.span.map(|(_, last)| Time(last)),
            snapped: summary.snapped,
            undecodable: Some(&summary.undecodable),
            gaps: summary.gaps,
            lost_bytes: summary.lost_bytes,
            dropped: summary.dropped,
            tls_failed: summary.tls_failed,
            tls_opaque: summary.tls_opaque,
            tls_without_keys: summary.tls_without_keys,
            tls_unread: Some(&summary.tls_unread),
            partial,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_written_as_they_are_shown() {
        for text in [
            "0.0.0.0:0",
            "255.255.255.255:65535",
            "10.0.0.5:80",
            "[2001:db8::1]:443",
            "[::ffff:10.0.0.5]:80",
            "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535",
        ] {
            let address = Address(text.parse().expect("an address"));
            let json = serde_json::to_string(&address).expect("a text");
            assert_eq!(json, format!("\"{}\"", address.0));
        }
    }
}
