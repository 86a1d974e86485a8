//! Sessions that were never opened.

use super::{Cause, Group, cause};

const HERE: Group = Group::Opening;

pub(super) static CAUSES: &[Cause] = &[
    cause(
        HERE,
        "syn-unanswered",
        "Nobody answered the attempt to connect: wrong address, or a firewall that drops it.",
        "A SYN, repeated, and no answer.",
        "Check address, port, firewall and security group; is the host up?",
    ),
    cause(
        HERE,
        "connect-refused",
        "The host is there, and nothing listens on that port.",
        "An RST in answer to the SYN.",
        "Start the server, or correct the port; a firewall that rejects looks the same.",
    ),
    cause(
        HERE,
        "icmp-unreachable",
        "A router or the host said that it cannot be reached.",
        "An ICMP destination unreachable that quotes the connection; its code says what was not.",
        "Read the code: network, host, port, or forbidden. Code 4 is a packet too large for the path: \
         correct the MTU.",
    ),
    cause(
        HERE,
        "proxy-connect-refused",
        "A forward proxy would not open the tunnel to the server.",
        "CONNECT answered with another status than 2xx.",
        "407: log in to the proxy. 403: have the host allowed there. 502 to 504: the proxy could not \
         reach it.",
    ),
    cause(
        HERE,
        "tls-alert",
        "One side refused the TLS handshake and said why.",
        "A TLS alert before the handshake was done: unknown_ca, certificate_expired, handshake_failure, \
         protocol_version, unrecognized_name and the like.",
        "Correct the certificate chain, name, clock or version that the alert names. The side that \
         presented it is to blame, not who complained. In a browser, visit the https address of the host \
         once: it tells more there.",
    ),
    cause(
        HERE,
        "tls-handshake-cut",
        "The connection was cut in the middle of the TLS handshake, without an alert.",
        "FIN or RST after ClientHello (a filter on the name, or a server that speaks no TLS) or after \
         the certificate (a client that does not trust it).",
        "Try from another network: if it works there, a box on the way does it. Else read the log of the \
         side that cut.",
    ),
    cause(
        HERE,
        "plaintext-on-tls-port",
        "The client spoke plain HTTP to a port that wants TLS.",
        "GET as first bytes, answered by a TLS alert; or by 400 or the end, where other connections show \
         that the port speaks TLS.",
        "Use wss instead of ws, or another port.",
    ),
    cause(
        HERE,
        "tls-on-plaintext-port",
        "The client spoke TLS to a port that knows only plain HTTP.",
        "A TLS ClientHello (16 03), answered by HTTP; or by the end, where other connections show that the \
         port answers plain HTTP.",
        "Use ws instead of wss, another port, or put what ends TLS before it.",
    ),
    cause(
        HERE,
        "alpn-h2-upgrade-mixup",
        "Client and server agreed on HTTP/2, and the client then asked as in HTTP/1.1 (or for what the \
         server had not allowed).",
        "ALPN h2 and no HTTP/2 preface, or an extended CONNECT without SETTINGS_ENABLE_CONNECT_PROTOCOL.",
        "Offer only http/1.1 in ALPN for WebSockets, or enable RFC 8441 at the server.",
    ),
    cause(
        HERE,
        "upgrade-refused",
        "The server answered the opening with HTTP instead of 101.",
        "The status line of the answer: `HTTP status`; `http_status` in records.",
        "It depends on the status: see `hangup explain upgrade-refused`.",
    ),
    cause(
        HERE,
        "upgrade-unanswered",
        "The opening was sent, acknowledged, and never answered.",
        "A request, then nothing until one side gave up.",
        "The handler blocks before it accepts, or a proxy waits for a server that does not come.",
    ),
    cause(
        HERE,
        "upgrade-cut",
        "The connection ended before the opening was answered.",
        "FIN or RST before any byte of an answer.",
        "A crash or a filter: compare with the log of the server or firewall at that second.",
    ),
    cause(
        HERE,
        "upgrade-bad-accept",
        "The 101 carries a wrong Sec-WebSocket-Accept, so a client must refuse it.",
        "The value does not come from the key of the request (RFC 6455 section 4.2.2).",
        "A caching proxy answered with an old 101, or the server was written by hand.",
    ),
    cause(
        HERE,
        "subprotocol-mismatch",
        "The server chose a subprotocol that the client did not offer, or none where one is needed.",
        "Sec-WebSocket-Protocol of request and answer.",
        "Align the two lists; case and spelling count.",
    ),
    cause(
        HERE,
        "extension-mismatch",
        "The server accepted an extension that the client did not offer.",
        "Sec-WebSocket-Extensions of request and answer.",
        "Correct the server, or the proxy that adds or drops the header.",
    ),
    cause(
        HERE,
        "upgrade-header-stripped",
        "A proxy on the way dropped Upgrade or Connection, or spoke HTTP/1.0.",
        "On the leg behind the proxy: a request with Sec-WebSocket-Key and without Upgrade: websocket.",
        "Have the proxy pass the two headers on, and speak HTTP/1.1 to the server.",
    ),
    cause(
        HERE,
        "not-http",
        "What came back was not HTTP.",
        "The first bytes of the answer.",
        "Wrong port, wrong scheme (ws to a TLS port), or another protocol behind it.",
    ),
    cause(
        HERE,
        "tunnel-not-relayed",
        "The proxy said 101 and then passed nothing on.",
        "A 101, no frame of either side behind it, and the end within a round trip; or frames of one \
         side that never arrive.",
        "The proxy knows the word Upgrade but does not join the two connections: set it up for \
         WebSockets, or use another.",
    ),
];
