//! Sessions that a Close frame ended.

use super::{Cause, Group, cause};

const HERE: Group = Group::Close;

pub(super) static CAUSES: &[Cause] = &[
    cause(
        HERE,
        "closed-normal",
        "One side said 1000, the other answered: the session was done.",
        "Two Close frames with code 1000, then FIN.",
        "Nothing, unless users complain: some servers send 1000 from an idle timer, so look at the \
         silence before the end (`silent before`; `idle_s` in records) and at the reason.",
    ),
    cause(
        HERE,
        "closed-without-code",
        "A Close frame without a code: what close() without arguments sends. APIs report 1005.",
        "A Close frame with an empty payload.",
        "Nothing; pass a code if you want the other side to know why.",
    ),
    cause(
        HERE,
        "client-going-away",
        "The client left and said so: a page was left, a tab closed, an app suspended.",
        "Close 1001 from the client, often with its FIN right behind.",
        "Nothing.",
    ),
    cause(
        HERE,
        "server-going-away",
        "The server, or a proxy before it, shut down, reloaded, or ended an idle session, and said so.",
        "Close 1001 from the server. Its reason, the silence before it, and how many sessions ended in that \
         second tell shutdowns and idle timers apart.",
        "Reconnect after a random pause. If only idle sessions end, send Pings more often than the timer.",
    ),
    cause(
        HERE,
        "service-restart",
        "The service restarts and will be back.",
        "Close 1012.",
        "Reconnect after a random pause; spread restarts over time.",
    ),
    cause(
        HERE,
        "try-again-later",
        "The server is overloaded, or its reader is too slow.",
        "Close 1013.",
        "Reconnect with back-off; look at the load of the server and at zero windows of the client.",
    ),
    cause(
        HERE,
        "bad-gateway",
        "A gateway could not use what the server behind it answered.",
        "Close 1014.",
        "Capture behind the gateway: the cause is on that leg.",
    ),
    cause(
        HERE,
        "policy-violation",
        "The sender refuses to go on: credentials, origin, rate, quota, or any rule of its own.",
        "Close 1008; its reason, and the last message before it.",
        "Check token, origin and message rate; do not reconnect with the same credentials in a loop.",
    ),
    cause(
        HERE,
        "internal-error",
        "Something unexpected happened at the sender of the Close.",
        "Close 1011 without an unanswered Ping before it.",
        "Read its log at that second, and suspect the last message it got.",
    ),
    cause(
        HERE,
        "unsupported-data",
        "A kind of message that the sender of the Close does not take.",
        "Close 1003; the opcode of the last message towards its sender.",
        "Send text where text is wanted, binary where binary is.",
    ),
    cause(
        HERE,
        "mandatory-extension",
        "The client insists on an extension that the server did not accept.",
        "Close 1010 from the client; Sec-WebSocket-Extensions of request and answer.",
        "Enable the extension at the server, or do without it at the client.",
    ),
    cause(
        HERE,
        "message-too-big",
        "A message was larger than its receiver allows.",
        "Close 1009, or an end right after a large message; the size of that message.",
        "Raise the limit of the side that closed, or send smaller messages; compare the two numbers.",
    ),
    cause(
        HERE,
        "text-not-utf8",
        "A text message was not UTF-8.",
        "Close 1007, or the first byte that no UTF-8 text can have.",
        "Send binary as binary; do not split text in the middle of a character.",
    ),
    cause(
        HERE,
        "protocol-violation",
        "One side broke a rule of the protocol and the other failed the connection.",
        "Close 1002 (or an abrupt end), and the violation itself in the frames of the other side: its \
         name is in `anomalies`.",
        super::BREAKER,
    ),
    cause(
        HERE,
        "protocol-error-unexplained",
        "One side says 1002, yet nothing wrong is to be seen in what the other sent.",
        "Close 1002, no violation before it.",
        "Suspect the parser of the side that closed, or bytes that the capture misses.",
    ),
    cause(
        HERE,
        "application-close",
        "The application, library or service ended the session with a code of its own.",
        "Close with a code from 3000 to 4999.",
        "Look the code up in the documentation of the subprotocol or service; the last message before it \
         often says more.",
    ),
    cause(
        HERE,
        "unassigned-close-code",
        "A Close frame with a code that may not be on the wire.",
        "Close with a code below 1000, 1004 to 1006, 1015 to 2999, or above 4999.",
        "Correct the sender: 4000 to 4999 are free for applications.",
    ),
    cause(
        HERE,
        "close-unanswered",
        "One side said goodbye and never got an answer.",
        "A Close frame, none back, and the end of the connection; how long it took hints at a close timer \
         (10, 20, 30 or 60 seconds).",
        "The other side was gone, stuck, or ends its sockets without reading; look at its acknowledgements.",
    ),
    cause(
        HERE,
        "simultaneous-close",
        "Both sides said goodbye at once.",
        "Two Close frames of which neither acknowledges the other.",
        "Nothing; the two ends may report different codes, and both are right.",
    ),
    cause(
        HERE,
        "cut-after-close-sent",
        "One side said goodbye and cut the connection at once, so that no answer could reach it.",
        "A Close frame, and within a round trip the FIN or RST of its sender.",
        "Nothing, as a rule: Safari does so when a page is left. In a library of your own, wait for the \
         answer (a few seconds) before you end TCP.",
    ),
    cause(
        HERE,
        "deflate-corrupt",
        "A compressed message could not be inflated, so its receiver closed.",
        "Close 1007 or 1002 right after a compressed message that does not inflate here either.",
        "Suspect the sender's handling of context takeover, or a proxy that changes bytes; turn \
         permessage-deflate off to be sure.",
    ),
];
