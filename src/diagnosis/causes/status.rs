//! What an HTTP status says that an opening got instead of 101.

/// A status, or a run of them, and what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    first: u16,
    last: u16,
    /// The number or numbers, for people.
    pub name: &'static str,
    /// What to do, in a line.
    pub advice: &'static str,
}

const fn status(first: u16, last: u16, name: &'static str, advice: &'static str) -> Status {
    Status {
        first,
        last,
        name,
        advice,
    }
}

/// What is known of statuses; the first that fits is meant.
pub static STATUSES: &[Status] = &[
    status(
        200,
        299,
        "2xx",
        "The request reached a plain HTTP handler, not a WebSocket: check the path, and that proxy and \
         server pass the upgrade on.",
    ),
    status(
        300,
        399,
        "3xx",
        "A redirect, and WebSocket clients do not follow it: use the address that Location names (https \
         for wss, a trailing slash, a login page?).",
    ),
    status(
        400,
        400,
        "400",
        "A header was missing or changed on the way (a proxy that drops Upgrade or Connection?), or the \
         server does not know the session id: a load balancer without stickiness.",
    ),
    status(
        401,
        401,
        "401",
        "Credentials are missing, wrong or expired: browsers cannot set an Authorization header here, so \
         use a cookie, a token in the query, or a subprotocol.",
    ),
    status(
        403,
        403,
        "403",
        "The server does not allow this Origin or user, or a firewall (WAF) filters the request: compare \
         Origin with the list that the server allows.",
    ),
    status(
        404,
        404,
        "404",
        "Nothing is at this path, or a proxy sends it to the wrong server: compare the path with the \
         server's, prefix and slash included.",
    ),
    status(
        405,
        405,
        "405",
        "The handler at this path does not take GET: it is no WebSocket.",
    ),
    status(
        407,
        407,
        "407",
        "A forward proxy wants credentials: give them to the client, or go around the proxy.",
    ),
    status(
        408,
        408,
        "408",
        "The headers did not come in time, as the proxy says (Envoy does): look for a client that is \
         slow to send them.",
    ),
    status(
        410,
        410,
        "410",
        "What the path or id named is gone: get a new id before you connect.",
    ),
    status(
        426,
        426,
        "426",
        "The server wants another version, or did not see Upgrade: a proxy on the way dropped it (pass \
         Upgrade and Connection on, over HTTP/1.1), or Sec-WebSocket-Version is not 13.",
    ),
    status(
        429,
        429,
        "429",
        "Too many attempts: reconnect with back-off, and respect Retry-After.",
    ),
    status(
        500,
        500,
        "500",
        "The handler failed: read the log of the server at that second.",
    ),
    status(
        502,
        502,
        "502",
        "The proxy could not use the server behind it: is it up, at that port, with that protocol (http, \
         https)? Capture behind the proxy.",
    ),
    status(
        503,
        503,
        "503",
        "No server behind the proxy is ready, or it has no room: a deployment, failing health checks, or \
         a limit of connections.",
    ),
    status(
        504,
        504,
        "504",
        "The server behind the proxy did not answer in time: its handler blocks before it accepts, or \
         the address behind the proxy is wrong.",
    ),
    status(
        520,
        524,
        "520 to 524",
        "Cloudflare could not use the server behind it (522 no connection, 524 no answer in time): look \
         at that server and its firewall.",
    ),
    status(
        400,
        499,
        "other 4xx",
        "The server refuses this request: its answer and its log say why.",
    ),
    status(
        500,
        599,
        "other 5xx",
        "The server, or a proxy before it, failed: read its log at that second.",
    ),
];

/// What to do about an opening that was answered with `status`.
pub fn status_advice(status: u16) -> &'static str {
    let fits = |known: &&Status| (known.first..=known.last).contains(&status);
    // RFC 9110 section 15: three digits, the first from 1 to 5; 1 is never final.
    const NONE: &str =
        "This is no final status of HTTP: something else than a web server answered.";
    STATUSES
        .iter()
        .find(fits)
        .map_or(NONE, |known| known.advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_an_advice_of_its_own() {
        for known in STATUSES {
            assert!(!known.advice.contains('\n') && known.advice.ends_with(['.', '?', ')']));
            let own =
                (known.first..=known.last).any(|status| status_advice(status) == known.advice);
            assert!(own, "{} is never told", known.name);
        }
        assert_ne!(status_advice(404), status_advice(403));
        assert_eq!(status_advice(302), status_advice(307));
        assert_eq!(status_advice(418), status_advice(499));
    }

    #[test]
    fn what_is_no_status_gets_an_advice_too() {
        for status in [0, 99, 101, 600, 999, u16::MAX] {
            assert!(status_advice(status).contains("no final status"));
        }
    }
}
