//! The words for what sessions are made of: the same in every output.

use crate::session::{Captured, Confidence, EndKind, Party, Side, State, Transport};

/// The word for a side.
pub const fn side(side: Side) -> &'static str {
    match side {
        Side::Client => "client",
        Side::Server => "server",
    }
}

/// The word for a party.
pub const fn party(party: Party) -> &'static str {
    match party {
        Party::Client => "client",
        Party::Server => "server",
        Party::Both => "both",
        Party::Network => "network",
    }
}

/// The word for a state.
pub const fn state(state: State) -> &'static str {
    match state {
        State::Connecting => "connecting",
        State::Open => "open",
        State::Closing => "closing",
        State::Closed => "closed",
        State::Failed => "failed",
    }
}

/// The word for a transport.
pub const fn transport(transport: Transport) -> &'static str {
    match transport {
        Transport::Ws => "ws",
        Transport::Wss => "wss",
        Transport::Tls => "tls",
    }
}

/// The word for a confidence.
pub const fn confidence(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::Low => "low",
        Confidence::Medium => "medium",
        Confidence::High => "high",
        Confidence::Certain => "certain",
    }
}

/// The word for the end of a transport.
pub const fn end_kind(how: EndKind) -> &'static str {
    match how {
        EndKind::Fin => "fin",
        EndKind::Rst => "rst",
        EndKind::CloseNotify => "close-notify",
        EndKind::Alert => "alert",
        EndKind::Silence => "silence",
    }
}

/// The word for what a capture holds.
pub const fn captured(captured: Captured) -> &'static str {
    match captured {
        Captured::Both => "both",
        Captured::ClientOnly => "client-only",
        Captured::ServerOnly => "server-only",
    }
}
