//! Which sessions are wanted.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use globset::GlobMatcher;

use crate::session::Session;

/// `ADDR[/LEN][:PORT]`: an end of a session, or many; IPv6 in brackets where a port follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// The network; `None` for any address.
    network: Option<(IpAddr, u8)>,
    /// `None` for any port.
    port: Option<u16>,
}

impl Endpoint {
    pub(super) fn matches(&self, address: SocketAddr) -> bool {
        let network = |(network, len)| in_network(address.ip(), network, len);
        self.network.is_none_or(network) && self.port.is_none_or(|port| port == address.port())
    }
}

fn in_network(address: IpAddr, network: IpAddr, len: u8) -> bool {
    match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            let differ = a.to_bits() ^ b.to_bits();
            differ.leading_zeros() >= u32::from(len)
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => {
            let differ = a.to_bits() ^ b.to_bits();
            differ.leading_zeros() >= u32::from(len)
        }
        _ => false,
    }
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("“{text}” is not ADDR[/LEN][:PORT]; IPv6 with a port is [ADDR]:PORT");
        let (network, port) = match text.strip_prefix('[') {
            Some(rest) => {
                // [ADDR], [ADDR]:PORT, [ADDR]/LEN:PORT, and [ADDR/LEN]:PORT.
                let (inside, after) = rest.split_once(']').ok_or_else(wrong)?;
                let (len, port) = match after.split_once(':') {
                    Some((len, port)) => (len, Some(port)),
                    None => (after, None),
                };
                if !len.is_empty() && !len.starts_with('/') {
                    return Err(wrong());
                }
                (format!("{inside}{len}"), port)
            }
            // Two colons: IPv6, and no port.
            None => match text.split_once(':') {
                Some((network, port)) if !port.contains(':') => (network.to_owned(), Some(port)),
                _ => (text.to_owned(), None),
            },
        };
        let port = port
            .map(|port| port.parse().map_err(|_| wrong()))
            .transpose()?;
        let network = match (network.as_str(), port) {
            ("", Some(_)) => None,
            (network, _) => Some(parse_network(network).ok_or_else(wrong)?),
        };
        Ok(Self { network, port })
    }
}

fn parse_network(text: &str) -> Option<(IpAddr, u8)> {
    let (address, len) = match text.split_once('/') {
        Some((address, len)) => (address, Some(len)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let longest = if address.is_ipv4() { 32 } else { 128 };
    let len = len.map_or(Some(longest), |len| len.parse().ok())?;
    (len <= longest).then_some((address, len))
}

/// What makes `--fail-on` fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FailOn {
    /// A session that is abnormal.
    Abnormal,
    /// A session that ended with this code.
    Code(u16),
}

impl FailOn {
    pub(super) fn matches(self, session: &Session) -> bool {
        match self {
            Self::Abnormal => session.is_abnormal(),
            Self::Code(code) => session.verdict.code == Some(code),
        }
    }
}

impl FromStr for FailOn {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(code) => Ok(Self::Code(code)),
            Err(_) if text == "abnormal" => Ok(Self::Abnormal),
            Err(_) => Err(format!("“{text}” is neither abnormal nor a close code")),
        }
    }
}

/// The sessions to show: those that pass every test.
#[derive(Clone, Debug, Default)]
pub(super) struct Selection {
    pub(super) abnormal: bool,
    /// Any of these; empty for all.
    pub(super) codes: Vec<u16>,
    pub(super) client: Option<Endpoint>,
    pub(super) server: Option<Endpoint>,
    pub(super) path: Option<GlobMatcher>,
    pub(super) session: Option<u64>,
}

impl Selection {
    /// Every session passes.
    pub(super) const fn is_all(&self) -> bool {
        let Self {
            abnormal,
            codes,
            client,
            server,
            path,
            session,
        } = self;
        !*abnormal
            && codes.is_empty()
            && client.is_none()
            && server.is_none()
            && path.is_none()
            && session.is_none()
    }

    pub(super) fn matches(&self, session: &Session) -> bool {
        let code = || {
            session
                .verdict
                .code
                .is_some_and(|code| self.codes.contains(&code))
        };
        self.session.is_none_or(|number| number == session.number)
            && (!self.abnormal || session.is_abnormal())
            && (self.codes.is_empty() || code())
            && self
                .client
                .is_none_or(|client| client.matches(session.client))
            && self
                .server
                .is_none_or(|server| server.matches(session.server))
            && self
                .path
                .as_ref()
                .is_none_or(|glob| path_matches(glob, session.opening.path()))
    }
}

/// The whole request target matches, or what stands before its query.
fn path_matches(glob: &GlobMatcher, path: Option<&str>) -> bool {
    let Some(path) = path else { return false };
    let bare = path.split('?').next().unwrap_or(path);
    glob.is_match(path) || glob.is_match(bare)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests: a panic is a failure")]
mod tests {
    use super::*;
    use crate::report::sample;
    use crate::session::State;

    fn matches(endpoint: &str, address: &str) -> bool {
        endpoint
            .parse::<Endpoint>()
            .unwrap()
            .matches(address.parse().unwrap())
    }

    #[test]
    fn endpoints_match_what_they_say() {
        for (endpoint, address) in [
            ("10.0.0.5", "10.0.0.5:1"),
            ("10.0.0.5:51234", "10.0.0.5:51234"),
            ("10.0.0.0/8", "10.255.0.5:1"),
            ("10.0.0.0/8:443", "10.1.1.1:443"),
            ("0.0.0.0/0", "192.0.2.1:1"),
            (":443", "192.0.2.1:443"),
            (":443", "[2001:db8::1]:443"),
            ("2001:db8::1", "[2001:db8::1]:443"),
            ("[2001:db8::1]", "[2001:db8::1]:443"),
            ("[2001:db8::1]:443", "[2001:db8::1]:443"),
            ("2001:db8::/32", "[2001:db8:ffff::1]:443"),
            ("[2001:db8::]/32:443", "[2001:db8:ffff::1]:443"),
            ("[2001:db8::/32]:443", "[2001:db8:ffff::1]:443"),
        ] {
            assert!(matches(endpoint, address), "{endpoint} {address}");
        }
        for (endpoint, address) in [
            ("10.0.0.5", "10.0.0.6:1"),
            ("10.0.0.5:51234", "10.0.0.5:51235"),
            ("10.0.0.0/9", "10.128.0.1:1"),
            (":443", "10.0.0.1:80"),
            ("0.0.0.0/0", "[::1]:1"),
            ("2001:db8::/33", "[2001:db8:8000::1]:443"),
            ("[2001:db8::]/32:443", "[2001:db8::1]:80"),
        ] {
            assert!(!matches(endpoint, address), "{endpoint} {address}");
        }
    }

    #[test]
    fn what_is_no_endpoint_is_refused() {
        for text in [
            "",
            ":",
            "x",
            "10.0.0.5/33",
            "10.0.0.5/",
            "10.0.0.5:70000",
            "10.0.0.5:",
            "[::1",
            "[::1]x",
            "[::1]443",
            "2001:db8::/129",
            "10.0.0.0/8/8",
            "[]:443x",
            "10.0.0.5/-1",
        ] {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
    }

    #[test]
    fn globs_see_the_path_with_and_without_its_query() {
        let glob = |text: &str| globset::Glob::new(text).unwrap().compile_matcher();
        assert!(path_matches(&glob("/chat"), Some("/chat?token=1")));
        assert!(path_matches(&glob("/chat?token=*"), Some("/chat?token=1")));
        assert!(path_matches(&glob("/rooms/*"), Some("/rooms/1/2")));
        assert!(!path_matches(&glob("/chat"), Some("/chats")));
        assert!(!path_matches(&glob("*"), None));
    }

    #[test]
    fn a_selection_needs_all_of_its_tests() {
        let (abrupt, normal) = (sample::abrupt(1), sample::normal(2));
        assert!(Selection::default().matches(&abrupt));
        let abnormal = Selection {
            abnormal: true,
            ..Selection::default()
        };
        assert!(abnormal.matches(&abrupt) && !abnormal.matches(&normal));
        let codes = Selection {
            codes: vec![1000, 1011],
            ..Selection::default()
        };
        assert!(!codes.matches(&abrupt) && codes.matches(&normal));
        let both = Selection {
            session: Some(2),
            ..abnormal
        };
        assert!(!both.matches(&abrupt) && !both.matches(&normal));
    }

    #[test]
    fn abnormal_is_what_nobody_would_want() {
        let mut session = sample::abrupt(1);
        let mut is = |state, code| {
            (session.verdict.state, session.verdict.code) = (state, code);
            session.is_abnormal()
        };
        for code in [
            1002, 1003, 1006, 1007, 1008, 1009, 1010, 1011, 1013, 1014, 1015, 999, 1016, 5000,
        ] {
            assert!(is(State::Closed, Some(code)), "{code}");
        }
        for code in [1000, 1001, 1005, 1012, 3000, 4999] {
            assert!(!is(State::Closed, Some(code)), "{code}");
        }
        assert!(is(State::Failed, Some(1006)));
        assert!(
            !is(State::Open, None) && !is(State::Closing, Some(1011)) && !is(State::Closed, None)
        );
    }
}
