//! hangup: who hung up on your WebSockets, when, and why.
//!
//! Reads packet captures and tells, for every WebSocket in them, how it ended: the close code that
//! each end saw, who ended it, why, and the packets that prove it.
//!
//! # The map of the house
//!
//! Data flows from left to right. Each arrow is a plain type, and all that a module knows of what
//! stands to its left; nothing points back.
//!
//! ```text
//! capture ─Packet▶ decode ─Segment▶ flow ─▶ tcp ─Chunk▶ tls ─Chunk▶ http ─Chunk▶ ws ─Item▶ session ─Facts▶ diagnosis ─Session▶ report
//! files, live      link, tunnels,   who     order,      records,    opening      frames    what was        who, how,           table, csv,
//!                  IP               talks   holes       keys                               seen            why                 json
//! ```
//!
//! - [`capture`]: where packets come from: pcap and pcapng, plain or compressed, several merged by
//!   time; interfaces. [`Packet`](capture::Packet)s go out.
//! - [`decode`]: link layers, VLAN tags, tunnels, IP fragments; a [`Segment`](decode::Segment) of
//!   the innermost TCP goes out.
//! - [`flow`]: who talks with whom: the [`FlowKey`](flow::FlowKey) of a connection and the table
//!   of those in flight.
//! - [`tcp`]: order, holes and copies; a [`Chunk`](tcp::Chunk), bytes or a hole of one direction,
//!   goes out. It is the one currency of streams.
//! - [`tls`]: where there is TLS, and its secrets are known: from ciphertext to plaintext. Where it
//!   has offsets of its own, the offset behind its record goes along.
//! - [`http`]: the opening, and what may stand before it: other requests, what proxies put there.
//! - [`ws`]: frames, what breaks the rules in them, and where they go on behind a hole. Also what
//!   close codes mean.
//! - [`session`]: the [`Facts`](session::facts::Facts) of one WebSocket, and the
//!   [`Session`](session::Session) that every output shows.
//! - [`diagnosis`]: from facts to a [`Verdict`](session::Verdict): who, how, why. Also what
//!   causes mean.
//! - [`report`]: a [`Sink`](report::Sink) for each format; for runs without an end also a screen
//!   and counts.
//!
//! Around them:
//!
//! - [`engine`]: stacks the layers over each connection ([`Pipeline`](engine::Pipeline)) and drives
//!   packets through them: those of files ([`engine::read()`]), or of an interface, as they come.
//! - [`cli`]: the command line. What was typed, checked, then run.
//! - [`limits`]: every cap, with its reason.
//! - [`time`]: points in time, as the capture counts them.
//!
//! From `decode` to `diagnosis`, and in the pipeline, nothing does I/O, reads a clock or starts a
//! thread: time is what packets say. What comes from the wire is hostile: it never makes anything
//! fail, but becomes an [`Anomaly`](session::Anomaly) of its session. Errors are for what the user
//! gives and gets.

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
pub mod tls;
pub mod ws;
