//! The command line as it is typed: help, explanations, wrong usage.

use assert_cmd::Command;
use hangup::diagnosis::causes;

/// Exit status, standard output and standard error of `hangup` with these arguments.
fn hangup(arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::cargo_bin("hangup").expect("hangup was built");
    let output = command
        .args(arguments)
        .env("NO_COLOR", "1")
        .env_remove("SSLKEYLOGFILE")
        .output()
        .expect("hangup runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("our own output is UTF-8");
    (
        output.status.code().unwrap_or(-1),
        text(output.stdout),
        text(output.stderr),
    )
}

/// Standard output of a command that must go well and have nothing to complain of.
fn told(arguments: &[&str]) -> String {
    let (status, stdout, stderr) = hangup(arguments);
    assert_eq!((status, stderr.as_str()), (0, ""), "{arguments:?}");
    assert!(
        stdout.ends_with('\n') && !stdout.ends_with("\n\n"),
        "{arguments:?}"
    );
    stdout
}

/// Standard error of a command that must fail without any result.
fn refused(arguments: &[&str]) -> String {
    let (status, stdout, stderr) = hangup(arguments);
    assert_eq!(
        (status, stdout.as_str()),
        (2, ""),
        "{arguments:?}: {stderr}"
    );
    stderr
}

#[test]
fn help_teaches_and_fits_a_terminal() {
    for arguments in [
        ["--help"].as_slice(),
        &["read", "--help"],
        &["explain", "--help"],
        &["help", "read"],
    ] {
        let help = told(arguments);
        assert!(
            help.contains("Examples:") && help.contains("hangup "),
            "{help}"
        );
        for line in help.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }
    let read = told(&["read", "--help"]);
    for option in [
        "--format",
        "--output",
        "--view",
        "--filter",
        "--keylog",
        "--abnormal",
        "--code",
        "--client",
        "--server",
        "--path",
        "--session",
        "--time",
        "--color",
        "--quiet",
        "--verbose",
        "--fail-on",
        "--csv-raw",
        "Exit status",
    ] {
        assert!(read.contains(option), "{option}");
    }
}

#[test]
fn the_version_is_told() {
    assert_eq!(
        told(&["--version"]),
        format!("hangup {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn without_arguments_there_is_help_and_a_status_of_wrong_usage() {
    assert!(refused(&[]).contains("Usage: hangup [OPTIONS] CAPTURE..."));
}

#[test]
fn a_code_is_explained() {
    let page = told(&["explain", "1006"]);
    assert!(page.starts_with("1006  Abnormal Closure\n"), "{page}");
    let page = page.split_whitespace().collect::<Vec<_>>().join(" ");
    for words in [
        "never sent",
        "wasClean false",
        "idle timer",
        "hangup read --code 1006",
        "random pause",
    ] {
        assert!(page.contains(words), "{words} is not in {page}");
    }
}

#[test]
fn a_code_goes_by_many_names() {
    for name in [
        "1001",
        "CLOSE_GOING_AWAY",
        "CloseGoingAway",
        "going away",
        "GOING_AWAY",
    ] {
        assert!(
            told(&["explain", name]).starts_with("1001  Going Away\n"),
            "{name}"
        );
    }
    assert!(told(&["explain", "going", "away"]).starts_with("1001  Going Away\n"));
}

#[test]
fn private_codes_are_no_http() {
    let page = told(&["explain", "4003"]);
    assert!(
        page.contains("private") && page.contains("no HTTP statuses"),
        "{page}"
    );
    let page = told(&["explain", "5001"]);
    assert!(
        page.contains("4000 and 4999") && page.contains("no HTTP statuses"),
        "{page}"
    );
}

#[test]
fn numbers_that_are_no_codes_are_explained_too() {
    assert!(told(&["explain", "999"]).contains("not used"));
    assert!(told(&["explain", "70000"]).starts_with("70000  Not a close code\n"));
    assert!(told(&["explain", "-1"]).contains("Java-WebSocket"));
    assert!(told(&["explain", "99999999999999999999"]).contains("Not a close code"));
}

#[test]
fn the_page_of_causes_lists_what_there_is() {
    let page = include_str!("../docs/causes.md");
    let rows: Vec<&str> = page.lines().filter(|row| row.starts_with("| `")).collect();
    let all: Vec<String> = causes::all()
        .map(|cause| format!("| `{}` | {} |", cause.name, cause.meaning))
        .collect();
    assert_eq!(rows, all);
}

#[test]
fn a_cause_is_explained() {
    let page = told(&["explain", "fin-without-close"]);
    assert!(page.starts_with("fin-without-close"), "{page}");
    assert!(
        page.contains("what shows it") && page.contains("what to do"),
        "{page}"
    );
    assert!(told(&["explain", "masked-server-frame"]).contains("5.1"));
}

#[test]
fn without_argument_all_is_listed() {
    let page = told(&["explain"]);
    for words in [
        "1000 ",
        "1015 ",
        "4000-4999",
        "capture-gap",
        "upgrade-refused",
        "reserved-bit",
        "no HTTP statuses",
    ] {
        assert!(page.contains(words), "{words}");
    }
}

#[test]
fn what_cannot_be_explained_gets_a_hint() {
    assert!(refused(&["explain", "upgrade"]).contains("did you mean upgrade-refused"));
    let error = refused(&["explain", "\x1b[31mred"]);
    assert!(
        error.contains("\\x1b[31mred") && !error.contains('\x1b'),
        "{error:?}"
    );
}

#[test]
fn wrong_usage_says_what_would_be_right() {
    let cases: [(&[&str], &str); 10] = [
        (&["read"], "CAPTURE"),
        (&["a.pcap", "--format", "xml"], "table, csv, json, jsonl"),
        (
            &["a.pcap", "-o", "report.xlsx"],
            ".csv, .json, .jsonl or .pcapng",
        ),
        (&["a.pcap", "-o", "report"], "no ending"),
        (
            &["a.pcap", "-o", "/nowhere/at/all/report.csv"],
            "/nowhere/at/all",
        ),
        (&["a.pcap", "--code", "1006,x"], "--code"),
        (&["a.pcap", "--server", "2001:db8::1]:443"], "[ADDR]:PORT"),
        (&["a.pcap", "--path", "["], "--path"),
        (
            &["a.pcap", "--fail-on", "never"],
            "neither abnormal nor a close code",
        ),
        (&["-", "-"], "only once"),
    ];
    for (arguments, words) in cases {
        let error = refused(arguments);
        assert!(error.contains(words), "{words:?} is not in {error}");
    }
}

#[test]
fn options_may_stand_before_the_capture() {
    for arguments in [
        ["-q", "/nowhere/a.pcap"].as_slice(),
        &["--abnormal", "/nowhere/a.pcap"],
        &["-q", "-v", "/nowhere/a.pcap"],
        &["--session", "3", "/nowhere/a.pcap"],
    ] {
        let error = refused(arguments);
        assert!(error.contains("/nowhere/a.pcap: no such file"), "{error}");
    }
}

#[cfg(not(feature = "live"))]
#[test]
fn capture_filters_need_libpcap() {
    assert!(refused(&["a.pcap", "--filter", "port 80"]).contains("built without libpcap"));
}

#[test]
fn man_page_and_completions_are_made_from_the_same_definition() {
    let man = told(&["generate", "man"]);
    assert!(
        man.contains(".TH hangup") && man.contains("fail\\-on"),
        "{man}"
    );
    for shell in ["bash", "zsh", "fish"] {
        assert!(told(&["generate", shell]).contains("csv-raw"), "{shell}");
    }
    assert!(told(&["--help"]).contains("hangup generate man|bash|zsh|fish"));
}

#[test]
fn what_is_encrypted_is_read_with_a_key_log_and_counted_without() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/tls13-suites");
    let (capture, keys) = (
        format!("{folder}/capture.pcap"),
        format!("{folder}/keys.log"),
    );
    let (status, stdout, stderr) = hangup(&["read", &capture]);
    assert_eq!((status, stdout.as_str()), (0, ""));
    assert!(
        stderr.contains("5 TLS connections without a key"),
        "{stderr}"
    );
    assert!(stderr.contains("SSLKEYLOGFILE"), "{stderr}");
    for (named, variable) in [(true, false), (false, true)] {
        let mut command = Command::cargo_bin("hangup").expect("hangup was built");
        command.args(["read", "-q", "--format", "jsonl", &capture]);
        if named {
            command.args(["--keylog", &keys]);
        }
        if variable {
            command.env("SSLKEYLOGFILE", &keys);
        }
        let output = command.output().expect("hangup runs");
        let stdout = String::from_utf8(output.stdout).expect("our own output is UTF-8");
        assert_eq!(
            stdout.matches(r#""transport":"wss""#).count(),
            5,
            "{stdout}"
        );
        assert!(
            stdout.contains(r#""tls_version":"TLS 1.3","cipher_suite":"TLS_AES_128_CCM_8_SHA256""#)
        );
        assert!(output.stderr.is_empty());
    }
    assert!(refused(&["read", &capture, "--keylog", "/nowhere/keys.log"]).contains("--keylog"));
}

#[test]
fn a_key_log_that_is_none_is_told_and_its_contents_are_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let keys = folder.path().join("keys.log");
    let capture = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/fixtures/tls13-suites/capture.pcap"
    );
    for (text, told) in [
        ("", "holds no TLS secrets"),
        ("hush\nhush hush hush\n", "2 lines are not of a TLS key log"),
    ] {
        std::fs::write(&keys, text).expect("writable");
        let keys = keys.to_str().expect("UTF-8");
        let (status, _, stderr) = hangup(&["read", capture, "--keylog", keys]);
        assert_eq!(status, 0);
        assert!(
            stderr.contains(told) && !stderr.contains("hush"),
            "{stderr}"
        );
    }
}

/// The lines of a JSON Lines output, without what goes by the order of sessions or tells of others.
fn apart(output: &str) -> Vec<String> {
    let mut lines: Vec<String> = output
        .lines()
        .map(|line| {
            let mut record: serde_json::Value = serde_json::from_str(line).expect("JSON");
            if let Some(fields) = record.as_object_mut() {
                // Findings name sessions by their numbers.
                for field in ["session", "sessions", "related"] {
                    fields.remove(field);
                }
                if fields.get("type").is_some_and(|kind| kind == "session") {
                    for field in ["cause", "confidence", "other_causes", "summary", "advice"] {
                        fields.remove(field);
                    }
                }
            }
            record.to_string()
        })
        .collect();
    lines.sort();
    lines
}

#[test]
fn told_as_they_end_sessions_are_the_same() {
    for case in [
        "idle-timeout-2s",
        "two-clients",
        "two-legs-closed",
        "port-reuse",
        "syn-unanswered",
    ] {
        let capture = format!("fixtures/{case}/capture.pcap");
        let read = |order| {
            let format = ["read", "-q", "--format", "jsonl", "--order", order];
            told(&[&format[..], &[capture.as_str()]].concat())
        };
        let (started, ended) = (read("started"), read("ended"));
        assert_eq!(apart(&started), apart(&ended), "{case}");
        let numbers: Vec<u64> = ended
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"))
            .filter(|record| record["type"] == "session")
            .filter_map(|record| record.get("session")?.as_u64())
            .collect();
        assert!((1..).take(numbers.len()).eq(numbers), "{case}");
    }
}

#[test]
fn told_as_they_end_in_every_format() {
    let read = |format| {
        let capture = "fixtures/idle-timeout-2s/capture.pcap";
        told(&[
            "read", "-q", "--order", "ended", "--format", format, capture,
        ])
    };
    assert!(read("table").contains("idle-timeout (sessions "));
    assert!(read("csv").starts_with("session,transport,"));
    let document: serde_json::Value = serde_json::from_str(&read("json")).expect("JSON");
    assert!(
        document
            .get("findings")
            .and_then(serde_json::Value::as_array)
            .is_some_and(|it| !it.is_empty())
    );
}

#[test]
fn what_needs_all_sessions_has_no_order_of_ends() {
    for wrong in [["--session", "1"], ["--view", "closes"]] {
        let order = [
            "read",
            "--order",
            "ended",
            "fixtures/two-clients/capture.pcap",
        ];
        let told = refused(&[&order[..], &wrong[..]].concat());
        assert!(told.contains("--order ended"), "{told}");
    }
}
