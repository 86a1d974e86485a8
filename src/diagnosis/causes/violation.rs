//! Rules that were broken: told as anomalies, and as the particular of `protocol-violation`.

use super::{BREAKER, Cause, Group, cause};

/// A violation; who broke the rule is always the sender.
const fn violation(name: &'static str, meaning: &'static str, shown_by: &'static str) -> Cause {
    cause(Group::Violation, name, meaning, shown_by, BREAKER)
}

pub(super) static CAUSES: &[Cause] = &[
    violation(
        "unmasked-client-frame",
        "A client sent a frame without a mask (RFC 6455 section 5.1).",
        "Mask bit 0 in a frame from the client.",
    ),
    violation(
        "masked-server-frame",
        "A server sent a masked frame (RFC 6455 section 5.1).",
        "Mask bit 1 in a frame from the server.",
    ),
    violation(
        "reserved-bit",
        "A reserved bit was set that no agreed extension uses (section 5.2).",
        "RSV1, RSV2 or RSV3 in a frame header.",
    ),
    violation(
        "compression-not-negotiated",
        "A compressed message although permessage-deflate was not agreed (RFC 7692).",
        "RSV1 in the first frame of a message, and no such extension in the answer.",
    ),
    violation(
        "reserved-opcode",
        "A frame with an opcode that means nothing (section 5.2).",
        "Opcode 3 to 7 or 11 to 15.",
    ),
    violation(
        "control-too-long",
        "A Close, Ping or Pong with more than 125 bytes (section 5.5).",
        "The length in the frame header.",
    ),
    violation(
        "control-fragmented",
        "A Close, Ping or Pong in fragments (section 5.5).",
        "A control frame without FIN bit.",
    ),
    violation(
        "unexpected-continuation",
        "A continuation frame with nothing to continue (section 5.4).",
        "Opcode 0 outside of a fragmented message.",
    ),
    violation(
        "interleaved-message",
        "A new message began inside of a fragmented one (section 5.4).",
        "Opcode 1 or 2 before the last fragment.",
    ),
    violation(
        "non-minimal-length",
        "A length written in more bytes than it needs (section 5.2).",
        "A 16-bit length below 126, or a 64-bit length below 65536.",
    ),
    violation(
        "length-msb",
        "A 64-bit length with its top bit set (section 5.2).",
        "The length in the frame header.",
    ),
    violation(
        "close-length-1",
        "A Close frame with half a code (section 5.5.1).",
        "A Close frame with a payload of one byte.",
    ),
    violation(
        "bad-close-code",
        "A Close frame with a code that may not be sent (section 7.4).",
        "A code below 1000, 1004 to 1006, 1015 to 2999, or above 4999.",
    ),
    violation(
        "close-reason-not-utf8",
        "A Close frame whose reason is not UTF-8 (section 5.5.1).",
        "The bytes behind the code.",
    ),
    violation(
        "data-after-close",
        "Frames after one's own Close (section 5.5.1).",
        "A frame behind the Close frame of the same side.",
    ),
];
