//! The causes a verdict may name, and the violations an anomaly may: what each means, what
//! shows it, what to do. For `hangup explain`; verdicts are made elsewhere.
//!
//! One file a [`Group`], one row a cause.

mod capture;
mod close;
mod keepalive;
mod no_close;
mod opening;
mod silence;
mod status;
mod tcp;
mod timing;
mod violation;

pub use status::{STATUSES, Status, status_advice};

/// Where in the life of a session a cause strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// It ended with a Close frame.
    Close,
    /// It ended over a Ping and its Pong.
    Keepalive,
    /// When it ended tells why: a timer, a restart.
    Timing,
    /// TCP or TLS ended, without any Close frame.
    NoClose,
    /// Nothing came back any more.
    Silence,
    /// It was never opened.
    Opening,
    /// The capture does not tell.
    Capture,
    /// A rule of RFC 6455 that was broken: told as an anomaly, and as the particular of
    /// `protocol-violation`.
    Violation,
    /// Something odd in TCP: told as an anomaly.
    Tcp,
}

impl Group {
    /// Every group, in the order in which to show them.
    pub const ALL: [Self; 9] = [
        Self::Close,
        Self::Keepalive,
        Self::Timing,
        Self::NoClose,
        Self::Silence,
        Self::Opening,
        Self::Capture,
        Self::Violation,
        Self::Tcp,
    ];

    /// Its heading.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Close => "Ended by a Close frame",
            Self::Keepalive => "Ended over a Ping",
            Self::Timing => "Ended by a timer, a restart or a reload",
            Self::NoClose => "Ended without a Close frame (1006)",
            Self::Silence => "Nothing came back any more (1006)",
            Self::Opening => "Never opened",
            Self::Capture => "The capture does not tell",
            Self::Violation => "Violations of the protocol (RFC 6455)",
            Self::Tcp => "Oddities of TCP",
        }
    }

    /// Where such a name stands, where that is not the cause of a verdict.
    pub const fn named_in(self) -> Option<&'static str> {
        match self {
            Self::Violation => {
                Some("named in `anomalies`, and the particulars of protocol-violation")
            }
            Self::Tcp => Some("named in `anomalies`"),
            _ => None,
        }
    }

    /// What is in it.
    pub fn causes(self) -> &'static [Cause] {
        match self {
            Self::Close => close::CAUSES,
            Self::Keepalive => keepalive::CAUSES,
            Self::Timing => timing::CAUSES,
            Self::NoClose => no_close::CAUSES,
            Self::Silence => silence::CAUSES,
            Self::Opening => opening::CAUSES,
            Self::Capture => capture::CAUSES,
            Self::Violation => violation::CAUSES,
            Self::Tcp => tcp::CAUSES,
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

/// Every cause, by group.
pub fn all() -> impl Iterator<Item = &'static Cause> {
    Group::ALL.into_iter().flat_map(Group::causes)
}

/// The cause or violation that goes by `name`; `None` where none does.
pub fn lookup(name: &str) -> Option<&'static Cause> {
    all().find(|cause| cause.name.eq_ignore_ascii_case(name))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_words_that_occur_once() {
        let mut seen = std::collections::HashSet::new();
        for cause in all() {
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
    fn every_cause_is_in_its_group() {
        for group in Group::ALL {
            assert!(!group.causes().is_empty());
            assert!(group.causes().iter().all(|cause| cause.group == group));
        }
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
