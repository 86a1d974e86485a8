//! Sessions in which nothing came back any more.

use super::{Cause, Group, cause};

const HERE: Group = Group::Silence;

pub(super) static CAUSES: &[Cause] = &[
    cause(
        HERE,
        "silence",
        "One side went on sending and nobody answered any more: power, Wi-Fi, a crash, or a path that \
         swallows packets.",
        "The same segment three times or more, never acknowledged, and no packet of the peer since.",
        "Have a deadline for Pongs at both ends: without it an end notices after 15 minutes. If the silence \
         began with the first packet after a long pause, a NAT or firewall forgot the connection: send Pings.",
    ),
    cause(
        HERE,
        "peer-vanished",
        "One side was gone from one moment to the next: what was sent to it was never acknowledged.",
        "The same bytes three times or more, without an acknowledgement, and no packet of that side \
         since.",
        "Power, cable, Wi-Fi, crash, or a suspended device. Have a deadline for Pongs at both ends: \
         without it an end notices after 15 minutes.",
    ),
    cause(
        HERE,
        "path-blackhole-after-idle",
        "After a long silence nothing got through any more.",
        "A minute or more without a packet, then data that is repeated and never acknowledged.",
        "A NAT or firewall forgot the connection and drops its packets: send Pings more often than that \
         silence lasted.",
    ),
    cause(
        HERE,
        "one-way-loss",
        "Packets of one direction got through, those of the other did not.",
        "A side whose packets keep coming never acknowledges what it is sent, and repeats its own bytes.",
        "Look for two different paths, or a firewall that saw only one direction: capture at both ends.",
    ),
    cause(
        HERE,
        "app-stalled",
        "The machine was there, the program was not: TCP acknowledged, and nothing was answered.",
        "Acknowledgements of data and Pings, but no Pong, no data and no Close from that side.",
        "A blocked event loop, thread or debugger: look at what that program did at that second.",
    ),
    cause(
        HERE,
        "zero-window-stall",
        "The reader stopped reading, so the sender had to stop sending.",
        "A receive window of zero for long, and probes that are answered with zero.",
        "Find out why the reader stands still; let the sender drop what is stale.",
    ),
    cause(
        HERE,
        "network-changed",
        "The client went to another network and came back from another address.",
        "Silence of one session, and within seconds an opening with the same path and credentials from \
         another address.",
        "Wi-Fi to mobile or back: let the client notice and resume, and give the old session a deadline.",
    ),
    cause(
        HERE,
        "suspended-client",
        "The client was put to sleep: phone locked, app in the background, lid closed.",
        "A client whose Pongs and timers are late or stop, and a FIN, RST or 1001 when it wakes.",
        "Expected on phones: reconnect on waking, and keep what was missed for a while.",
    ),
    cause(
        HERE,
        "keepalive-probes-unanswered",
        "TCP asked whether the other side was still there, got no answer, and gave up.",
        "TCP keepalive segments that nobody acknowledges, then RST.",
        "The host or the path was gone: as peer-vanished, only noticed by the kernel.",
    ),
];
