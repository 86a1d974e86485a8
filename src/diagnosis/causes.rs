//! The causes a verdict may name, and the violations an anomaly may: what each means, what
//! shows it, what to do. For `hangup explain`; verdicts are made elsewhere.

/// Where in the life of a session a cause strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// It ended with a Close frame.
    Close,
    /// It ended without any Close frame.
    NoClose,
    /// It was never opened.
    Opening,
    /// The capture does not tell.
    Capture,
    /// A rule of RFC 6455 that was broken: told as an anomaly, and as the particular of
    /// `protocol-violation`.
    Violation,
}

impl Group {
    /// Every group, in the order in which to show them.
    pub const ALL: [Self; 5] = [
        Self::Close,
        Self::NoClose,
        Self::Opening,
        Self::Capture,
        Self::Violation,
    ];

    /// Its heading.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Close => "Ended by a Close frame",
            Self::NoClose => "Ended without a Close frame (1006)",
            Self::Opening => "Never opened",
            Self::Capture => "The capture does not tell",
            Self::Violation => "Violations of the protocol (RFC 6455)",
        }
    }
}

/// What `hangup explain` says about a cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cause {
    /// Its name, as in `cause` and `rule` of the records.
    pub name: &'static str,
    /// When it strikes.
    pub group: Group,
    /// What it means, in one line.
    pub meaning: &'static str,
    /// What in the packets shows it.
    pub shown_by: &'static str,
    /// What to do.
    pub advice: &'static str,
}

/// The cause or violation that goes by `name`; `None` where none does.
pub fn lookup(name: &str) -> Option<&'static Cause> {
    CAUSES
        .iter()
        .find(|cause| cause.name.eq_ignore_ascii_case(name))
}

const fn cause(
    group: Group,
    name: &'static str,
    meaning: &'static str,
    shown_by: &'static str,
    advice: &'static str,
) -> Cause {
    Cause {
        name,
        group,
        meaning,
        shown_by,
        advice,
    }
}

const BREAKER: &str = "The sender of the frame is to blame, not who answers with 1002. Look for a proxy that \
     rewrites bytes, two threads writing to one socket, or a WebSocket library written in house.";

/// A violation; who broke the rule is always the sender.
const fn violation(name: &'static str, meaning: &'static str, shown_by: &'static str) -> Cause {
    cause(Group::Violation, name, meaning, shown_by, BREAKER)
}

/// Every cause, by group.
pub static CAUSES: &[Cause] = &[
    cause(
        Group::Close,
        "closed-normal",
        "One side said 1000, the other answered: the session was done.",
        "Two Close frames with code 1000, then FIN.",
        "Nothing, unless users complain: some servers send 1000 from an idle timer, so look at idle_s and \
         at the reason.",
    ),
    cause(
        Group::Close,
        "closed-without-code",
        "A Close frame without a code: what close() without arguments sends. APIs report 1005.",
        "A Close frame with an empty payload.",
        "Nothing; pass a code if you want the other side to know why.",
    ),
    cause(
        Group::Close,
        "client-going-away",
        "The client left and said so: a page was left, a tab closed, an app suspended.",
        "Close 1001 from the client, often with its FIN right behind.",
        "Nothing.",
    ),
    cause(
        Group::Close,
        "server-going-away",
        "The server, or a proxy before it, shut down, reloaded, or ended an idle session, and said so.",
        "Close 1001 from the server. Its reason, the silence before it, and how many sessions ended in that \
         second tell shutdowns and idle timers apart.",
        "Reconnect after a random pause. If only idle sessions end, send Pings more often than the timer.",
    ),
    cause(
        Group::Close,
        "service-restart",
        "The service restarts and will be back.",
        "Close 1012.",
        "Reconnect after a random pause; spread restarts over time.",
    ),
    cause(
        Group::Close,
        "try-again-later",
        "The server is overloaded, or its reader is too slow.",
        "Close 1013.",
        "Reconnect with back-off; look at the load of the server and at zero windows of the client.",
    ),
    cause(
        Group::Close,
        "bad-gateway",
        "A gateway could not use what the server behind it answered.",
        "Close 1014.",
        "Capture behind the gateway: the cause is on that leg.",
    ),
    cause(
        Group::Close,
        "policy-violation",
        "The sender refuses to go on: credentials, origin, rate, quota, or any rule of its own.",
        "Close 1008; its reason, and the last message before it.",
        "Check token, origin and message rate; do not reconnect with the same credentials in a loop.",
    ),
    cause(
        Group::Close,
        "internal-error",
        "Something unexpected happened at the sender of the Close.",
        "Close 1011 without an unanswered Ping before it.",
        "Read its log at that second, and suspect the last message it got.",
    ),
    cause(
        Group::Close,
        "unsupported-data",
        "A kind of message that the sender of the Close does not take.",
        "Close 1003; the opcode of the last message towards its sender.",
        "Send text where text is wanted, binary where binary is.",
    ),
    cause(
        Group::Close,
        "mandatory-extension",
        "The client insists on an extension that the server did not accept.",
        "Close 1010 from the client; Sec-WebSocket-Extensions of request and answer.",
        "Enable the extension at the server, or do without it at the client.",
    ),
    cause(
        Group::Close,
        "message-too-big",
        "A message was larger than its receiver allows.",
        "Close 1009, or an end right after a large message; the size of that message.",
        "Raise the limit of the side that closed, or send smaller messages; compare the two numbers.",
    ),
    cause(
        Group::Close,
        "text-not-utf8",
        "A text message was not UTF-8.",
        "Close 1007, or the first byte that no UTF-8 text can have.",
        "Send binary as binary; do not split text in the middle of a character.",
    ),
    cause(
        Group::Close,
        "protocol-violation",
        "One side broke a rule of the protocol and the other failed the connection.",
        "Close 1002 (or an abrupt end), and the violation itself in the frames of the other side: see \
         anomalies for its name.",
        BREAKER,
    ),
    cause(
        Group::Close,
        "protocol-error-unexplained",
        "One side says 1002, yet nothing wrong is to be seen in what the other sent.",
        "Close 1002, no violation before it.",
        "Suspect the parser of the side that closed, or bytes that the capture misses.",
    ),
    cause(
        Group::Close,
        "application-close",
        "The application, library or service ended the session with a code of its own.",
        "Close with a code from 3000 to 4999.",
        "Look the code up in the documentation of the subprotocol or service; the last message before it \
         often says more.",
    ),
    cause(
        Group::Close,
        "unassigned-close-code",
        "A Close frame with a code that may not be on the wire.",
        "Close with a code below 1000, 1004 to 1006, 1015 to 2999, or above 4999.",
        "Correct the sender: 4000 to 4999 are free for applications.",
    ),
    cause(
        Group::Close,
        "close-unanswered",
        "One side said goodbye and never got an answer.",
        "A Close frame, none back, and the end of the connection; how long it took hints at a close timer \
         (10, 20, 30 or 60 seconds).",
        "The other side was gone, stuck, or ends its sockets without reading; look at its acknowledgements.",
    ),
    cause(
        Group::Close,
        "simultaneous-close",
        "Both sides said goodbye at once.",
        "Two Close frames of which neither acknowledges the other.",
        "Nothing; the two ends may report different codes, and both are right.",
    ),
    cause(
        Group::NoClose,
        "fin-without-close",
        "One side ended the TCP connection in order, and nobody had sent a Close frame: APIs say 1006.",
        "A FIN, and no Close frame in either direction. The closer is the side of the first FIN.",
        "Compare idle_s with the timers on the path (nginx and AWS ALB 60 s, Heroku 55 s): if it fits, send \
         Pings at half of it. If many sessions end in the same second, it was a restart or a reload. Else \
         read the log of the side that ended it; a browser does this when a tab is killed.",
    ),
    cause(
        Group::NoClose,
        "rst-without-close",
        "One side, or a box between, reset the connection, and nobody had sent a Close frame.",
        "An RST, and no Close frame in either direction.",
        "After long silence: a load balancer or NAT forgot the connection (AWS NLB 350 s), so send Pings. Right \
         after data: the process was gone or did not read. If the side goes on sending after its own RST, \
         something between forged it.",
    ),
    cause(
        Group::NoClose,
        "silence",
        "One side went on sending and nobody answered any more: power, Wi-Fi, a crash, or a path that \
         swallows packets.",
        "The same segment three times or more, never acknowledged, and no packet of the peer since.",
        "Have a deadline for Pongs at both ends: without it an end notices after 15 minutes. If the silence \
         began with the first packet after a long pause, a NAT or firewall forgot the connection: send Pings.",
    ),
    cause(
        Group::Opening,
        "upgrade-refused",
        "The server answered the opening with HTTP instead of 101.",
        "The status line of the answer: see http_status.",
        "401, 407: credentials. 403: origin or firewall. 404: path. 200: a plain HTTP handler. 301, 302: \
         redirects are not followed. 400, 426: a proxy dropped the Upgrade header. 429: rate. 502 to 504: the \
         server behind the proxy.",
    ),
    cause(
        Group::Opening,
        "upgrade-unanswered",
        "The opening was sent, acknowledged, and never answered.",
        "A request, then nothing until one side gave up.",
        "The handler blocks before it accepts, or a proxy waits for a server that does not come.",
    ),
    cause(
        Group::Opening,
        "upgrade-cut",
        "The connection ended before the opening was answered.",
        "FIN or RST before any byte of an answer.",
        "A crash or a filter: compare with the log of the server or firewall at that second.",
    ),
    cause(
        Group::Opening,
        "upgrade-bad-accept",
        "The 101 carries a wrong Sec-WebSocket-Accept, so a client must refuse it.",
        "The value does not come from the key of the request (RFC 6455 section 4.2.2).",
        "A caching proxy answered with an old 101, or the server was written by hand.",
    ),
    cause(
        Group::Opening,
        "subprotocol-mismatch",
        "The server chose a subprotocol that the client did not offer, or none where one is needed.",
        "Sec-WebSocket-Protocol of request and answer.",
        "Align the two lists; case and spelling count.",
    ),
    cause(
        Group::Opening,
        "extension-mismatch",
        "The server accepted an extension that the client did not offer.",
        "Sec-WebSocket-Extensions of request and answer.",
        "Correct the server, or the proxy that adds or drops the header.",
    ),
    cause(
        Group::Opening,
        "upgrade-header-stripped",
        "A proxy on the way dropped Upgrade or Connection, or spoke HTTP/1.0.",
        "On the leg behind the proxy: a request with Sec-WebSocket-Key and without Upgrade: websocket.",
        "Have the proxy pass the two headers on, and speak HTTP/1.1 to the server.",
    ),
    cause(
        Group::Opening,
        "not-http",
        "What came back was not HTTP.",
        "The first bytes of the answer.",
        "Wrong port, wrong scheme (ws to a TLS port), or another protocol behind it.",
    ),
    cause(
        Group::Capture,
        "open-at-end-of-capture",
        "Nothing had ended yet when the capture did. Not abnormal.",
        "No Close, FIN or RST up to the last packet.",
        "Capture longer if the end is what you want to see.",
    ),
    cause(
        Group::Capture,
        "capture-gap",
        "The capture lost the bytes in which a Close frame may have been, so nobody can tell.",
        "A hole in a stream that was never filled, large enough for a Close frame.",
        "Capture with a larger buffer (tcpdump -B), without a snap length (-s 0), or with a filter.",
    ),
    cause(
        Group::Capture,
        "begins-mid-stream",
        "The capture began after the opening.",
        "Frames without a 101 before them.",
        "Begin to capture before the clients connect; host, path and extensions are unknown until then.",
    ),
    violation(
        "unmasked-client-frame",
        "A client sent a frame without a mask (RFC 6455 section 5.1).",
        "Mask bit 0 in a frame from the client.",
    ),
    violation(
        "masked-server-frame",
        "A server sent a masked frame (RFC 6455 section 5.1).",
        "Mask bit 1 in a frame from the server.",
    ),
    violation(
        "reserved-bit",
        "A reserved bit was set that no agreed extension uses (section 5.2).",
        "RSV1, RSV2 or RSV3 in a frame header.",
    ),
    violation(
        "compression-not-negotiated",
        "A compressed message although permessage-deflate was not agreed (RFC 7692).",
        "RSV1 in the first frame of a message, and no such extension in the answer.",
    ),
    violation(
        "reserved-opcode",
        "A frame with an opcode that means nothing (section 5.2).",
        "Opcode 3 to 7 or 11 to 15.",
    ),
    violation(
        "control-too-long",
        "A Close, Ping or Pong with more than 125 bytes (section 5.5).",
        "The length in the frame header.",
    ),
    violation(
        "control-fragmented",
        "A Close, Ping or Pong in fragments (section 5.5).",
        "A control frame without FIN bit.",
    ),
    violation(
        "unexpected-continuation",
        "A continuation frame with nothing to continue (section 5.4).",
        "Opcode 0 outside of a fragmented message.",
    ),
    violation(
        "interleaved-message",
        "A new message began inside of a fragmented one (section 5.4).",
        "Opcode 1 or 2 before the last fragment.",
    ),
    violation(
        "non-minimal-length",
        "A length written in more bytes than it needs (section 5.2).",
        "A 16-bit length below 126, or a 64-bit length below 65536.",
    ),
    violation(
        "length-msb",
        "A 64-bit length with its top bit set (section 5.2).",
        "The length in the frame header.",
    ),
    violation(
        "close-length-1",
        "A Close frame with half a code (section 5.5.1).",
        "A Close frame with a payload of one byte.",
    ),
    violation(
        "bad-close-code",
        "A Close frame with a code that may not be sent (section 7.4).",
        "A code below 1000, 1004 to 1006, 1015 to 2999, or above 4999.",
    ),
    violation(
        "close-reason-not-utf8",
        "A Close frame whose reason is not UTF-8 (section 5.5.1).",
        "The bytes behind the code.",
    ),
    violation(
        "data-after-close",
        "Frames after one's own Close (section 5.5.1).",
        "A frame behind the Close frame of the same side.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_words_that_occur_once() {
        let mut seen = std::collections::HashSet::new();
        for cause in CAUSES {
            assert!(seen.insert(cause.name), "{} twice", cause.name);
            assert!(
                cause
                    .name
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'),
                "{}",
                cause.name
            );
            assert!(
                !cause.meaning.is_empty() && !cause.shown_by.is_empty() && !cause.advice.is_empty()
            );
        }
    }

    #[test]
    fn causes_stand_by_group() {
        assert!(CAUSES.is_sorted_by_key(|cause| Group::ALL.iter().position(|g| *g == cause.group)));
    }

    #[test]
    fn a_name_is_found_in_any_case() {
        assert_eq!(
            lookup("FIN-without-Close").map(|c| c.name),
            Some("fin-without-close")
        );
        assert_eq!(lookup("fin"), None);
    }
}
