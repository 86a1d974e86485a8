//! Inputs that are no captures, captures that are not whole, options and outputs: the right exit
//! status each time, and a message that names the file and says what to do.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "tests: a panic is a failure"
)]

#[path = "../support/capture.rs"]
mod capture;
mod inputs;
mod options;
mod outputs;
mod place;
#[path = "../support/run.rs"]
mod run;
