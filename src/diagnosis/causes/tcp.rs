//! What a healthy TCP connection does not show.

use super::{Cause, Group, cause};

const HERE: Group = Group::Tcp;

pub(super) static CAUSES: &[Cause] = &[
    cause(
        HERE,
        "rst-out-of-window",
        "An RST that its receiver must ignore, since its sequence number is not one that could come \
         next.",
        "The sequence number of the RST lies outside of the receive window (RFC 9293 section 3.5.3, RFC \
         5961).",
        "Forged, or of an older connection with the same ports: if the session went on, it did no harm.",
    ),
    cause(
        HERE,
        "conflicting-overlap",
        "Two segments claim the same place in a stream with different bytes.",
        "A retransmission whose bytes differ from the first copy; which of the two the receiver took \
         cannot be told.",
        "Suspect a box that changes what passes, or somebody who injects bytes; compare with a capture \
         at the other end.",
    ),
    cause(
        HERE,
        "tcp-left-open-after-close",
        "Both said goodbye, and nobody ended the TCP connection; that is for the server to do first (RFC \
         6455 section 7.1.1).",
        "Two Close frames, no FIN of the server, and more than a second later that of the client.",
        "Have the server end its sockets after the closing handshake: they pile up there until the \
         client or a timer drops them.",
    ),
    cause(
        HERE,
        "reset-after-close",
        "Both said goodbye; then one side reset the connection instead of ending it in order. Harmless.",
        "Two Close frames, then an RST: bytes were left unread, or the socket was closed hard.",
        "Nothing: both ends have the code of the other by then.",
    ),
];
