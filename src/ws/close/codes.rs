//! The table of close codes: a code more is an entry more.

use super::{CodeInfo, May, Range, Reconnect};

/// A code of the protocol that either side may send.
const fn protocol(code: u16, name: &'static str) -> CodeInfo {
    CodeInfo {
        first: code,
        last: code,
        name,
        aliases: "",
        range: Range::Protocol,
        client: May::Yes,
        server: May::Yes,
        meaning: "",
        notes: &[],
        reconnect: Reconnect::BackOff,
    }
}

/// A code that only an API reports and no frame carries.
const fn local(code: u16, name: &'static str) -> CodeInfo {
    CodeInfo {
        client: May::No,
        server: May::No,
        ..protocol(code, name)
    }
}

pub(super) const OUTSIDE: CodeInfo = CodeInfo {
    last: u16::MAX,
    range: Range::Outside,
    meaning: "Illegal in a Close frame: two bytes can carry it, but no range allows it.",
    notes: &[
        "Who receives it fails the connection as a protocol error (1002). Whoever chose the \
              number probably thought of HTTP's 5xx: put it between 4000 and 4999 instead.",
    ],
    reconnect: Reconnect::Not,
    ..local(5000, "Out of range")
};

const REGISTERED_FREE: CodeInfo = CodeInfo {
    range: Range::Registered,
    meaning: "No registered meaning is known to hangup; anybody may register the number with IANA, \
              first come, first served.",
    notes: &[
        "Many libraries and services use such numbers without registration, so the same number \
              can mean different things. Look it up by subprotocol first, then by host.",
    ],
    reconnect: Reconnect::Agreed,
    ..protocol(3001, "Unassigned (registered range)")
};

/// Every code there can be, in order.
pub static CODES: &[CodeInfo] = &[
    CodeInfo {
        last: 999,
        range: Range::Unused,
        meaning: "Illegal in a Close frame: the numbers below 1000 are not used.",
        notes: &[
            "Who receives it fails the connection as a protocol error (1002). Typical sources: \
                  an HTTP status or an exit code passed to close() as it was.",
        ],
        reconnect: Reconnect::Not,
        ..local(0, "Not used")
    },
    CodeInfo {
        aliases: "CLOSE_NORMAL, CLOSED_NORMAL, NORMAL, NORMAL_CLOSURE, CloseNormalClosure, \
                  STATUS_NORMAL, StatusNormalClosure, LWS_CLOSE_STATUS_NORMAL",
        meaning: "The session had served its purpose; nothing went wrong.",
        notes: &[
            "Do not take it for proof that all was well: some servers also send 1000 from an idle \
                  timer (Cowboy, and with it Phoenix, after 60 seconds of client silence), and some \
                  libraries default to it in error paths. If sessions end with 1000 while users \
                  complain, look at the silence before the Close and at its reason.",
        ],
        reconnect: Reconnect::IfWanted,
        ..protocol(1000, "Normal Closure")
    },
    CodeInfo {
        aliases: "CLOSE_GOING_AWAY, GOING_AWAY, SHUTDOWN, Away, CLOSE_CLIENT_GOING_AWAY, \
                  LWS_CLOSE_STATUS_GOINGAWAY, Endpoint unavailable",
        meaning: "The sender goes away: a browser leaves the page, or a server shuts down.",
        notes: &[
            "From a client: a page was left, a tab closed, a phone suspended the app. Not an error.",
            "From a server: a shutdown, a deployment, a reload of a proxy (Caddy), an edge that restarts \
             (Cloudflare), or an idle timer (Jetty, Tomcat). Which one: the reason text, the silence \
             before it, and whether many sessions ended in the same second.",
        ],
        reconnect: Reconnect::BackOff,
        ..protocol(1001, "Going Away")
    },
    CodeInfo {
        aliases: "CLOSE_PROTOCOL_ERROR, PROTOCOL_ERROR, PROTOCOL, CloseProtocolError",
        meaning: "The sender saw its peer break the protocol: the peer is to blame, not the sender.",
        notes: &[
            "Typical: compressed frames that were never negotiated (reserved bits), unmasked frames \
                  from a client, a close code that may not be sent, two threads writing to one socket, a \
                  proxy that rewrites bytes. hangup names the violation and the packet where it sees one.",
        ],
        reconnect: Reconnect::Not,
        ..protocol(1002, "Protocol error")
    },
    CodeInfo {
        aliases: "CLOSE_UNSUPPORTED, UNSUPPORTED_DATA, BAD_DATA, REFUSE, CloseUnsupportedData, \
                  LWS_CLOSE_STATUS_UNACCEPTABLE_OPCODE, Invalid message type",
        meaning: "The sender does not take this kind of data, such as binary where it wants text.",
        notes: &["Look at the opcode of the last message towards the sender of the Close."],
        reconnect: Reconnect::Not,
        ..protocol(1003, "Unsupported Data")
    },
    CodeInfo {
        aliases: "UNDEFINED, RESERVED, CLOSE_STATUS_CODE_RESERVED1",
        meaning: "Reserved, without a meaning; nobody may send it.",
        notes: &["On the wire it is a violation; the receiver fails the connection."],
        reconnect: Reconnect::Not,
        ..local(1004, "Reserved")
    },
    CodeInfo {
        aliases: "CLOSE_NO_STATUS, NO_STATUS_RCVD, NOCODE, NO_CODE, CloseNoStatusReceived, \
                  No Status Received, Empty, CLOSE_STATUS_CODE_NULL",
        meaning: "A Close frame came, and it was empty: a proper end without a code.",
        notes: &[
            "The number exists only in APIs; no frame carries it. It is what close() without \
                  arguments looks like from the other side, and not an error: unlike 1006, somebody did \
                  say goodbye.",
        ],
        reconnect: Reconnect::IfWanted,
        ..local(1005, "No Status Rcvd")
    },
    CodeInfo {
        aliases: "CLOSE_ABNORMAL, ABNORMAL_CLOSURE, ABNORMAL_CLOSE, NO_CLOSE, \
                  CLOSED_ABNORMALLY, CloseAbnormalClosure, ResetWithoutClosingHandshake",
        meaning: "The connection ended and no Close frame had come: nobody said goodbye.",
        notes: &[
            "The number is made up by the API of the end that reports it; it is never sent. That is why \
             nobody can tell you \"who sent the 1006\": it stands for a frame that did not come.",
            "An API cannot say more. Browsers must report the same 1006 for a name that does not resolve, \
             a refused connection, a failed TLS handshake, an HTTP answer other than 101, a crashed \
             server, a proxy's timer and a lost Wi-Fi, so that pages cannot probe networks. The reason is \
             always empty and wasClean false. What tells these apart is in the packets.",
            "What hides behind it, most frequent first: an idle timer of a proxy or load balancer (a FIN \
             after 30, 55, 60, 100, 350 ... seconds of silence); a network that went away (retransmissions \
             nobody answers); a proxy that reloads (many sessions in one second); a process that exited \
             or called terminate() in mid-traffic; a client that was suspended or closed its socket \
             without a Close; an opening that was refused (look at the HTTP status).",
            "What to look at: `hangup read --code 1006 CAPTURE` lists them with their causes; the closer \
             is the side of the first FIN or RST, or the network; `--session N` shows the last packets \
             and the silence before them. When the closer is \"server\", remember that this is the far end of \
             this connection, often a proxy: a second capture behind it tells whether the application \
             said anything.",
            "What to do: send a Ping from the server at less than half of the shortest timer on the path \
             (25 seconds when you do not know it); answer a shutdown with Close 1001 and let it out \
             before you exit; set a deadline for Pongs at both ends.",
        ],
        reconnect: Reconnect::BackOff,
        ..local(1006, "Abnormal Closure")
    },
    CodeInfo {
        aliases: "INVALID_DATA, INVALID_PAYLOAD, BAD_PAYLOAD, NO_UTF8, \
                  CloseInvalidFramePayloadData, Invalid",
        meaning: "A message did not hold what its type promises, typically text that is not UTF-8.",
        notes: &[
            "Typical: binary data sent as text, a character cut in two by splitting at a byte count, a \
                  Latin-1 string, compressed data that does not inflate.",
        ],
        reconnect: Reconnect::Not,
        ..protocol(1007, "Invalid frame payload data")
    },
    CodeInfo {
        aliases: "POLICY_VIOLATION, POLICY_VALIDATION, Policy, ClosePolicyViolation",
        meaning: "A refusal by policy: credentials, origin, rate, quota; the reason may say which.",
        notes: &[
            "It is also what is sent when no other code fits. Look at the reason, at the client's last \
                  message and at its message rate.",
        ],
        reconnect: Reconnect::AfterLogin,
        ..protocol(1008, "Policy Violation")
    },
    CodeInfo {
        aliases: "CLOSE_TOO_LARGE, MESSAGE_TOO_BIG, MESSAGE_TOO_LARGE, TOOBIG, Size",
        meaning: "A message or frame was larger than the sender of this Close accepts.",
        notes: &[
            "The limit is the closer's, the message its peer's: largest_message of the peer is the number \
                  to compare. Usual defaults, in bytes: 8192 (Tomcat), 16384 (uWebSockets), 32768 (SignalR), \
                  65536 (Netty, Jetty), 1000000 (Engine.IO), 1048576 (websockets), 100 MiB (ws).",
        ],
        reconnect: Reconnect::Not,
        ..protocol(1009, "Message Too Big")
    },
    CodeInfo {
        aliases: "MANDATORY_EXTENSION, REQUIRED_EXTENSION, EXTENSION_ERROR, EXTENSION, \
                  LWS_CLOSE_STATUS_EXTENSION_REQUIRED, CloseMandatoryExtension",
        server: May::No,
        meaning: "The client needs an extension that the server did not accept in the opening.",
        notes: &[
            "Only a client has a use for it: a server that misses an extension refuses the opening.",
        ],
        reconnect: Reconnect::Not,
        ..protocol(1010, "Mandatory Ext.")
    },
    CodeInfo {
        aliases: "INTERNAL_ERROR, SERVER_ERROR, UNEXPECTED_CONDITION, CloseInternalServerErr, \
                  Error, Internal Server, Internal Server Error",
        meaning: "Something unexpected happened at the sender: an exception, as a rule.",
        notes: &[
            "Read the sender's log at that very second, and suspect the last message it got.",
            "Reason \"keepalive ping timeout\" is another thing: the websockets library for Python (either side \
             of it) had no Pong in time. If the Pong is in the capture, the process that pinged was too \
             busy to read it.",
        ],
        ..protocol(1011, "Internal Error")
    },
    CodeInfo {
        aliases: "SERVICE_RESTART, SERVICE_RESTARTED, Restart",
        client: May::Unusual,
        meaning: "The service restarts and will be back.",
        notes: &[
            "Expected in deployments; every session of that server ends in the same second, so the pause \
                  before reconnecting must be random.",
        ],
        ..protocol(1012, "Service Restart")
    },
    CodeInfo {
        aliases: "TRY_AGAIN_LATER, SERVICE_OVERLOAD, Again",
        client: May::Unusual,
        meaning: "The server is overloaded and sheds clients.",
        notes: &[
            "A client that reconnects at once makes it worse. Some servers send it to readers that are \
                  too slow to keep up.",
        ],
        ..protocol(1013, "Try Again Later")
    },
    CodeInfo {
        aliases: "BAD_GATEWAY, INVALID_UPSTREAM_RESPONSE",
        client: May::No,
        meaning: "A gateway got an invalid answer from the server behind it, as HTTP's 502.",
        notes: &[
            "Look behind the gateway: the leg that matters is the one between it and the application.",
        ],
        ..protocol(1014, "Bad Gateway")
    },
    CodeInfo {
        aliases: "TLS_HANDSHAKE, FAILED_TLS_HANDSHAKE, TLS_HANDSHAKE_FAILURE, \
                  CloseTLSHandshake, Tls",
        meaning: "The TLS handshake failed, so no WebSocket was opened.",
        notes: &[
            "Exists only in APIs, and browsers may not even show it there (they report 1006). Visit the \
                  https address of the host once: the browser then says what it has against the certificate.",
        ],
        reconnect: Reconnect::Not,
        ..local(1015, "TLS handshake")
    },
    CodeInfo {
        last: 2999,
        meaning: "Not assigned: kept for the protocol, its revisions and its extensions.",
        notes: &[
            "Illegal today: most receivers fail the connection with 1002 when they see it. For your own \
                  codes, use 4000-4999.",
        ],
        reconnect: Reconnect::Not,
        ..local(1016, "Unassigned")
    },
    CodeInfo {
        range: Range::Registered,
        meaning: "The client is not authenticated; the counterpart of HTTP's 401.",
        notes: &[
            "Centrifuge uses the same number for something else (its own \"connection closed\").",
        ],
        reconnect: Reconnect::AfterLogin,
        ..protocol(3000, "Unauthorized")
    },
    CodeInfo {
        last: 3002,
        ..REGISTERED_FREE
    },
    CodeInfo {
        range: Range::Registered,
        meaning: "The client is known and may not do this; the counterpart of HTTP's 403.",
        reconnect: Reconnect::Not,
        ..protocol(3003, "Forbidden")
    },
    CodeInfo {
        first: 3004,
        last: 3007,
        ..REGISTERED_FREE
    },
    CodeInfo {
        range: Range::Registered,
        meaning: "The peer took too long; the counterpart of HTTP's 408.",
        notes: &[
            "Clashes: Centrifugo means a reader that is too slow, AssemblyAI a session that expired.",
        ],
        ..protocol(3008, "Timeout")
    },
    CodeInfo {
        first: 3009,
        last: 3999,
        ..REGISTERED_FREE
    },
    CodeInfo {
        last: 4999,
        range: Range::Private,
        meaning: "Private: it means what the two ends agreed, and nothing by itself.",
        notes: &[
            "Look the number up by subprotocol first, then by host. The same number means different things: \
             4001 is an unknown opcode to Discord, an unknown application to Pusher and forbidden traffic to \
             Twitch; 4003 is \"not authenticated\" (Discord), \"application disabled\" (Pusher), \"connection \
             unused\" (Twitch); 4008 is a rate limit (Discord) or a missing protocol version (Pusher).",
            "By habit, not by rule, some services put an HTTP status behind a 4: 4401 not logged in, 4403 \
             forbidden, 4408 took too long, 4429 too many, 4500 failed inside (graphql-transport-ws does).",
            "The last message before the Close often explains it.",
        ],
        reconnect: Reconnect::Agreed,
        ..protocol(4000, "Private use")
    },
    OUTSIDE,
];
