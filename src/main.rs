//! Arguments in, results out, an exit status at the end: see [`hangup::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    hangup::cli::main(std::env::args_os())
}
