//! What services mean by the close codes that they made up (3000–4999), and by a few of the
//! protocol's own.
//!
//! The same number means something else with each service, so a number alone resolves to
//! nothing: the subprotocol, the host, the path or the reason must tell whose it is.

use std::sync::LazyLock;

use serde::Deserialize;

use super::{Verified, matches};

/// What one service means by one code, or by a run of codes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct PrivateCode {
    /// The subprotocol or service.
    pub service: Box<str>,
    /// The code, or the first of the run.
    pub first: u16,
    /// The code, or the last of the run.
    pub last: u16,
    /// What the service calls it.
    pub name: Box<str>,
    /// What it means beyond that, and what to do; often empty.
    pub meaning: Box<str>,
    /// Where that stands.
    pub source: Box<str>,
    /// How well it is known.
    pub verified: Verified,
}

impl PrivateCode {
    fn is_single(&self) -> bool {
        self.first == self.last
    }
}

/// How to tell that a session is with a service. Patterns with `*` for any bytes.
struct Service {
    name: &'static str,
    subprotocols: &'static [&'static str],
    hosts: &'static [&'static str],
    paths: &'static [&'static str],
}

const fn service(
    name: &'static str,
    subprotocols: &'static [&'static str],
    hosts: &'static [&'static str],
    paths: &'static [&'static str],
) -> Service {
    Service {
        name,
        subprotocols,
        hosts,
        paths,
    }
}

/// Services without a mark of their own (Colyseus, Hocuspocus, Spring) are told by reasons only.
const SERVICES: &[Service] = &[
    service("graphql-transport-ws", &["graphql-transport-ws"], &[], &[]),
    service("graphql-ws (Apollo)", &["graphql-ws"], &[], &[]),
    service(
        "OBS",
        &["obswebsocket.json", "obswebsocket.msgpack"],
        &[],
        &[],
    ),
    // Default path of a Centrifugo server; without protobuf there is no subprotocol.
    service(
        "Centrifugo",
        &["centrifuge-json", "centrifuge-protobuf"],
        &[],
        &["*/connection/websocket", "*/connection/websocket?*"],
    ),
    service(
        "Discord gateway",
        &[],
        &["gateway.discord.gg", "gateway-*.discord.gg"],
        &[],
    ),
    service("Discord voice", &[], &["*.discord.media"], &[]),
    service("Discord RPC", &[], &[], &["/?v=*&client_id=*&encoding=*"]),
    // The path also tells servers that speak its protocol, such as Laravel Reverb.
    service(
        "Pusher",
        &[],
        &["*.pusher.com"],
        &["*/app/*?protocol=*&client=*"],
    ),
    service("Twitch EventSub", &[], &["eventsub.wss.twitch.tv"], &[]),
    service("Deepgram", &[], &["api.deepgram.com"], &[]),
    service("AssemblyAI", &[], &["*.assemblyai.com"], &[]),
    service(
        "AWS API Gateway",
        &[],
        &["*.execute-api.*.amazonaws.com"],
        &[],
    ),
    service("QQ bot gateway", &[], &["api.sgroup.qq.com"], &[]),
];

/// Every meaning of every code.
pub fn all() -> &'static [PrivateCode] {
    static CODES: LazyLock<Vec<PrivateCode>> =
        LazyLock::new(|| super::rows(include_str!("private_codes.csv")));
    &CODES
}

/// Every service's meaning of `code`; what it says of a whole run of codes only where it says
/// nothing of this one.
pub fn meanings(code: u16) -> impl Iterator<Item = &'static PrivateCode> {
    let of = move |known: &&PrivateCode| (known.first..=known.last).contains(&code);
    all().iter().filter(of).filter(move |known| {
        known.is_single()
            || !all()
                .iter()
                .filter(of)
                .any(|other| other.is_single() && other.service == known.service)
    })
}

/// What `code` means in a session with this subprotocol (of the answer), `Host`, request target
/// and reason. `None` where nothing tells whose code it is, or the service has no such code.
///
/// The subprotocol decides before the host, the host before the path, the path before the reason.
pub fn resolve(
    code: u16,
    subprotocol: Option<&str>,
    host: Option<&str>,
    path: Option<&str>,
    reason: Option<&str>,
) -> Option<&'static PrivateCode> {
    let by_name = |known: &&PrivateCode| {
        reason.is_some_and(|reason| known.is_single() && says(reason, &known.name))
    };
    match recognise(subprotocol, host, path) {
        Some(service) => {
            let own = || meanings(code).filter(|known| &*known.service == service.name);
            only(own()).or_else(|| only(own().filter(by_name)))
        }
        None => only(meanings(code).filter(by_name)),
    }
}

fn recognise(
    subprotocol: Option<&str>,
    host: Option<&str>,
    path: Option<&str>,
) -> Option<&'static Service> {
    let host = host.map(without_port);
    let find = |of: fn(&Service) -> &'static [&'static str], text: Option<&str>| {
        let text = text?;
        SERVICES
            .iter()
            .find(|service| of(service).iter().any(|known| matches(known, text)))
    };
    find(|service| service.subprotocols, subprotocol)
        .or_else(|| find(|service| service.hosts, host))
        .or_else(|| find(|service| service.paths, path))
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Is `reason` this name, alone or before an explanation?
fn says(reason: &str, name: &str) -> bool {
    let Some(start) = reason.get(..name.len()) else {
        return false;
    };
    start.eq_ignore_ascii_case(name)
        && matches!(
            reason.as_bytes().get(name.len()),
            None | Some(b'.' | b':' | b',' | b';')
        )
}

/// The one item there is.
fn only<T>(mut items: impl Iterator<Item = T>) -> Option<T> {
    let first = items.next()?;
    items.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(
        code: u16,
        subprotocol: Option<&str>,
        host: Option<&str>,
        path: Option<&str>,
        reason: Option<&str>,
    ) -> Option<(&'static str, &'static str)> {
        resolve(code, subprotocol, host, path, reason).map(|known| (&*known.service, &*known.name))
    }

    #[test]
    fn every_row_is_whole() {
        for known in all() {
            assert!(!known.service.is_empty() && !known.name.is_empty());
            assert!(known.first <= known.last && known.last < 5000, "{known:?}");
            assert!(known.source.starts_with("https://"), "{known:?}");
        }
        for service in SERVICES {
            assert!(
                all().iter().any(|known| &*known.service == service.name),
                "{} has no codes",
                service.name
            );
        }
    }

    #[test]
    fn a_host_tells() {
        let at = |code, host| name(code, None, Some(host), None, None);
        assert_eq!(
            at(4003, "gateway.discord.gg"),
            Some(("Discord gateway", "Not authenticated"))
        );
        assert_eq!(
            at(4009, "Gateway-us-east1-b.discord.gg:443"),
            Some(("Discord gateway", "Session timed out"))
        );
        assert_eq!(
            at(4003, "eventsub.wss.twitch.tv"),
            Some(("Twitch EventSub", "Connection unused"))
        );
        assert_eq!(
            at(4001, "ws-eu.pusher.com"),
            Some(("Pusher", "Application does not exist"))
        );
        assert_eq!(at(4003, "discord.gg.evil.example"), None);
        assert_eq!(at(4003, "notpusher.com"), None);
        assert_eq!(at(4999, "gateway.discord.gg"), None, "it has no such code");
    }

    #[test]
    fn the_subprotocol_beats_the_host() {
        assert_eq!(
            name(
                4004,
                Some("graphql-transport-ws"),
                Some("gateway.discord.gg"),
                None,
                Some("Authentication failed")
            ),
            Some(("graphql-transport-ws", "BadResponse"))
        );
        assert_eq!(
            name(
                4009,
                Some("obswebsocket.json"),
                Some("localhost:4455"),
                None,
                None
            ),
            Some(("OBS", "AuthenticationFailed"))
        );
        assert_eq!(
            name(4003, Some("chat"), Some("gateway.discord.gg"), None, None),
            Some(("Discord gateway", "Not authenticated")),
            "a subprotocol that nobody knows tells nothing"
        );
    }

    #[test]
    fn a_path_tells_who_speaks_a_protocol() {
        let at = |code, path| name(code, None, Some("ws.example.com"), Some(path), None);
        assert_eq!(
            at(
                4009,
                "/app/key?protocol=7&client=js&version=8.4.0&flash=false"
            ),
            Some(("Pusher", "Connection is unauthorized"))
        );
        assert_eq!(at(4009, "/app/key"), None);
        assert_eq!(
            at(3005, "/connection/websocket"),
            Some(("Centrifugo", "connection expired"))
        );
        assert_eq!(
            at(3005, "/connection/websocket?cf_protocol_version=v2"),
            Some(("Centrifugo", "connection expired"))
        );
        assert_eq!(at(3005, "/connection/websockets"), None);
    }

    #[test]
    fn one_code_goes_before_its_run() {
        let at = |code| name(code, None, Some("ws.pusher.com"), None, None);
        assert_eq!(at(4100), Some(("Pusher", "Over capacity")));
        assert_eq!(at(4150), Some(("Pusher", "Back off")));
        assert_eq!(meanings(4100).count(), 2, "Pusher's own and Centrifugo's");
    }

    #[test]
    fn a_reason_tells_where_it_is_one_service_s_alone() {
        let with = |code, reason| name(code, None, None, None, Some(reason));
        assert_eq!(
            with(4205, "Reset Connection"),
            Some(("Hocuspocus", "Reset Connection"))
        );
        assert_eq!(with(3012, "no pong"), Some(("Centrifugo", "no pong")));
        assert_eq!(
            with(4014, "Disallowed intents."),
            Some(("Discord gateway", "Disallowed intents"))
        );
        assert_eq!(with(4014, "Disallowed intentsish"), None);
        assert_eq!(with(4401, "Unauthorized"), None, "two services say so");
        assert_eq!(
            with(4003, "Not authenticated"),
            None,
            "and two of Discord's"
        );
        assert_eq!(with(4003, ""), None);
        assert_eq!(with(4014, "Größe"), None);
    }

    #[test]
    fn a_number_alone_tells_nothing() {
        for code in 0..=u16::MAX {
            assert_eq!(resolve(code, None, None, None, None), None);
        }
    }

    #[test]
    fn several_rows_of_one_service_need_the_reason() {
        let at = |reason| name(1011, None, Some("api.deepgram.com"), None, reason);
        assert_eq!(at(None), None);
        assert_eq!(at(Some("NET-0001")), Some(("Deepgram", "NET-0001")));
        assert_eq!(
            at(Some("NET-0001: no audio")),
            Some(("Deepgram", "NET-0001"))
        );
    }

    #[test]
    fn explain_lists_every_meaning() {
        let services: Vec<_> = meanings(4003).map(|known| &*known.service).collect();
        for service in [
            "Discord gateway",
            "Pusher",
            "Twitch EventSub",
            "OBS",
            "Colyseus",
        ] {
            assert!(services.contains(&service), "{service}");
        }
        assert_eq!(meanings(1006).count(), 0);
    }
}
