//! Findings in words.

use std::net::SocketAddr;

use super::{Clock, Cohort, How, Shared};
use crate::session::Party;

/// Timers named in a sentence.
const MAX_NAMED: usize = 4;

/// What its sessions share, in one sentence.
pub(super) fn summary(cohort: &Cohort, server: Option<SocketAddr>) -> String {
    let count = cohort.indices.len();
    let of = if cohort.of == count as u64 {
        format!("All {count}")
    } else {
        format!("{count} of {}", cohort.of)
    };
    let to = server.map_or_else(String::new, |server| format!(" to {server}"));
    match cohort.shared {
        Shared::Idle(clock, nanos) => format!(
            "{of} sessions{to} were {} {} after {}: an idle timer{}.{}",
            ended(cohort),
            span(nanos),
            last_byte(clock),
            such_as(cohort),
            pings(cohort)
        ),
        Shared::Age(nanos) => format!(
            "{of} sessions{to} were {} {} after they were opened, whatever was said until then: a cap on \
             their age{}.",
            ended(cohort),
            span(nanos),
            such_as(cohort)
        ),
        Shared::Moment(nanos) => format!(
            "{of} sessions that were open{to} were {} within {} of each other, old and young alike: a restart, \
             reload, deploy or crash of that server, or of the proxy before it.",
            ended(cohort),
            span(nanos)
        ),
    }
}

/// What to do, in one sentence.
pub(super) fn advice(cohort: &Cohort) -> String {
    match cohort.shared {
        // A Ping counts as a byte of its sender, and its Pong as one of the other side, so Pings
        // of the server, which browsers cannot send, serve every clock.
        Shared::Idle(_, nanos) => format!(
            "Have the server send a Ping every {} or more often (half of that timer), or raise the timer.",
            span(nanos / 2)
        ),
        Shared::Age(nanos) => format!(
            "Keep-alives do not help here: reconnect before {} are over, or raise the cap.",
            span(nanos)
        ),
        Shared::Moment(_) => {
            "Compare with deploys, reloads and crashes at that second; let servers drain with 1001 \
             or 1012, and let clients reconnect after a random pause."
                .to_owned()
        }
    }
}

/// What is added to what a session of the cohort is told with.
pub(super) fn note(cohort: &Cohort) -> String {
    let (count, of) = (cohort.indices.len(), cohort.of);
    match cohort.shared {
        Shared::Idle(clock, nanos) => format!(
            " {count} of {of} sessions to this server ended so, {} after {}: an idle timer{}.{}",
            span(nanos),
            last_byte(clock),
            such_as(cohort),
            pings(cohort)
        ),
        Shared::Age(nanos) => format!(
            " {count} of {of} sessions to this server ended so, {} after they were opened: a cap on their age{}.",
            span(nanos),
            such_as(cohort)
        ),
        Shared::Moment(nanos) => format!(
            " {count} of {of} sessions that were open to this server ended with it, within {}: a restart, \
             reload, deploy or crash.",
            span(nanos)
        ),
    }
}

/// Pings that do not hold the timer off.
fn pings(cohort: &Cohort) -> String {
    cohort.slow_pings.map_or_else(String::new, |period| {
        format!(
            " Their Pings, one every {}, come too late to hold that off.",
            span(period)
        )
    })
}

fn ended(cohort: &Cohort) -> String {
    let by = match cohort.by {
        Party::Client => " by the client",
        Party::Server => " by the server's side",
        Party::Both | Party::Network => " from between",
    };
    match cohort.how {
        Some(How::Fin) => format!("cut (FIN){by}"),
        Some(How::Rst) => format!("reset (RST){by}"),
        Some(How::Close(1005)) => format!("closed without a code{by}"),
        Some(How::Close(code)) => format!("closed with {code}{by}"),
        None => format!("ended{by}"),
    }
}

/// The timers that would do so, as `, such as nginx proxy_read_timeout`.
fn such_as(cohort: &Cohort) -> String {
    let mut names: Vec<String> = Vec::new();
    for timer in &cohort.timers {
        let name = format!("{} {}", timer.product, timer.setting);
        if names.len() < MAX_NAMED && !names.contains(&name) {
            names.push(name);
        }
    }
    match names.as_slice() {
        [] => String::new(),
        [only] => format!(", such as {only}"),
        [others @ .., last] => format!(", such as {} or {last}", others.join(", ")),
    }
}

const fn last_byte(clock: Clock) -> &'static str {
    match clock {
        Clock::Server => "the server's last byte",
        Clock::Client => "the client's last byte",
        Clock::Either => "the last byte of either side",
    }
}

/// Nanoseconds as `60.0 s`, or `12 ms`.
fn span(nanos: i64) -> String {
    if nanos < 1_000_000_000 {
        return format!("{} ms", (nanos.max(0) / 1_000_000).max(1));
    }
    let tenths = nanos.saturating_add(50_000_000) / 100_000_000;
    format!("{}.{} s", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_rounded_to_what_people_read() {
        assert_eq!(span(60_004_000_000), "60.0 s");
        assert_eq!(span(2_960_000_000), "3.0 s");
        assert_eq!(span(500_000_000), "500 ms");
        assert_eq!(span(0), "1 ms");
        assert_eq!(span(-5), "1 ms");
    }
}
