//! Libraries that name themselves in the opening, and where what they report of an end differs
//! from RFC 6455.
//!
//! Habits were measured: the library at one end, and what its API then said beside what had been
//! on the wire. They stand beside a view, never in its place.

use crate::session::Side;

/// A library or browser that names itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Library {
    /// aiohttp (Python).
    Aiohttp,
    /// websockets (Python).
    Websockets,
    /// Tornado (Python).
    Tornado,
    /// Autobahn (Python).
    Autobahn,
    /// The WebSocket of Node.js.
    Undici,
    /// Deno.
    Deno,
    /// Mojolicious (Perl).
    Mojolicious,
    /// `java.net.http.HttpClient`.
    JavaHttpClient,
    /// OkHttp (Java, Android).
    OkHttp,
    /// Go: gorilla/websocket or coder/websocket (once nhooyr), which send the same name.
    Go,
    /// Boost.Beast (C++).
    Beast,
    /// WebSocket++ (C++).
    Websocketpp,
    /// Chrome and what is built on it.
    Chromium,
    /// Firefox.
    Firefox,
    /// Safari, and every browser on iOS.
    Safari,
}

impl Library {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aiohttp => "aiohttp",
            Self::Websockets => "python websockets",
            Self::Tornado => "Tornado",
            Self::Autobahn => "Autobahn",
            Self::Undici => "Node.js (undici)",
            Self::Deno => "Deno",
            Self::Mojolicious => "Mojolicious",
            Self::JavaHttpClient => "Java HttpClient",
            Self::OkHttp => "OkHttp",
            Self::Go => "Go (gorilla or coder/websocket)",
            Self::Beast => "Boost.Beast",
            Self::Websocketpp => "WebSocket++",
            Self::Chromium => "Chrome or a relative",
            Self::Firefox => "Firefox",
            Self::Safari => "Safari or a browser on iOS",
        }
    }
}

/// How products name themselves, the particular before the general: all of the browsers claim to
/// be Mozilla, Chrome claims to be Safari, and its relatives claim to be Chrome.
const MARKS: &[(&str, Library)] = &[
    ("Python/* websockets/*", Library::Websockets),
    ("Python/* aiohttp/*", Library::Aiohttp),
    ("Tornado/*", Library::Tornado),
    ("TornadoServer/*", Library::Tornado),
    ("AutobahnPython/*", Library::Autobahn),
    ("node", Library::Undici),
    ("undici", Library::Undici),
    ("Deno/*", Library::Deno),
    ("Mojolicious (Perl)", Library::Mojolicious),
    ("Java-http-client/*", Library::JavaHttpClient),
    ("okhttp/*", Library::OkHttp),
    ("Go-http-client/*", Library::Go),
    ("Boost.Beast/*", Library::Beast),
    ("WebSocket++/*", Library::Websocketpp),
    ("Mozilla/5.0 (*) Gecko/* Firefox/*", Library::Firefox),
    // Apple admits only WebKit on iOS, under whatever name.
    ("Mozilla/5.0 (iP*) AppleWebKit/* Mobile/*", Library::Safari),
    (
        "Mozilla/5.0 (*) AppleWebKit/* Chrome/* Safari/*",
        Library::Chromium,
    ),
    (
        "Mozilla/5.0 (*) AppleWebKit/* Version/* Safari/*",
        Library::Safari,
    ),
];

/// Which library calls itself `product`: the `User-Agent` of a client, the `Server` of a server
/// (of the proxy, where one answers). `None` where the name is no library's alone.
pub fn recognise(product: &str) -> Option<Library> {
    MARKS
        .iter()
        .find(|(mark, _)| super::matches(mark, product))
        .map(|&(_, library)| library)
}

/// What an end went through, where libraries are known to report it differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Situation {
    /// It sent the first Close and got an answer.
    ClosedFirstAnswered,
    /// It sent the first Close and got no answer.
    ClosedFirstUnanswered,
    /// Its peer sent the first Close.
    PeerClosed,
    /// Its peer sent the first Close, and a RST before the answer.
    PeerClosedThenReset,
    /// Its peer broke a rule or a limit: it failed the connection.
    ViolationSeen,
    /// It received an empty Close.
    EmptyClose,
    /// It received a Close of one byte.
    OneByteClose,
    /// It received a Close with a code that may not be sent.
    IllegalCode,
    /// It received a Close with a reason that is not UTF-8.
    ReasonNotUtf8,
    /// Its peer ended the transport without a Close.
    NoClose,
    /// Both sides sent a Close, and the server left the connection open.
    LeftOpen,
    /// It received a 101 with an extension or a subprotocol that it had not offered.
    OfferIgnored,
    /// It received a 101 without the accept value that belongs to its key.
    BadAccept,
}

struct Habit {
    library: Library,
    /// `None`: at both ends.
    side: Option<Side>,
    situation: Situation,
    text: &'static str,
}

const fn habit_of(
    library: Library,
    side: Option<Side>,
    situation: Situation,
    text: &'static str,
) -> Habit {
    Habit {
        library,
        side,
        situation,
        text,
    }
}

const CLIENT: Option<Side> = Some(Side::Client);
const SERVER: Option<Side> = Some(Side::Server);
const OPEN_ANYWAY: &str = "it takes such an answer for an open session";

/// Measured against a peer of which every byte is known.
const HABITS: &[Habit] = &{
    use Library as L;
    use Situation as S;
    [
        habit_of(
            L::Aiohttp,
            None,
            S::PeerClosed,
            "aiohttp answers with 1000 whatever the code, so its peer sees 1000",
        ),
        habit_of(
            L::Aiohttp,
            CLIENT,
            S::EmptyClose,
            "aiohttp shows 0 here, not 1005",
        ),
        habit_of(
            L::Aiohttp,
            CLIENT,
            S::ViolationSeen,
            "aiohttp shows the code that it sent (1002, 1007, 1009) here, not 1006",
        ),
        habit_of(
            L::Aiohttp,
            CLIENT,
            S::OneByteClose,
            "aiohttp shows the 1002 that it sent here, not 1006",
        ),
        habit_of(
            L::Aiohttp,
            CLIENT,
            S::ReasonNotUtf8,
            "aiohttp shows the 1007 that it sent here, not 1006",
        ),
        habit_of(
            L::Aiohttp,
            CLIENT,
            S::IllegalCode,
            "aiohttp shows 1006 and codes from 5000 on as they came, the 1002 that it sent for others",
        ),
        habit_of(
            L::Aiohttp,
            SERVER,
            S::IllegalCode,
            "aiohttp shows codes from 5000 on as they came",
        ),
        habit_of(
            L::Aiohttp,
            CLIENT,
            S::OfferIgnored,
            "aiohttp takes such an answer for an open session",
        ),
        habit_of(
            L::Websockets,
            SERVER,
            S::PeerClosedThenReset,
            "websockets calls this clean although its answer never left",
        ),
        habit_of(
            L::Autobahn,
            None,
            S::PeerClosedThenReset,
            "Autobahn calls this clean although its answer never left",
        ),
        habit_of(
            L::Autobahn,
            CLIENT,
            S::LeftOpen,
            "Autobahn shows 1006, not clean, when TCP stays open for more than 1 s",
        ),
        habit_of(
            L::Deno,
            CLIENT,
            S::ViolationSeen,
            "Deno shows 0 here, not 1006",
        ),
        habit_of(
            L::Deno,
            CLIENT,
            S::ClosedFirstUnanswered,
            "Deno shows 1005 and wasClean true here, not 1006",
        ),
        habit_of(L::Deno, CLIENT, S::OfferIgnored, OPEN_ANYWAY),
        habit_of(L::Deno, CLIENT, S::BadAccept, OPEN_ANYWAY),
        habit_of(
            L::Mojolicious,
            None,
            S::ClosedFirstAnswered,
            "Mojolicious shows its own code and reason, whatever the answer",
        ),
        habit_of(
            L::Mojolicious,
            None,
            S::ClosedFirstUnanswered,
            "Mojolicious shows its own code and reason here, not 1006",
        ),
        habit_of(
            L::Mojolicious,
            None,
            S::IllegalCode,
            "Mojolicious shows such a code as it came, not 1006",
        ),
        habit_of(
            L::Mojolicious,
            None,
            S::OneByteClose,
            "Mojolicious shows 1005 here, not 1006",
        ),
        habit_of(
            L::Mojolicious,
            None,
            S::ReasonNotUtf8,
            "Mojolicious shows the code, without the reason, here, not 1006",
        ),
        habit_of(L::Mojolicious, CLIENT, S::OfferIgnored, OPEN_ANYWAY),
        habit_of(
            L::JavaHttpClient,
            CLIENT,
            S::NoClose,
            "Java answers a bare FIN with a Close of its own, then shows 1006",
        ),
        habit_of(
            L::JavaHttpClient,
            CLIENT,
            S::IllegalCode,
            "Java shows codes from 5000 on as they came",
        ),
        habit_of(
            L::Beast,
            None,
            S::IllegalCode,
            "Beast shows codes from 5000 on as they came",
        ),
        habit_of(L::Beast, CLIENT, S::OfferIgnored, OPEN_ANYWAY),
        habit_of(
            L::Websocketpp,
            None,
            S::IllegalCode,
            "WebSocket++ shows many such codes as they came (999, 1004, 1005, 1015, 2999, 5000)",
        ),
        habit_of(
            L::Websocketpp,
            None,
            S::OneByteClose,
            "WebSocket++ shows 1002 here, not 1006",
        ),
        habit_of(
            L::Websocketpp,
            None,
            S::ReasonNotUtf8,
            "WebSocket++ accepts such a reason and shows the code",
        ),
        habit_of(L::Websocketpp, CLIENT, S::OfferIgnored, OPEN_ANYWAY),
        habit_of(
            L::Go,
            None,
            S::OneByteClose,
            "gorilla/websocket shows 1005 here, not 1006",
        ),
        habit_of(
            L::Go,
            None,
            S::ClosedFirstUnanswered,
            "coder/websocket shows its own code to a read that waits",
        ),
        habit_of(
            L::Go,
            None,
            S::ReasonNotUtf8,
            "coder/websocket accepts such a reason and shows the code",
        ),
        habit_of(
            L::Go,
            CLIENT,
            S::OfferIgnored,
            "gorilla/websocket takes such an answer for an open session",
        ),
    ]
};

/// What `library` at `side` reports in `situation`, where that differs from RFC 6455.
pub fn habit(library: Library, side: Side, situation: Situation) -> Option<&'static str> {
    HABITS
        .iter()
        .find(|habit| {
            habit.library == library
                && habit.situation == situation
                && habit.side.is_none_or(|own| own == side)
        })
        .map(|habit| habit.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_names_are_recognised() {
        for (product, library) in [
            ("Python/3.11 websockets/12.0", Library::Websockets),
            ("Python/3.12 aiohttp/3.9.5", Library::Aiohttp),
            ("TornadoServer/6.4", Library::Tornado),
            ("Tornado/6.4", Library::Tornado),
            ("AutobahnPython/23.6.2", Library::Autobahn),
            ("node", Library::Undici),
            ("Deno/2.9.0", Library::Deno),
            ("Mojolicious (Perl)", Library::Mojolicious),
            ("Java-http-client/17.0.10", Library::JavaHttpClient),
            ("okhttp/4.12.0", Library::OkHttp),
            ("Go-http-client/1.1", Library::Go),
            ("Boost.Beast/347 websocket-client-coro", Library::Beast),
            ("WebSocket++/0.8.2", Library::Websocketpp),
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
                Library::Firefox,
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0",
                Library::Chromium,
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15",
                Library::Safari,
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/124.0.6367.88 Mobile/15E148 Safari/604.1",
                Library::Safari,
            ),
        ] {
            assert_eq!(recognise(product), Some(library), "{product}");
        }
    }

    #[test]
    fn what_is_nobody_s_alone_is_not() {
        for product in [
            "",
            "nginx",
            "nodemon",
            "Mozilla/5.0",
            "Python/3.11",
            "Python-urllib/3.11",
            "my Go-http-client/1.1",
            "Mozilla/5.0 (compatible; bot/1.0)",
        ] {
            assert_eq!(recognise(product), None, "{product}");
        }
    }

    #[test]
    fn habits_belong_to_sides_and_situations() {
        let aiohttp = |side, situation| habit(Library::Aiohttp, side, situation);
        assert!(
            aiohttp(Side::Client, Situation::EmptyClose)
                .is_some_and(|text| text.contains("shows 0"))
        );
        assert_eq!(aiohttp(Side::Server, Situation::EmptyClose), None);
        assert!(aiohttp(Side::Server, Situation::PeerClosed).is_some());
        assert_eq!(aiohttp(Side::Client, Situation::NoClose), None);
        for situation in [Situation::ViolationSeen, Situation::NoClose] {
            assert_eq!(
                habit(Library::Websockets, Side::Client, situation),
                None,
                "as the RFC has it"
            );
        }
    }

    #[test]
    fn no_habit_hides_another() {
        for (at, one) in HABITS.iter().enumerate() {
            for other in HABITS.iter().skip(at + 1) {
                let sides = one.side.is_none() || other.side.is_none() || one.side == other.side;
                assert!(
                    one.library != other.library || one.situation != other.situation || !sides,
                    "{}",
                    other.text
                );
            }
        }
    }
}
