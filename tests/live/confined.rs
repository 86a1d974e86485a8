//! What a watching process can still do: write where its outputs are, and nothing else.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use hangup::capture::confine::{Confined, Places, confine};

use crate::loopback::{Watching, is_skipped};
use crate::peers::{self, ENDINGS};

/// A test that waits longer hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A field of every thread's `/proc/…/status`.
fn status(live: &Watching, field: &str) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{}/task", live.0.id())).expect("threads");
    let of_task = |task: fs::DirEntry| {
        let status = fs::read_to_string(task.path().join("status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(field))?;
        Some(line.split_whitespace().collect::<Vec<_>>().join(" "))
    };
    tasks.map_while(Result::ok).filter_map(of_task).collect()
}

fn start(folder: &Path, arguments: &[&str]) -> Option<Watching> {
    match Watching::hangup(folder, arguments) {
        Ok(live) => Some(live),
        Err(error) if is_skipped(&error) => None,
        Err(error) => panic!("{error}"),
    }
}

/// Runs all endings and waits until the last is told on standard output.
fn end_all(live: &mut Watching, listener: &TcpListener) {
    let mut table = BufReader::new(live.0.stdout.take().expect("piped"));
    peers::run(listener);
    let mut row = String::new();
    while !row.contains(ENDINGS[ENDINGS.len() - 1]) {
        row.clear();
        assert!(table.read_line(&mut row).expect("text") > 0, "no last row");
    }
    live.0.stdout = Some(table.into_inner());
}

fn wait_for(what: impl Fn() -> bool) {
    let begun = Instant::now();
    while !what() {
        assert!(begun.elapsed() < PATIENCE, "it never came");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn no_thread_keeps_a_capability() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(live) = start(folder.path(), &["-o", "all.jsonl", "tcp port 1"]) else {
        return;
    };
    for field in ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"] {
        let left = status(&live, field);
        assert!(!left.is_empty());
        assert!(
            left.iter().all(|set| set == "0000000000000000"),
            "{field} {left:?}"
        );
    }
    assert!(status(&live, "NoNewPrivs:").iter().all(|bit| bit == "1"));
    assert_eq!(live.stop(), Some(0));
}

#[test]
fn root_becomes_another_user_for_good() {
    let folder = tempfile::tempdir().expect("a folder");
    let open = |mode| fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode));
    open(0o777).expect("permissions");
    let file = |name: &str| folder.path().join(name);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let filter = format!("tcp port {}", listener.local_addr().expect("one").port());
    let arguments = ["--user", "nobody", "-o", "now.csv", &filter];
    let live = Watching::hangup(folder.path(), &arguments);
    let mut live = match live {
        Err(error) if error.contains("only root") => return eprintln!("skipped: {error}"),
        Err(error) if is_skipped(&error) => return,
        live => live.expect("it watches"),
    };
    let id = |flag: &str| {
        let id = Command::new("id").args([flag, "nobody"]).output();
        let id = String::from_utf8(id.expect("id").stdout).expect("text");
        id.trim().to_owned()
    };
    for (field, id) in [("Uid:", id("-u")), ("Gid:", id("-g"))] {
        // Real, effective, saved, and that of the file system.
        let expected = [id.as_str(); 4].join(" ");
        let ids = status(&live, field);
        assert!(ids.iter().all(|ids| *ids == expected), "{field} {ids:?}");
    }
    let groups = status(&live, "Groups:");
    assert!(
        groups.iter().all(|groups| *groups == id("-G")),
        "{groups:?}"
    );
    end_all(&mut live, &listener);
    let lines = |name: &str| {
        let text = fs::read_to_string(file(name)).expect("a file");
        text.lines().count()
    };
    // The file has a thread of its own: it may be behind what was told.
    wait_for(|| lines("now.csv") == 1 + ENDINGS.len());
    // What logrotate does.
    fs::rename(file("now.csv"), file("old.csv")).expect("moved");
    live.signal("HUP");
    wait_for(|| file("now.csv").exists());
    end_all(&mut live, &listener);
    assert_eq!(live.stop(), Some(0));
    for name in ["old.csv", "now.csv"] {
        assert_eq!(lines(name), 1 + ENDINGS.len(), "{name}");
    }
}

/// Whoever may write into the folder of an output may put a link there; it is not followed out.
#[test]
fn a_link_in_the_place_of_an_output_is_not_followed() {
    let (folder, outside) = (
        tempfile::tempdir().expect("a folder"),
        tempfile::tempdir().expect("another"),
    );
    let file = |name: &str| folder.path().join(name);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let filter = format!("tcp port {}", listener.local_addr().expect("one").port());
    let Some(mut live) = start(folder.path(), &["-v", "-o", "now.csv", &filter]) else {
        return;
    };
    fs::rename(file("now.csv"), file("old.csv")).expect("moved");
    let target = outside.path().join("stolen.csv");
    symlink(&target, file("now.csv")).expect("a link");
    live.signal("HUP");
    end_all(&mut live, &listener);
    assert_eq!(live.stop(), Some(0));
    let confined = thread::spawn(|| confine(&Places::default())).join();
    if matches!(confined, Ok(Ok(Confined::Not))) {
        return eprintln!("skipped: no Landlock");
    }
    assert!(!target.exists(), "it was led out");
    // It goes on with the file as it was.
    let text = fs::read_to_string(file("old.csv")).expect("a file");
    assert_eq!(text.lines().count(), 1 + ENDINGS.len());
}
