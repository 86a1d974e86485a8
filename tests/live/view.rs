//! The view on the terminal takes one, and gives it back.

use std::fs;
use std::process::{Command, Stdio};

#[test]
fn a_pipe_is_no_terminal() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = crate::run::hangup(folder.path(), ["live", "-i", "lo", "--top"]);
    assert_eq!(run.status, Some(2));
    assert!(run.stderr.contains("no terminal"), "{}", run.stderr);
    assert!(run.stdout.is_empty());
}

/// In a terminal of `script` (util-linux).
#[test]
fn the_terminal_is_given_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let command = format!(
        "stty cols 80 rows 24; {} live -i lo --top --duration 1500ms tcp port 1",
        env!("CARGO_BIN_EXE_hangup")
    );
    let script = Command::new("script")
        .args(["-q", "-e", "-c", &command, "typescript"])
        .current_dir(folder.path())
        .env("TERM", "xterm")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status();
    let Ok(status) = script else {
        return eprintln!("skipped: no script(1)");
    };
    let bytes = fs::read(folder.path().join("typescript")).expect("a typescript");
    let text = String::from_utf8_lossy(&bytes);
    if text.contains("not permitted") {
        return eprintln!("skipped: {text}");
    }
    assert!(status.success(), "{text}");
    let at = |what: &str| {
        text.find(what)
            .unwrap_or_else(|| panic!("{what:?}: {text:?}"))
    };
    let (taken, shown) = (at("\x1b[?1049h"), at("oldest first"));
    let (given, told) = (at("\x1b[?1049l"), at("WebSocket sessions"));
    assert!(taken < shown && shown < given && given < told, "{text:?}");
    let cursor = text.rfind("\x1b[?25h");
    assert!(cursor > text.rfind("\x1b[?25l"), "the cursor is seen again");
}
