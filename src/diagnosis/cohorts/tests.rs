use super::testing::{SERVER, address, chance, closed, cut, open};
use super::*;
use crate::diagnosis::amend::compare;
use crate::session::Said;

use Party::{Client, Network, Server};

/// Cut by the server `idle` ms after the last byte, which came `talk` ms after the 101.
fn idle_cut(number: u64, opened: i64, talk: i64, idle: i64) -> Session {
    let last = opened + talk;
    cut(
        open(number, opened, last - 30, last),
        EndKind::Fin,
        Server,
        last + idle,
    )
}

fn causes(sessions: &[Session]) -> Vec<&'static str> {
    sessions
        .iter()
        .map(|session| session.verdict.cause)
        .collect()
}

fn numbers(range: std::ops::RangeInclusive<u64>) -> Vec<u64> {
    range.collect()
}

#[test]
fn three_equal_silences_are_a_timer() {
    let mut sessions: Vec<Session> = (1..=3)
        .map(|n| idle_cut(n, 100, 5000 * n as i64, 60_000 + n as i64))
        .collect();
    sessions.push(closed(open(4, 0, 5000, 5000), 1000, Side::Client, 6000));
    let findings = compare(&mut sessions);
    assert_eq!(
        causes(&sessions),
        [
            "idle-timeout",
            "idle-timeout",
            "idle-timeout",
            "closed-normal"
        ]
    );
    assert_eq!(findings.len(), 1);
    let finding = &findings[0];
    assert_eq!((finding.name, finding.of), ("idle-timeout", 4));
    assert_eq!(finding.sessions, [1, 2, 3]);
    assert_eq!(finding.confidence, Confidence::High);
    assert_eq!(finding.server, Some(address(SERVER)));
    assert!(
        finding.summary.starts_with(
            "3 of 4 sessions to 10.0.0.9:443 were cut (FIN) by the server's side 60.0 s after the server's last byte"
        ),
        "{}",
        finding.summary
    );
    assert!(finding.advice.contains("30.0 s"), "{}", finding.advice);
    assert_eq!(sessions[0].verdict.confidence, Confidence::High);
    assert!(sessions[0].verdict.summary.contains("60.0 s"));
}

#[test]
fn two_or_unequal_or_short_silences_are_none() {
    for silences in [
        vec![60_000, 60_000],
        vec![60_000, 61_200, 62_500],
        vec![500, 500, 500],
    ] {
        let mut sessions: Vec<Session> = (1..)
            .zip(silences)
            .map(|(n, idle)| idle_cut(n, 100, 5000 * n as i64, idle))
            .collect();
        assert_eq!(compare(&mut sessions), [], "{sessions:?}");
        assert!(
            causes(&sessions)
                .iter()
                .all(|&cause| cause == "fin-without-close")
        );
    }
}

#[test]
fn two_hundred_among_fifty_others_are_found_exactly() {
    let mut sessions: Vec<Session> = (1..=250)
        .map(|n| {
            let (opened, talk) = (chance(n, 60_000), 200 + chance(n + 1000, 20_000));
            match n % 5 {
                // The others: goodbyes, resets, and cuts after any silence but this.
                0 => match n % 4 {
                    0 => closed(
                        open(n, opened, opened + talk, opened),
                        1000,
                        Side::Client,
                        opened + talk + 9,
                    ),
                    1 => cut(
                        open(n, opened, opened, opened),
                        EndKind::Rst,
                        Client,
                        opened + talk,
                    ),
                    2 => idle_cut(n, opened, talk, 20 + chance(n + 2000, 2600)),
                    _ => open(n, opened, opened, opened),
                },
                _ => idle_cut(n, opened, talk, 3000 + chance(n + 3000, 9)),
            }
        })
        .collect();
    let findings = compare(&mut sessions);
    assert_eq!(findings.len(), 1, "{findings:?}");
    let expected: Vec<u64> = (1..=250).filter(|n| n % 5 != 0).collect();
    assert_eq!(findings[0].sessions, expected);
    assert_eq!(findings[0].of, 250);
    for session in &sessions {
        assert_eq!(
            session.verdict.cause == "idle-timeout",
            session.number % 5 != 0
        );
    }
}

#[test]
fn the_clock_is_the_one_that_agrees() {
    // The client goes on talking to a server that says nothing: nginx counts the server's bytes.
    let mut sessions: Vec<Session> = (1..=5)
        .map(|n| {
            let last = 3000 * n as i64;
            let end = last + 60_002;
            cut(
                open(n, 0, end - chance(n, 4000), last),
                EndKind::Fin,
                Server,
                end,
            )
        })
        .collect();
    let findings = compare(&mut sessions);
    assert!(
        findings[0].summary.contains("after the server's last byte"),
        "{findings:?}"
    );
    // Now the last byte is anybody's.
    let mut sessions: Vec<Session> = (1..=6)
        .map(|n| {
            let (last, before) = (3000 * n as i64, 3000 * n as i64 - 500 * n as i64);
            let (client, server) = if n % 2 == 0 {
                (last, before)
            } else {
                (before, last)
            };
            cut(
                open(n, 0, client, server),
                EndKind::Fin,
                Server,
                last + 60_002,
            )
        })
        .collect();
    let findings = compare(&mut sessions);
    assert!(
        findings[0]
            .summary
            .contains("after the last byte of either side"),
        "{findings:?}"
    );
}

#[test]
fn who_ended_it_and_how_must_agree_too() {
    let session = |n: u64, how, by| {
        let last = 5000 * n as i64;
        cut(open(n, 0, last, last), how, by, last + 30_000)
    };
    let mut sessions = [
        session(1, EndKind::Fin, Server),
        session(2, EndKind::Fin, Client),
        session(3, EndKind::Rst, Server),
        session(4, EndKind::Rst, Network),
        session(5, EndKind::Silence, Network),
    ];
    assert_eq!(compare(&mut sessions), []);
    let mut sessions: Vec<Session> = (1..=4).map(|n| session(n, EndKind::Rst, Network)).collect();
    assert!(
        compare(&mut sessions)[0]
            .summary
            .contains("reset (RST) from between")
    );
}

#[test]
fn a_close_that_timers_send_counts_and_a_goodbye_of_clients_does_not() {
    let session = |n: u64, code, by| {
        let last = 5000 * n as i64;
        closed(open(n, 0, last, last), code, by, last + 60_000)
    };
    let mut sessions: Vec<Session> = (1..=4).map(|n| session(n, 1000, Side::Server)).collect();
    assert!(
        compare(&mut sessions)[0]
            .summary
            .contains("closed with 1000 by the server's side")
    );
    for (code, by) in [(1000, Side::Client), (4001, Side::Server)] {
        let mut sessions: Vec<Session> = (1..=4).map(|n| session(n, code, by)).collect();
        assert_eq!(compare(&mut sessions), []);
    }
}

#[test]
fn equal_ages_under_traffic_are_a_cap() {
    let mut sessions: Vec<Session> = (1..=4)
        .map(|n| {
            let opened = 7000 * n as i64;
            let end = opened + 30_000 + n as i64;
            cut(
                open(n, opened, end - chance(n, 4000), end - chance(n + 9, 5000)),
                EndKind::Fin,
                Server,
                end,
            )
        })
        .collect();
    let findings = compare(&mut sessions);
    assert_eq!(findings.len(), 1);
    assert_eq!(
        (findings[0].name, findings[0].sessions.len()),
        ("lifetime-limit", 4)
    );
    assert!(
        findings[0]
            .summary
            .contains("30.0 s after they were opened"),
        "{findings:?}"
    );
}

#[test]
fn sessions_that_never_spoke_were_idle_not_old() {
    let mut sessions: Vec<Session> = (1..=4)
        .map(|n| {
            let opened = 7000 * n as i64;
            cut(
                open(n, opened, opened, opened),
                EndKind::Fin,
                Server,
                opened + 60_000,
            )
        })
        .collect();
    assert_eq!(compare(&mut sessions)[0].name, "idle-timeout");
    assert_eq!(sessions[0].verdict.other_causes, ["lifetime-limit"]);
    // Equal heartbeats, the last of them 10 s before an end at the age of an hour.
    let mut sessions: Vec<Session> = (1..=4)
        .map(|n| {
            let opened = 7000 * n as i64;
            let last = opened + 3_590_000;
            cut(
                open(n, opened, last, last),
                EndKind::Fin,
                Server,
                last + 10_000,
            )
        })
        .collect();
    assert_eq!(compare(&mut sessions)[0].name, "lifetime-limit");
    assert_eq!(sessions[0].verdict.other_causes, ["idle-timeout"]);
}

/// Opened one after the other, talking up to `end`.
fn busy(number: u64, end: i64) -> Session {
    let opened = chance(number, 30_000);
    open(
        number,
        opened,
        end - chance(number + 7, 9000),
        end - chance(number + 8, 9000),
    )
}

#[test]
fn many_ends_in_one_moment_are_one_cut() {
    let mut sessions: Vec<Session> = (1..=20)
        .map(|n| match n {
            1..=17 => cut(busy(n, 40_000), EndKind::Fin, Server, 40_000 + n as i64),
            18 => closed(busy(n, 40_000), 1001, Side::Server, 40_030),
            _ => busy(n, 40_000),
        })
        .collect();
    let findings = compare(&mut sessions);
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!((findings[0].name, findings[0].of), ("mass-cut", 20));
    assert_eq!(findings[0].sessions, numbers(1..=18));
    assert!(
        findings[0]
            .summary
            .starts_with("18 of 20 sessions that were open to 10.0.0.9:443 were ended by")
    );
    assert_eq!(
        causes(&sessions)[17..19],
        ["mass-cut", "open-at-end-of-capture"]
    );
}

#[test]
fn what_the_wire_states_stays() {
    let mut sessions: Vec<Session> = (1..=5)
        .map(|n| closed(busy(n, 40_000), 1012, Side::Server, 40_000 + n as i64))
        .collect();
    let findings = compare(&mut sessions);
    assert_eq!(findings[0].name, "mass-cut");
    assert!(
        causes(&sessions)
            .iter()
            .all(|&cause| cause == "service-restart")
    );
}

#[test]
fn few_of_many_or_of_one_age_or_clients_are_no_mass_cut() {
    let at_once = |n: u64| cut(busy(n, 40_000), EndKind::Fin, Server, 40_000 + n as i64);
    // Three of a hundred.
    let mut sessions: Vec<Session> = (1..=100)
        .map(|n| if n <= 3 { at_once(n) } else { busy(n, 40_000) })
        .collect();
    assert_eq!(compare(&mut sessions), []);
    // Each by its own client.
    let mut sessions: Vec<Session> = (1..=9)
        .map(|n| closed(busy(n, 40_000), 1000, Side::Client, 40_000 + n as i64))
        .collect();
    assert_eq!(compare(&mut sessions), []);
    // One client that ends.
    let mut sessions: Vec<Session> = (1..=9)
        .map(|n| cut(busy(n, 40_000), EndKind::Fin, Client, 40_000 + n as i64))
        .collect();
    assert_eq!(compare(&mut sessions), []);
    // Started together, as well as ended.
    let mut sessions: Vec<Session> = (1..=9)
        .map(|n| {
            cut(
                open(n, n as i64, 39_000 + chance(n, 900), 39_000),
                EndKind::Fin,
                Server,
                40_000 + n as i64,
            )
        })
        .collect();
    assert!(
        compare(&mut sessions)
            .iter()
            .all(|finding| finding.name != "mass-cut")
    );
}

#[test]
fn a_busy_server_of_short_sessions_has_no_mass_cut() {
    let mut sessions: Vec<Session> = (1..=2000)
        .map(|n| {
            let opened = n as i64 * 10;
            let end = opened + 100 + chance(n, 900);
            cut(open(n, opened, end - 5, end - 9), EndKind::Fin, Server, end)
        })
        .collect();
    assert_eq!(compare(&mut sessions), []);
}

#[test]
fn silences_of_all_lengths_are_no_timer() {
    let mut sessions: Vec<Session> = (1..=500)
        .map(|n| {
            idle_cut(
                n,
                chance(n, 600_000),
                chance(n + 5000, 60_000),
                chance(n + 9000, 90_000),
            )
        })
        .collect();
    assert_eq!(compare(&mut sessions), []);
}

#[test]
fn equal_silences_that_end_at_once_are_less_sure() {
    // Opened together, silent together, cut together: the timer is closer to its own time than
    // the ends are to each other.
    let session = |n: u64, jitter: i64| {
        let last = 5000 + 10 * n as i64;
        cut(
            open(n, 100, last, last),
            EndKind::Fin,
            Server,
            last + 3000 + jitter,
        )
    };
    let mut sessions: Vec<Session> = (1..=5).map(|n| session(n, n as i64 % 2)).collect();
    let findings = compare(&mut sessions);
    assert_eq!(
        (findings[0].name, findings[0].confidence),
        ("idle-timeout", Confidence::Medium)
    );
    assert_eq!(sessions[0].verdict.other_causes, ["lifetime-limit"]);
    // The same silences, but all ends in the same millisecond: that was no timer.
    let mut sessions: Vec<Session> = (1..=5).map(|n| session(n, 50 - 10 * n as i64)).collect();
    assert_eq!(compare(&mut sessions), []);
}

#[test]
fn what_is_explained_or_lacks_clocks_is_left_alone() {
    let mut sessions: Vec<Session> = (1..=6)
        .map(|n| idle_cut(n, 100, 5000 * n as i64, 60_000))
        .collect();
    for session in &mut sessions {
        session.verdict.cause = "ping-unanswered";
    }
    assert_eq!(compare(&mut sessions), []);
    let mut sessions: Vec<Session> = (1..=6)
        .map(|n| idle_cut(n, 100, 5000 * n as i64, 60_000))
        .collect();
    for session in &mut sessions {
        session.clocks = Clocks::default();
    }
    assert_eq!(compare(&mut sessions), []);
    assert_eq!(compare(&mut []), []);
}

#[test]
fn servers_are_told_apart_and_the_order_is_that_of_sessions() {
    let mut sessions: Vec<Session> = (1..=6)
        .map(|n| idle_cut(n, 100, 5000 * n as i64, 20_000 * (1 + n as i64 % 2)))
        .collect();
    for session in sessions
        .iter_mut()
        .filter(|session| session.number % 2 == 1)
    {
        session.server = address("10.0.0.1:80");
    }
    sessions[0].server = address("10.0.0.1:80");
    let findings = compare(&mut sessions);
    let told: Vec<&[u64]> = findings
        .iter()
        .map(|finding| finding.sessions.as_slice())
        .collect();
    assert_eq!(told, [&[1, 3, 5], &[2, 4, 6]]);
}

#[test]
fn a_path_whose_sessions_are_cut_stands_out() {
    let session = |n: u64, path: &str, is_cut: bool| {
        let (opened, end) = (100 * n as i64, 1000 + chance(n, 50_000) + 100 * n as i64);
        let mut session = open(
            n,
            opened,
            end - chance(n + 1, 700),
            end - chance(n + 2, 700),
        );
        session.opening.say(Said {
            path: Some(path),
            ..Said::default()
        });
        if is_cut {
            cut(session, EndKind::Rst, Client, end)
        } else {
            closed(session, 1000, Side::Client, end)
        }
    };
    let crowd = |cut_of_feed: u64, cut_elsewhere: u64| -> Vec<Session> {
        let feed = (1..=10).map(|n| session(n, "/feed?token=x", n <= cut_of_feed));
        let rest = (11..=60).map(|n| session(n, "/chat", n <= 10 + cut_elsewhere));
        feed.chain(rest).collect()
    };
    let mut sessions = crowd(8, 2);
    let findings = compare(&mut sessions);
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(
        (findings[0].name, findings[0].cause, findings[0].of),
        ("abnormal-share", "fin-without-close", 10)
    );
    assert_eq!(findings[0].sessions, numbers(1..=8));
    assert_eq!(
        findings[0].summary,
        "8 of 10 sessions to /feed at 10.0.0.9:443 ended without a Close frame (1006), and only 2 of 50 to \
         other paths there."
    );
    assert_eq!(sessions[0].verdict.cause, "fin-without-close");
    // As bad elsewhere, or not bad enough.
    assert_eq!(compare(&mut crowd(8, 25)), []);
    assert_eq!(compare(&mut crowd(4, 2)), []);
}

#[test]
fn sessions_may_come_in_any_order() {
    let mut sessions: Vec<Session> = (1..=200)
        .map(|n| {
            let opened = chance(n, 900_000);
            let mut session = match n % 4 {
                0 => idle_cut(n, opened, chance(n + 7, 90_000), 60_000 + chance(n, 20)),
                1 => closed(
                    open(n, opened, opened, opened),
                    1001,
                    Side::Server,
                    2_000_000 + n as i64,
                ),
                // Several values are equal.
                2 => idle_cut(n, opened, 1000 * chance(n, 90), 1000 * chance(n + 1, 30)),
                _ => closed(
                    open(n, opened, opened, opened),
                    1000,
                    Side::Client,
                    opened + 5000,
                ),
            };
            session.opening.say(Said {
                path: Some(if n % 4 == 2 { "/feed" } else { "/chat" }),
                ..Said::default()
            });
            session
                .client
                .set_ip([10, 0, 0, u8::try_from(n % 50).unwrap_or(0)].into());
            if n % 2 == 0 && n < 100 {
                session.server.set_port(8080);
            }
            session
        })
        .collect();
    let mut other = sessions.clone();
    other.sort_by_key(|session| chance(session.number, 1000));
    let findings = compare(&mut sessions);
    assert_eq!(findings, compare(&mut other));
    let names: std::collections::BTreeSet<_> = findings.iter().map(|it| it.name).collect();
    assert!(names.len() >= 3, "{names:?}");
    other.sort_by_key(|session| session.number);
    assert_eq!(sessions, other);
}

#[test]
fn clocks_of_any_value_do_no_harm() {
    let mut sessions: Vec<Session> = (1..=2000)
        .map(|n| idle_cut(n, chance(n, 600_000), 5000, chance(n + 1, 100_000)))
        .collect();
    for (session, extreme) in sessions
        .iter_mut()
        .zip([i64::MIN, i64::MAX, -1, 0].into_iter().cycle())
        .take(100)
    {
        session.clocks = Clocks {
            client: Some(extreme),
            server: None,
            either: Some(-extreme.max(-5)),
            age: Some(extreme),
        };
    }
    compare(&mut sessions);
}

#[test]
fn pings_that_come_too_late_for_the_timer_are_what_they_share() {
    let sessions = |periods: [Option<i64>; 4]| -> Vec<Session> {
        (1..)
            .zip(periods)
            .map(|(n, period)| {
                let mut session = idle_cut(n, 100, 5000 * n as i64, 3_000 + n as i64);
                session.ping_period = period.map(|millis| millis * 1_000_000);
                session
            })
            .collect()
    };
    let mut slow = sessions([Some(2_900), Some(2_950), None, Some(3_000)]);
    let findings = compare(&mut slow);
    assert_eq!(causes(&slow), ["keepalive-too-slow"; 4]);
    let finding = &findings[0];
    assert_eq!(
        (finding.name, finding.cause),
        ("idle-timeout", "keepalive-too-slow")
    );
    assert!(
        finding.summary.contains("one every 3.0 s"),
        "{}",
        finding.summary
    );
    // Pings that are often enough, and too few that are not.
    for periods in [
        [Some(1_000); 4],
        [Some(2_900), Some(3_000), None, None],
        [None; 4],
    ] {
        let mut sessions = sessions(periods);
        compare(&mut sessions);
        assert_eq!(causes(&sessions), ["idle-timeout"; 4]);
    }
}
