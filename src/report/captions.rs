//! What a capture file says beside the packets of a session: comments that Wireshark shows.

use std::borrow::Borrow;
use std::collections::BTreeMap;

use super::text::escape;
use super::words;
use crate::capture::PacketId;
use crate::session::Session;

/// Comments by packet: the verdict at the session's first one, and what each deciding packet
/// shows. Texts from the wire are made harmless.
pub fn comments(
    sessions: impl IntoIterator<Item = impl Borrow<Session>>,
) -> BTreeMap<PacketId, Vec<String>> {
    let mut comments: BTreeMap<PacketId, Vec<String>> = BTreeMap::new();
    for session in sessions {
        let session = session.borrow();
        let mut put = |packet, text: String| {
            let text = escape(&text).into_owned();
            comments.entry(packet).or_default().push(text);
        };
        put(session.first_packet, verdict(session));
        for evidence in &session.verdict.evidence {
            let from = evidence
                .from
                .map_or_else(String::new, |side| format!("{}: ", words::side(side)));
            let text = format!(
                "session {}, evidence: {from}{}",
                session.number, evidence.what
            );
            put(evidence.packet, text);
        }
    }
    comments
}

/// `session 3: 1006, idle-timeout (confidence: high). The server …`.
pub fn verdict(session: &Session) -> String {
    let verdict = &session.verdict;
    let code = verdict
        .code
        .map_or_else(|| "no code".to_owned(), |code| code.to_string());
    format!(
        "session {}: {code}, {} (confidence: {}). {}",
        session.number,
        verdict.cause,
        words::confidence(verdict.confidence),
        verdict.summary
    )
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn deciding_packets_are_told() {
        let session = sample::abrupt(3);
        let comments = comments([&session]);
        let all: Vec<&String> = comments.values().flatten().collect();
        assert_eq!(all.len(), 1 + session.verdict.evidence.len());
        let first = comments.get(&session.first_packet).and_then(|c| c.first());
        assert!(first.is_some_and(|first| first.contains(session.verdict.cause)));
    }
}
