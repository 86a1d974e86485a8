//! Sessions that a timer, a restart or a reload ended: told by when, not by how.

use super::{Cause, Group, cause};

const HERE: Group = Group::Timing;

pub(super) static CAUSES: &[Cause] = &[
    cause(
        HERE,
        "idle-timeout",
        "A timer ended a session that had been silent for as long as the timer allows.",
        "FIN, RST or Close after a silence that fits a known timer, surest where several sessions end \
         after the same silence.",
        "Send Pings at less than half of it, or raise the timer that is named. Mind the direction: nginx \
         counts only what the server sends, Cowboy only what the client sends.",
    ),
    cause(
        HERE,
        "keepalive-too-slow",
        "There is a keepalive, and its period is no shorter than the timer that cuts the session.",
        "Pings at a steady period, and the end after about one of them.",
        "Halve the period: a Ping that is as slow as the timer loses the race against it now and then.",
    ),
    cause(
        HERE,
        "lifetime-limit",
        "Something allows sessions an age, however busy they are.",
        "Several sessions that end at the same age since their 101, with traffic up to the end.",
        "Reconnect before that age, at a moment of your own, or raise the limit (Google load balancers \
         30 s, Envoy routes 15 s, AWS API Gateway 2 h).",
    ),
    cause(
        HERE,
        "mass-cut",
        "Many sessions ended at once: a restart, a reload, a drain, a deployment, or a crash.",
        "Sessions of one address that end within seconds, without Close frames or with 1001 or 1012.",
        "Compare the second with the log of deployments and reloads (ingress-nginx cuts 240 s after \
         one). Drain with a random pause, and let clients reconnect with one.",
    ),
];
