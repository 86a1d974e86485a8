//! hangup: who hung up on your WebSockets, when, and why.

#![forbid(unsafe_code)]

pub mod capture;
pub mod cli;
pub mod decode;
pub mod diagnosis;
pub mod engine;
pub mod flow;
pub mod http;
pub mod limits;
pub mod report;
pub mod session;
pub mod tcp;
pub mod time;
pub mod ws;
