//! Options that select, and exit statuses.

use serde_json::Value;

use crate::place::{Place, bytes, has_words, records};

/// One session, 1000 from either side.
const NORMAL: &str = "close-normal-client";
/// One session over IPv6, 1001 from the server.
const IPV6: &str = "ipv6";
/// Two sessions: one closed, one cut off.
const TWO: &str = "two-clients";

/// The sessions that are told, by their path.
fn paths(place: &Place, arguments: &[&str]) -> Vec<String> {
    let run = place.read(&[&["-q", "--format", "jsonl"], arguments].concat());
    assert_eq!((run.status, run.stderr.as_str()), (Some(0), ""), "{run:?}");
    let sessions = records(&run.stdout, "session").into_iter();
    sessions
        .map(|session| session["path"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn fail_on_looks_at_what_is_shown() {
    let place = Place::new();
    place.write("a.pcap", &bytes(TWO));
    let status = |options: &[&str]| place.read(&[&["a.pcap"], options].concat()).status;
    let sessions = records(
        &place.read(&["a.pcap", "--format", "jsonl"]).stdout,
        "session",
    );
    let codes: Vec<u64> = sessions
        .iter()
        .filter_map(|told| told["code"].as_u64())
        .collect();
    assert!(codes.contains(&1006) && codes.len() == 2, "{codes:?}");
    let other = codes
        .iter()
        .find(|code| **code != 1006)
        .unwrap()
        .to_string();
    assert_eq!(status(&[]), Some(0));
    assert_eq!(status(&["--fail-on", "abnormal"]), Some(1));
    assert_eq!(status(&["--fail-on", "1006"]), Some(1));
    assert_eq!(status(&["--fail-on", "1011"]), Some(0));
    assert_eq!(status(&["--fail-on", &format!("1011,{other}")]), Some(1));
    assert_eq!(
        status(&["--fail-on", "abnormal", "--code", &other]),
        Some(0)
    );
    // Found weighs more than cut short.
    place.write("a.pcap", &bytes(TWO)[..bytes(TWO).len() - 3]);
    assert_eq!(status(&[]), Some(3));
    assert_eq!(status(&["--fail-on", "1006"]), Some(1));
    place.refused(
        &["a.pcap", "--fail-on", "sometimes"],
        &["sometimes", "abnormal"],
    );
}

#[test]
fn selections_select() {
    let place = Place::new();
    place.write("two.pcap", &bytes(TWO));
    place.write("six.pcap", &bytes(IPV6));
    let all = paths(&place, &["two.pcap", "six.pcap"]);
    assert_eq!(all.len(), 3, "{all:?}");
    let run = place.read(&["two.pcap", "six.pcap", "-q", "--format", "jsonl"]);
    let sessions = records(&run.stdout, "session");
    let six = sessions
        .iter()
        .find(|session| session["path"] == "/six")
        .unwrap();
    let cut_off = sessions
        .iter()
        .find(|session| session["code"] == 1006)
        .unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let port = |address: &Value| format!(":{}", text(address).rsplit(':').next().unwrap());
    let select = |options: &[&str]| paths(&place, &[&["two.pcap", "six.pcap"], options].concat());
    let (six_path, cut_off_path) = ([text(&six["path"])], [text(&cut_off["path"])]);
    assert_eq!(select(&["--abnormal"]), cut_off_path);
    assert_eq!(select(&["--code", "1006"]), cut_off_path);
    assert_eq!(select(&["--code", "1001,1006"]).len(), 2);
    assert_eq!(select(&["--client", "::1"]), six_path);
    assert_eq!(select(&["--client", "::/16"]), six_path);
    assert_eq!(
        select(&["--client", &port(&cut_off["client"])]),
        cut_off_path
    );
    assert_eq!(
        select(&["--client", &text(&cut_off["client"])]),
        cut_off_path
    );
    assert_eq!(select(&["--server", &text(&six["server"])]), six_path);
    assert_eq!(select(&["--server", &port(&six["server"])]), six_path);
    assert_eq!(select(&["--server", "192.0.2.0/24"]), [""; 0]);
    assert_eq!(select(&["--path", "/si*"]), six_path);
    assert_eq!(select(&["--path", "/*"]), all);
    let number = sessions
        .iter()
        .position(|session| session["path"] == "/six")
        .unwrap()
        + 1;
    assert_eq!(select(&["--session", &number.to_string()]), six_path);
    // None is left: that is no error, and said.
    let run = place.read(&["two.pcap", "--code", "4999"]);
    assert_eq!(run.status, Some(0));
    has_words(&run, &["No session matches"]);
}

#[test]
fn options_that_make_no_sense_are_refused_before_anything_is_told() {
    let place = Place::new();
    place.write("a.pcap", &bytes(NORMAL));
    place.refused(&["a.pcap", "--session", "2"], &["--session 2", "1 session"]);
    place.refused(&["a.pcap", "--session", "0"], &["--session 0"]);
    place.refused(&["a.pcap", "--client", "here"], &["here", "ADDR"]);
    place.refused(&["a.pcap", "--server", "10.0.0.0/33"], &["10.0.0.0/33"]);
    place.refused(&["a.pcap", "--code", "99999"], &["99999"]);
    place.refused(&["a.pcap", "--path", "[a"], &["--path", "[a"]);
    place.refused(&["a.pcap", "-o", "a.xlsx"], &["a.xlsx", ".csv", ".jsonl"]);
    place.refused(&["a.pcap", "-o", "csv"], &["no ending", ".csv"]);
    place.refused(
        &["a.pcap", "-o", "none/a.csv"],
        &["none/a.csv", "no folder"],
    );
    place.refused(&["-", "-"], &["standard input", "once"]);
    place.refused(&["a.pcap", "--format", "xml"], &["xml", "jsonl"]);
    assert!(!place.0.path().join("a.xlsx").exists());
}

#[test]
#[cfg(feature = "live")]
fn a_filter_is_in_the_language_of_tcpdump() {
    let place = Place::new();
    place.write("two.pcap", &bytes(TWO));
    place.write("six.pcap", &bytes(IPV6));
    let run = place.read(&["six.pcap", "-q", "--format", "jsonl"]);
    let server = &records(&run.stdout, "session")[0]["server"];
    let port = server
        .as_str()
        .unwrap()
        .rsplit(':')
        .next()
        .unwrap()
        .to_owned();
    let filter = format!("tcp port {port}");
    let captures = ["two.pcap", "six.pcap"];
    assert_eq!(
        paths(&place, &[&captures[..], &["-f", &filter]].concat()),
        ["/six"]
    );
    assert_eq!(
        paths(&place, &[&captures[..], &["-f", "ip"]].concat()).len(),
        2
    );
    place.refused(
        &["six.pcap", "-f", "tcp prot 80"],
        &["tcp prot 80", "filter"],
    );
}
