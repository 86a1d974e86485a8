//! Runs the program itself: its output is the contract.

use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

use assert_cmd::Command;

/// Far more than any test needs: a run that takes so long hangs.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Run {
    /// Exit status; `None` where a signal ended it (our timeout, or an abort).
    pub(crate) status: Option<i32>,
    /// What it wrote to standard output.
    pub(crate) stdout: String,
    /// What it wrote to standard error.
    pub(crate) stderr: String,
}

/// `hangup` with these arguments in this folder, and nothing on standard input.
pub(crate) fn hangup<A: AsRef<OsStr>>(
    folder: &Path,
    arguments: impl IntoIterator<Item = A>,
) -> Run {
    hangup_reading(folder, arguments, Vec::new())
}

/// As [`hangup`], with `input` on standard input.
pub(crate) fn hangup_reading<A: AsRef<OsStr>>(
    folder: &Path,
    arguments: impl IntoIterator<Item = A>,
    input: Vec<u8>,
) -> Run {
    let output = Command::new(env!("CARGO_BIN_EXE_hangup"))
        .args(arguments)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .env("TZ", "UTC")
        .env_remove("SSLKEYLOGFILE")
        .write_stdin(input)
        .timeout(TIMEOUT)
        .output()
        .expect("hangup starts");
    let text = |bytes| String::from_utf8(bytes).expect("our own output is UTF-8");
    Run {
        status: output.status.code(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}
