//! The page as a strict reader takes it, and no more series than were meant.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests: a panic is a failure"
)]

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::report::sample;

/// Every sample by its name and labels; panics where a line breaks the rules of OpenMetrics.
fn samples(page: &str) -> BTreeMap<String, f64> {
    let body = page.strip_suffix("# EOF\n").expect("an end");
    let mut types: BTreeMap<&str, &str> = BTreeMap::new();
    let mut samples = BTreeMap::new();
    let mut current = "";
    for line in body.lines() {
        if let Some(about) = line.strip_prefix("# ") {
            let mut words = about.splitn(3, ' ');
            let (what, name, text) = (
                words.next().unwrap(),
                words.next().unwrap(),
                words.next().unwrap(),
            );
            match what {
                "HELP" => assert!(text.ends_with('.'), "{line}"),
                "TYPE" => assert!(types.insert(name, text).is_none(), "twice: {line}"),
                _ => panic!("{line}"),
            }
            current = name;
            continue;
        }
        let (series, value) = line.rsplit_once(' ').expect(line);
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        assert!(
            name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'),
            "{line}"
        );
        // Samples stand below their type, and counters end in “_total”.
        let suffix = name.strip_prefix(current).expect(line);
        let suffixes: &[&str] = match types[current] {
            "counter" => &["_total"],
            "histogram" => &["_bucket", "_count", "_sum"],
            "gauge" => &[""],
            other => panic!("{other}"),
        };
        assert!(suffixes.contains(&suffix), "{line}");
        let labels = labels.strip_suffix('}').expect(line);
        for label in labels.split(',').filter(|label| !label.is_empty()) {
            let (_, value) = label.split_once("=\"").expect(line);
            let value = value.strip_suffix('"').expect(line);
            assert!(!value.contains(['"', '\\', '\n']), "{line}");
        }
        let value: f64 = value.parse().expect(line);
        assert!(value >= 0.0, "{line}");
        assert!(samples.insert(series.to_owned(), value).is_none(), "{line}");
    }
    samples
}

#[test]
fn what_ended_is_counted_by_code_and_cause() {
    let metrics = Metrics::new();
    metrics.session(&sample::abrupt(1));
    metrics.session(&sample::abrupt(2));
    metrics.session(&sample::normal(3));
    let mut failed = sample::normal(4);
    (failed.verdict.state, failed.verdict.code) = (State::Failed, Some(1006));
    failed.opening.http_status = Some(403);
    failed.opened = None;
    metrics.session(&failed);
    metrics.finding(&sample::finding(vec![1, 2]));
    let summary = Summary {
        packets: 77,
        gaps: 2,
        lost_bytes: 9,
        ..sample::summary()
    };
    metrics.stand(&Standing {
        summary: Some(&summary),
        connections: 9,
        open: 5,
        opened: 4,
        held: 1000,
        dropped_by_kernel: 3,
        dropped_by_interface: 0,
        unwritten: 1,
    });
    let page = metrics.page(Text::OpenMetrics, Some(4096));
    let samples = samples(&page);
    let cause = sample::abrupt(1).verdict.cause;
    let value = |series: &str| samples.get(series).copied();
    assert_eq!(
        value(&format!(
            "hangup_sessions_ended_total{{code=\"1006\",cause=\"{cause}\"}}"
        )),
        Some(2.0),
        "{page}"
    );
    for (series, expected) in [
        (
            "hangup_sessions_ended_total{code=\"1000\",cause=\"closed-normal\"}",
            1.0,
        ),
        ("hangup_openings_failed_total{status=\"403\"}", 1.0),
        ("hangup_sessions_abnormal_total", 3.0),
        ("hangup_sessions_opened_total", 7.0),
        ("hangup_sessions_open", 5.0),
        ("hangup_session_duration_seconds_count", 3.0),
        ("hangup_session_duration_seconds_bucket{le=\"+Inf\"}", 3.0),
        ("hangup_packets_total", 77.0),
        ("hangup_packets_dropped_total{by=\"kernel\"}", 3.0),
        ("hangup_packets_dropped_total{by=\"interface\"}", 0.0),
        ("hangup_stream_holes_total", 2.0),
        ("hangup_stream_lost_bytes_total", 9.0),
        ("hangup_held_bytes", 1000.0),
        ("hangup_connections", 9.0),
        ("hangup_rows_unwritten_total", 1.0),
        ("process_resident_memory_bytes", 4096.0),
    ] {
        assert_eq!(value(series), Some(expected), "{series}\n{page}");
    }
}

#[test]
fn whatever_peers_send_there_are_few_series() {
    let metrics = Metrics::new();
    let mut session = sample::normal(1);
    for code in 0..=u16::MAX {
        session.verdict.code = Some(code);
        metrics.session(&session);
    }
    session.verdict.state = State::Failed;
    for status in 0..=u16::MAX {
        session.opening.http_status = Some(status);
        metrics.session(&session);
    }
    let page = metrics.page(Text::OpenMetrics, None);
    let samples = samples(&page);
    let ended: Vec<_> = samples
        .iter()
        .filter(|(series, _)| series.starts_with("hangup_sessions_ended"))
        .collect();
    // 1000 to 1015, 32 of applications, two ranges of theirs and three that nobody may send.
    assert_eq!(ended.len(), 16 + 32 + 5, "{page}");
    assert_eq!(ended.iter().map(|(_, n)| **n).sum::<f64>(), 65_536.0);
    let refused: BTreeSet<_> = samples
        .keys()
        .filter(|series| series.starts_with("hangup_openings_failed"))
        .collect();
    assert_eq!(refused.len(), 32 + 5 + 1, "{page}");
}

#[test]
fn nothing_of_a_peer_is_a_label() {
    let metrics = Metrics::new();
    let session = sample::hostile(1);
    metrics.session(&session);
    let page = metrics.page(Text::OpenMetrics, None);
    samples(&page);
    assert!(!page.contains(&session.client.ip().to_string()));
    assert!(!page.contains(session.opening.path().unwrap()));
}

#[test]
fn what_was_opened_never_becomes_less() {
    let metrics = Metrics::new();
    let opened = |open| {
        metrics.stand(&Standing {
            opened: open,
            ..Standing::default()
        });
        samples(&metrics.page(Text::OpenMetrics, None))["hangup_sessions_opened_total"]
    };
    assert_eq!(opened(3), 3.0);
    metrics.session(&sample::normal(1));
    assert_eq!(opened(2), 3.0);
    // One was given up without being told.
    assert_eq!(opened(1), 3.0);
    assert_eq!(opened(4), 5.0);
}

#[test]
fn the_older_text_describes_each_counter_by_its_samples() {
    let metrics = Metrics::new();
    metrics.session(&sample::abrupt(1));
    let page = metrics.page(Text::Prometheus, None);
    assert!(!page.contains("# EOF"));
    let described: BTreeSet<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .filter_map(|line| line.strip_suffix(" counter"))
        .collect();
    assert!(described.contains("hangup_sessions_ended_total"), "{page}");
    for name in described {
        assert!(page.contains(&format!("# HELP {name} ")), "{name}: {page}");
        assert!(page.contains(&format!("\n{name}")), "{name}: {page}");
    }
    let values = |page: &str| -> Vec<String> {
        let lines = page.lines().filter(|line| !line.starts_with('#'));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(
        values(&page),
        values(&metrics.page(Text::OpenMetrics, None))
    );
}

#[test]
fn tls_that_may_be_anything_is_no_websocket() {
    let metrics = Metrics::new();
    let mut session = sample::abrupt(1);
    session.transport = Transport::Tls;
    metrics.session(&session);
    let page = metrics.page(Text::OpenMetrics, None);
    assert!(
        page.contains("\nhangup_sessions_abnormal_total 0\n"),
        "{page}"
    );
    assert!(!page.contains("hangup_sessions_ended_total"), "{page}");
}

/// The dashboard and the alert rules ask for what there is.
#[test]
fn what_is_asked_for_in_contrib_is_told() {
    let metrics = Metrics::new();
    let mut session = sample::normal(1);
    metrics.session(&session);
    session.verdict.state = State::Failed;
    metrics.session(&session);
    let page = metrics.page(Text::OpenMetrics, Some(1));
    let families: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .collect();
    for file in ["hangup-alerts.yml", "hangup-dashboard.json"] {
        let path = format!("{}/contrib/{file}", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).unwrap();
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let names: BTreeSet<&str> = words
            .filter(|word| word.starts_with("hangup_") || word.starts_with("process_"))
            .collect();
        assert!(names.len() > 5, "{file}");
        for name in names {
            let family = ["_total", "_bucket"]
                .iter()
                .find_map(|suffix| name.strip_suffix(suffix))
                .unwrap_or(name);
            assert!(families.contains(&family), "{file}: {name}");
        }
    }
}
