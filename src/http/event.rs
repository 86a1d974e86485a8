//! What an exchange tells, and what it has to know for it.

use super::head::{BodyLen, Request, Response};
use super::queue::Queue;
use crate::flow::End;
use crate::tcp::Origin;
use crate::time::Timestamp;

/// What the capture holds of a connection, where that decides.
#[derive(Clone, Copy, Debug)]
pub struct Sight {
    /// Packets of the other end.
    pub peer_seen: bool,
    /// This direction from its first byte on.
    pub whole: bool,
    /// The other one.
    pub peer_whole: bool,
    /// Bytes of the other end wait behind a hole: they may still come.
    pub peer_waits: bool,
}

/// What the exchange came to.
#[derive(Debug)]
pub enum Event {
    /// A request for a WebSocket.
    Opening {
        /// The end that sent it.
        client: End,
        /// The request.
        request: Request,
        /// The packet with its last byte.
        origin: Origin,
    },
    /// The opening was answered with something other than 101.
    Refused {
        /// The answer.
        response: Response,
        /// The packet with its last byte.
        origin: Origin,
    },
    /// The opening was answered with something that is no HTTP.
    NotHttp {
        /// Its first bytes.
        begins: Vec<u8>,
        /// The packet that showed it.
        origin: Origin,
    },
    /// From here on both directions are frames: [`drain`](super::Exchange::drain) has what came of them.
    Opened {
        /// The end that opened it.
        client: End,
        /// The 101; `None` where the capture lost it.
        response: Option<Response>,
        /// The packet with its last byte, or that showed that it is lost.
        origin: Origin,
    },
    /// The capture does not hold what would show whether this is a WebSocket:
    /// [`drain`](super::Exchange::drain) has what came.
    NoBeginning(Option<Box<Halves>>),
    /// Nothing more is to be found here.
    Over,
}

/// What it came to so far, in order.
pub type Events = Queue<Event>;

/// A request and its 101, of which the capture has so little that neither says what they are
/// about.
#[derive(Debug)]
pub struct Halves {
    /// The request.
    pub request: Request,
    /// Its packet.
    pub asked: Origin,
    /// The answer.
    pub response: Response,
    /// Its packet.
    pub answered: Origin,
}

/// A request that waits for its answer.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) opening: Opening,
    pub(super) body: BodyLen,
    pub(super) time: Timestamp,
}

/// What the method of a request says of the body of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Head,
    Connect,
    Other,
}

impl Method {
    pub(super) fn of(request: &Request) -> Self {
        match request.method() {
            "HEAD" => Self::Head,
            "CONNECT" => Self::Connect,
            _ => Self::Other,
        }
    }

    /// RFC 9112 §6.3: no answer to HEAD has a body, and behind a 2xx to CONNECT comes what the
    /// tunnel carries (RFC 9110 §9.3.6).
    pub(super) fn answer_body(self, response: &Response) -> BodyLen {
        match self {
            Self::Head => BodyLen::Known(0),
            Self::Connect if (200..300).contains(&response.status) => BodyLen::Known(0),
            Self::Connect | Self::Other => response.body,
        }
    }
}

/// Whether a request asks for a WebSocket.
#[derive(Debug)]
pub(super) enum Opening {
    Yes,
    No,
    /// The part that would say so is not in the capture: the answer tells.
    Maybe(Box<(Request, Origin)>),
}
