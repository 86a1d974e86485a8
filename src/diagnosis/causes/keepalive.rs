//! Sessions that ended over a Ping and its Pong.

use super::{Cause, Group, cause};

const HERE: Group = Group::Keepalive;

pub(super) static CAUSES: &[Cause] = &[
    cause(
        HERE,
        "ping-unanswered",
        "One side sent a Ping, got no Pong in its time, and gave up.",
        "A Ping without its Pong, then Close (the websockets library for Python: 1011) or the end of the \
         connection by who pinged.",
        "The path or the other end was dead or stuck. If TCP acknowledged the Ping, the program there \
         was stuck; if not, look at the network.",
    ),
    cause(
        HERE,
        "ping-answered-but-closed",
        "The Pong was there in time, and yet who had pinged closed for want of it.",
        "Ping, its Pong before the deadline, then the end by who pinged. Surest in a capture taken at \
         that side.",
        "The side that closed does not get to read: a blocked event loop, a paused socket, a queue of \
         messages before the Pong. Look there, not at the network.",
    ),
    cause(
        HERE,
        "late-pong",
        "The Pong came after who had pinged gave up.",
        "Ping, the end or Close of who pinged, and the Pong behind it.",
        "The other side was busy or the path slow: a longer deadline for Pongs helps. Windows of zero \
         and late acknowledgements tell the two apart.",
    ),
];
