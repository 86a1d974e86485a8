//! Inputs: what is no capture, what is cut short, standard input, several files. The right exit
//! status each time, and a message that names the file and says what to do.

use std::fs;

use crate::capture::{self, Format};
use crate::place::{Place, bytes, has_words, records};
use crate::run::hangup_reading;

/// One session, 1000 from either side.
const NORMAL: &str = "close-normal-client";

#[test]
fn what_is_no_capture_is_named_and_nothing_is_told() {
    let place = Place::new();
    place.write("empty.pcap", b"");
    place.write("letter.txt", b"Dear Sir or Madam,\n");
    fs::create_dir(place.0.path().join("folder")).unwrap();
    place.refused(&["empty.pcap"], &["empty.pcap", "0 bytes", "tcpdump -U"]);
    place.refused(&["letter.txt"], &["letter.txt", "text", "tcpdump -w"]);
    place.refused(&["folder"], &["folder", "directory", "name the captures"]);
    place.refused(&["nowhere.pcap"], &["nowhere.pcap", "no such file"]);
    place.refused(
        &["empty.pcap", "letter.txt"],
        &["empty.pcap", "letter.txt", "no capture could be read"],
    );
    place.refused(&[], &["CAPTURE"]);
}

#[test]
#[cfg(unix)]
fn a_capture_that_may_not_be_read() {
    use std::os::unix::fs::PermissionsExt;

    let place = Place::new();
    place.write("secret.pcap", &bytes(NORMAL));
    let path = place.0.path().join("secret.pcap");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::File::open(&path).is_ok() {
        eprintln!("skipped: root may read everything");
        return;
    }
    place.refused(&["secret.pcap"], &["secret.pcap", "permission"]);
}

#[test]
fn a_capture_of_no_packets_is_a_capture() {
    let place = Place::new();
    place.write("none.pcap", &capture::pcap(&[]));
    let run = place.read(&["none.pcap", "--format", "jsonl"]);
    assert_eq!(run.status, Some(0), "{run:?}");
    has_words(&run, &["0 packets", "No WebSocket found", "filter"]);
    let summary = &records(&run.stdout, "summary")[0];
    assert_eq!(
        (&summary["packets"], &summary["partial"]),
        (&0.into(), &false.into())
    );
}

#[test]
fn one_broken_file_of_two_does_not_hide_the_other() {
    let place = Place::new();
    place.write("letter.txt", b"Dear Sir or Madam,\n");
    place.write("good.pcap", &bytes(NORMAL));
    let run = place.read(&["letter.txt", "good.pcap", "--format", "jsonl"]);
    assert_eq!(run.status, Some(3), "{run:?}");
    has_words(&run, &["letter.txt", "text"]);
    assert_eq!(records(&run.stdout, "session")[0]["code"], 1000);
    assert_eq!(records(&run.stdout, "summary")[0]["partial"], true);
}

#[test]
fn captures_cut_short_are_told_as_far_as_they_go() {
    let place = Place::new();
    let packets = capture::read(&bytes(NORMAL));
    let formats = [
        Format::Pcap {
            nanos: false,
            big: false,
        },
        Format::PcapNg {
            resolutions: vec![9],
            big: true,
        },
    ];
    for format in formats {
        let whole = capture::write(&packets, &format);
        // The last packet begins where the file without it ends.
        let offset = capture::write(&packets[..packets.len() - 1], &format).len();
        place.write("cut.pcap", &whole[..whole.len() - 5]);
        let run = place.read(&["cut.pcap", "--format", "jsonl"]);
        assert_eq!(run.status, Some(3), "{format:?}: {run:?}");
        has_words(
            &run,
            &[
                "cut.pcap",
                "cut short",
                &format!("at byte {offset}"),
                "after packet 13",
            ],
        );
        assert_eq!(
            records(&run.stdout, "session")[0]["code"],
            1000,
            "{format:?}"
        );
        assert_eq!(records(&run.stdout, "summary")[0]["partial"], true);
        place.write("whole.pcap", &whole);
        assert_eq!(place.read(&["whole.pcap"]).status, Some(0), "{format:?}");
    }
    let compressed = capture::gzip(&bytes(NORMAL));
    place.write("cut.pcap.gz", &compressed[..compressed.len() - 20]);
    let run = place.read(&["cut.pcap.gz"]);
    assert_eq!(run.status, Some(3), "{run:?}");
    has_words(&run, &["cut.pcap.gz", "cut short"]);
    // Not even a header.
    place.write("head.pcap", &bytes(NORMAL)[..20]);
    place.refused(&["head.pcap"], &["head.pcap", "20", "24"]);
}

#[test]
fn standard_input_is_a_capture() {
    let place = Place::new();
    let from_file = {
        place.write("a.pcap", &bytes(NORMAL));
        place.read(&["a.pcap", "--format", "jsonl"]).stdout
    };
    for input in [bytes(NORMAL), capture::gzip(&bytes(NORMAL))] {
        for arguments in [
            ["-", "--format", "jsonl"].as_slice(),
            &["read", "-", "--format", "jsonl"],
        ] {
            let run = hangup_reading(place.0.path(), arguments, input.clone());
            assert_eq!((run.status, &run.stdout), (Some(0), &from_file), "{run:?}");
        }
    }
    let run = hangup_reading(place.0.path(), ["-"], b"nonsense".to_vec());
    assert_eq!(run.status, Some(2), "{run:?}");
}

#[test]
fn several_files_are_one_capture_and_packets_name_theirs() {
    let place = Place::new();
    let packets = capture::read(&bytes(NORMAL));
    let (first, second) = packets.split_at(7);
    place.write("first.pcap", &capture::pcap(first));
    place.write("second.pcap", &capture::pcap(second));
    let run = place.read(&["second.pcap", "first.pcap", "--format", "jsonl"]);
    assert_eq!(run.status, Some(0), "{run:?}");
    let session = &records(&run.stdout, "session")[0];
    assert_eq!(session["code"], 1000);
    assert_eq!(session["first_file"], "first.pcap");
    assert_eq!(
        (&session["last_file"], &session["last_packet"]),
        (&"second.pcap".into(), &7.into())
    );
    // Packet 10 of the whole is the third of the second file.
    let close = &session["closes"][0];
    assert_eq!(
        (&close["file"], &close["packet"]),
        (&"second.pcap".into(), &3.into())
    );
}
