//! Disks that are full: told and counted, and the rest goes on.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::namespaces::{Net, Watching, one};

const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn an_output_that_is_full_spoils_no_other() {
    let Some(net) = Net::new("full") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    symlink("/dev/full", folder.path().join("full.jsonl")).expect("a link");
    let outputs = ["-o", "full.jsonl", "-o", "good.jsonl"];
    let mut live = net.hangup(
        folder.path(),
        &[&["--format", "jsonl"], &outputs[..]].concat(),
    );
    let told = live.told();
    one(&net, "client-fin");
    told.recv_timeout(PATIENCE).expect("a session");
    let (status, said) = live.stop();
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("full.jsonl: No space left"), "{said}");
    assert!(said.contains("rows not written"), "{said}");
    let good = fs::read_to_string(folder.path().join("good.jsonl")).expect("a file");
    assert_eq!(good.lines().count(), 2, "a session and the summary");
}

/// The file system is mounted where only `hangup` sees it.
#[test]
fn recordings_wait_for_no_disk() {
    let Some(net) = Net::new("disk") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let records = folder.path().join("records");
    fs::create_dir(&records).expect("a folder");
    let script = "mount -t tmpfs -o size=64k none records || exit 9; \
         head -c 1M /dev/zero >records/full 2>/dev/null; exec \"$@\"";
    let mut command = Net::command(&net.client, "unshare");
    command
        .args(["--mount", "sh", "-c", script, "sh"])
        .args([env!("CARGO_BIN_EXE_hangup"), "live", "-i", "wire"])
        .args(["--format", "jsonl", "--record", "records"])
        .current_dir(folder.path())
        .stdout(Stdio::piped());
    let Some(mut live) = Watching::start(command, "watching") else {
        return eprintln!("skipped: nothing can be mounted");
    };
    let told = live.told();
    one(&net, "client-fin");
    told.recv_timeout(PATIENCE).expect("a session");
    let (status, said) = live.stop();
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("--record records: No space left"), "{said}");
    assert!(said.contains("0 sessions recorded"), "{said}");
    assert!(said.contains("1 session not recorded"), "{said}");
}

/// What leads nowhere holds nothing up: nobody reads standard output, and it is full.
#[test]
fn a_blocked_output_does_not_keep_it_from_ending() {
    let Some(net) = Net::new("block") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let pipe = folder.path().join("pipe.jsonl");
    let made = Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("mkfifo").success());
    // Somebody has it open, so that it can be, and reads nothing.
    let reader = Command::new("sh")
        .args([
            "-c",
            "exec 3<>pipe.jsonl; head -c 65536 /dev/zero >&3; echo; exec sleep 600",
        ])
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .spawn();
    let mut reader = reader.expect("a shell");
    let stdout = reader.stdout.as_mut().expect("piped");
    std::io::Read::read_exact(stdout, &mut [0]).expect("a full pipe");
    let mut live = net.hangup(folder.path(), &["--format", "jsonl", "-o", "pipe.jsonl"]);
    let told = live.told();
    one(&net, "normal");
    told.recv_timeout(PATIENCE).expect("a session");
    let (status, said) = live.stop();
    let _ = reader.kill();
    let _ = reader.wait();
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("pipe.jsonl: is blocked"), "{said}");
    assert!(said.contains("1 row not written"), "{said}");
}
