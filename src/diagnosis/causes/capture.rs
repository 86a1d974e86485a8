//! What the capture does not tell.

use super::{Cause, Group, cause};

const HERE: Group = Group::Capture;

pub(super) static CAUSES: &[Cause] = &[
    cause(
        HERE,
        "open-at-end-of-capture",
        "Nothing had ended yet when the capture did. Not abnormal.",
        "No Close, FIN or RST up to the last packet.",
        "Capture longer if the end is what you want to see.",
    ),
    cause(
        HERE,
        "capture-gap",
        "The capture lost the bytes in which a Close frame may have been, so nobody can tell.",
        "A hole in a stream that was never filled, large enough for a Close frame.",
        "Capture with a larger buffer (tcpdump -B), without a snap length (-s 0), or with a filter.",
    ),
    cause(
        HERE,
        "begins-mid-stream",
        "The capture began after the opening.",
        "Frames without a 101 before them.",
        "Begin to capture before the clients connect; host, path and extensions are unknown until then.",
    ),
    cause(
        HERE,
        "tls-opaque",
        "TLS that could not be read: it may have been a WebSocket or anything else. Told with --tls only.",
        "Encrypted records and no key for them. What shows: names, sizes, silence, who ended TCP or TLS.",
        "Run the client or the server with SSLKEYLOGFILE=keys.log and capture again, then give \
         --keylog keys.log; or capture where it is plain, such as behind the proxy that ends TLS.",
    ),
];
