//! Sessions that TCP or TLS ended, without any Close frame.

use super::{Cause, Group, cause};

const HERE: Group = Group::NoClose;

pub(super) static CAUSES: &[Cause] = &[
    cause(
        HERE,
        "fin-without-close",
        "One side ended the TCP connection in order, and nobody had sent a Close frame: APIs say 1006.",
        "A FIN, and no Close frame in either direction. The closer is the side of the first FIN.",
        "Compare the silence before the end (`silent before`; `idle_s` in records) with the timers on \
         the path (nginx and AWS ALB 60 s, Heroku 55 s): if it fits, send Pings at half of it. If many sessions end in the same second, it was a restart or a reload. Else \
         read the log of the side that ended it; a browser does this when a tab is killed.",
    ),
    cause(
        HERE,
        "rst-without-close",
        "One side, or a box between, reset the connection, and nobody had sent a Close frame.",
        "An RST, and no Close frame in either direction.",
        "After long silence: a load balancer or NAT forgot the connection (AWS NLB 350 s), so send Pings. Right \
         after data: the process was gone or did not read. If the side goes on sending after its own RST, \
         something between forged it.",
    ),
    cause(
        HERE,
        "server-closed-mid-traffic",
        "The server, or a proxy before it, ended one session in the middle of its traffic.",
        "The first FIN from the server, no Close frame, no silence before it, and no other session that \
         ended with it.",
        "An exception, a crash, or a call of terminate(): read the log of the server at that second, and \
         look at the client's last message.",
    ),
    cause(
        HERE,
        "client-closed-mid-traffic",
        "The client ended the connection in the middle of its traffic.",
        "The first FIN or RST from the client, no Close frame, no silence before it.",
        "Expected of phones, killed tabs and crashes. Where the client is yours, have it send Close 1001 \
         when it leaves.",
    ),
    cause(
        HERE,
        "cut-inside-frame",
        "A side ended the connection in the middle of a frame.",
        "A frame header that announces more bytes than came before the FIN or RST.",
        "Who wrote the frame died while writing: look for a crash or a kill there. APIs call it an \
         unexpected EOF.",
    ),
    cause(
        HERE,
        "cut-inside-message",
        "A side ended the connection between the fragments of a message.",
        "A frame without FIN bit, and no last fragment before the end.",
        "Who wrote the message died or gave up while writing: look at its log.",
    ),
    cause(
        HERE,
        "fin-answered-late",
        "One side had ended its direction, and the other went on sending as if nothing had been.",
        "A FIN, then data from the other side, often answered by RST.",
        "The program that went on does not notice the end of its input: have it read, or handle end of \
         file.",
    ),
    cause(
        HERE,
        "rst-on-stale-flow",
        "After a long silence the first data was answered with RST: somebody on the way no longer knew \
         the connection.",
        "Long silence, then data, and an RST about one round trip later from a side that had sent \
         nothing since.",
        "A load balancer or NAT forgot it (AWS NLB and NAT gateway 350 s), or the host restarted: send \
         Pings, or TCP keepalives, more often than that.",
    ),
    cause(
        HERE,
        "rst-unprompted",
        "One side reset the connection without anything that prompted it.",
        "An RST, no Close frame, and no data of the other side just before it.",
        "A socket closed hard (linger 0), a killed process, or a firewall that resets idle connections: \
         read the log of that side at that second.",
    ),
    cause(
        HERE,
        "rst-both-ways",
        "Both ends got an RST at the same time, each in the name of the other.",
        "Two RSTs, one in each direction, within moments.",
        "A box between did it: a load balancer that resets what is idle (Azure with TCP reset), or a \
         firewall. Neither program will have a log of it.",
    ),
    cause(
        HERE,
        "rst-injected",
        "A third party forged a reset in the name of one side.",
        "Marks that do not fit that side: it goes on sending after its own RST, the TTL or sequence \
         number is off, or the RST came sooner than the distance allows.",
        "Look for the box at that distance (firewall, intrusion prevention, provider); try TLS, another \
         port or another network.",
    ),
    cause(
        HERE,
        "rst-unread-data",
        "A side closed while bytes for it were still unread, so its kernel sent RST and what was on the \
         way is lost.",
        "Data towards the side, then its RST without FIN, or its FIN and then RST as soon as more data \
         arrives.",
        "Have the program read to the end before it closes; else the other end may lose even what it was \
         sent.",
    ),
    cause(
        HERE,
        "kill-by-slow-reader-guard",
        "The sender gave up on a reader that was too slow.",
        "A receive window of zero, or shrinking, for seconds; then the sender cuts the connection or \
         closes (1008, 1013, 3008, 4500).",
        "Make the reader faster, or send it less: drop or merge messages for slow readers.",
    ),
    cause(
        HERE,
        "tls-truncated",
        "TCP ended without TLS having said goodbye, and without a Close frame.",
        "A FIN with no close_notify before it.",
        "By itself it says little, many programs end so; but a cut by a box below TLS always looks like \
         this.",
    ),
    cause(
        HERE,
        "tls-closed-no-close-frame",
        "TLS was ended in order, and no Close frame was sent.",
        "close_notify, then FIN, no Close frame.",
        "The program that holds the TLS session ended it itself, so nothing was injected on the way: \
         read its log.",
    ),
];
