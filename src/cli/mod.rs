//! The command line: what was typed (`args`), checked (`config`), and run, one file a
//! command. Results go to standard output, all else to standard error.

mod args;
mod config;
mod explain;
mod generate;
#[cfg(feature = "live")]
mod interfaces;
#[cfg(feature = "live")]
mod live;
mod message;
mod progress;
mod read;
mod select;
#[cfg(feature = "live")]
mod units;

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};

/// What the exit status tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    /// All was done.
    Done = 0,
    /// All was done, and what `--fail-on` names was found.
    Found = 1,
    /// Wrong usage, or nothing could be read.
    Failed = 2,
    /// Some of a capture could not be read; all else was.
    Partial = 3,
}

/// Runs the command that `arguments` (the program's name first) ask for.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args::with_command(arguments)) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come as errors too; a pipe that is closed early is none.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let done = match cli.command {
        Command::Read(args) => read::run(*args),
        #[cfg(feature = "live")]
        Command::Live(args) => live::run(*args),
        #[cfg(feature = "live")]
        Command::Interfaces => interfaces::run(),
        Command::Explain(args) => explain::run(&args),
        Command::Generate(args) => generate::run(args.what),
    };
    let status = match done {
        Ok(status) => status,
        Err(error) if is_closed_pipe(&error) => Status::Done,
        Err(error) => {
            message::error(&error);
            Status::Failed
        }
    };
    ExitCode::from(status as u8)
}

/// Whoever read our output has seen enough (`| head`).
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}
