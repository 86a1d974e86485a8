//! Watching an interface tells what reading a capture of it tells.

#![cfg(feature = "live")]
#![expect(
    clippy::indexing_slicing,
    reason = "a missing key of a JSON value is null"
)]

#[path = "../support/answer.rs"]
mod answer;
#[path = "../support/cases.rs"]
#[expect(dead_code, reason = "what is true is for other tests")]
mod cases;
mod confined;
#[cfg(target_os = "linux")]
mod full;
mod late_keys;
mod loopback;
#[cfg(target_os = "linux")]
mod namespaces;
mod peers;
mod replay;
#[path = "../support/run.rs"]
mod run;
mod shared;
#[cfg(feature = "tui")]
mod view;
