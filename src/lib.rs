//! hangup: who hung up on your WebSockets, when, and why.

#![forbid(unsafe_code)]

pub mod capture;
pub mod decode;
pub mod session;
pub mod time;
