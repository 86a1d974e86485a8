//! Timers that end WebSockets: whose they are, what they count, how they strike.
//!
//! The rows of `timers.csv` stand in the order in which to name them: what one meets most often
//! first. A product with several timers has a row for each; a setting without a default of its
//! own is left out.

use std::sync::LazyLock;

use serde::Deserialize;

use super::Verified;
use crate::session::{Clocks, Side};

/// What a timer counts, and so what to measure at the cut.
///
/// Bytes are those of the layer that the timer's owner sees: control frames count, TCP
/// keep-alives and bare acknowledgements do not, except for [`Clock::AnyPacket`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Clock {
    /// Since the last byte from the server.
    ServerBytes,
    /// Since the last byte from the client.
    ClientBytes,
    /// Since the last byte of either side.
    EitherBytes,
    /// Since the last packet of any kind: of tables that know flows, not streams.
    AnyPacket,
    /// Since the opening, whatever the traffic.
    Age,
    /// Since the opening, while the client has not yet said what its subprotocol asks for first.
    FirstMessage,
    /// Since an opening request that was not answered.
    UnansweredOpening,
    /// Since a Ping, or a ping of the application, that was not answered.
    AfterPing,
    /// Since a Close frame that was not answered.
    AfterClose,
    /// Since a write that its reader does not take.
    BlockedWrite,
    /// Since bytes that TCP sends again and again without an acknowledgement.
    Unacknowledged,
    /// Since something that the session itself does not show, as a reload of a configuration.
    AfterReload,
}

impl Clock {
    /// How many there are.
    const COUNT: usize = Self::AfterReload as usize + 1;

    /// What it counts from, in words: `60 s` + `after …`.
    pub const fn since(self) -> &'static str {
        match self {
            Self::ServerBytes => "after the last byte from the server",
            Self::ClientBytes => "after the last byte from the client",
            Self::EitherBytes => "after the last byte of either side",
            Self::AnyPacket => "after the last packet of either side",
            Self::Age => "after the opening, whatever the traffic",
            Self::FirstMessage => "after the opening, without the message it waits for",
            Self::UnansweredOpening => "after an opening request without an answer",
            Self::AfterPing => "after a ping without an answer",
            Self::AfterClose => "after a Close frame without an answer",
            Self::BlockedWrite => "after a write that its reader does not take",
            Self::Unacknowledged => "after bytes that nobody acknowledges",
            Self::AfterReload => "after a reload or a notice to leave",
        }
    }
}

/// Who acts when the timer fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// A proxy: the server of the leg to its client, the client of the leg to its upstream.
    Proxy,
    /// The server.
    Server,
    /// The client.
    Client,
    /// Whichever end runs it.
    Endpoint,
    /// Something between the ends that speaks for neither: both get a RST, or nobody anything.
    Path,
}

impl By {
    /// Could a cut that came from `side` be its work?
    ///
    /// What [`By::Path`] sends bears the address of either side.
    pub const fn may_be(self, side: Side) -> bool {
        match self {
            Self::Proxy | Self::Endpoint | Self::Path => true,
            Self::Server => matches!(side, Side::Server),
            Self::Client => matches!(side, Side::Client),
        }
    }
}

/// What is on the wire when the timer fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub enum Ends {
    /// FIN or RST without a Close frame; which of the two is not known, or depends.
    Cut,
    /// FIN without a Close frame.
    Fin,
    /// RST without a Close frame.
    Rst,
    /// A Close frame with this code, then the end of the transport.
    Close(u16),
    /// Nothing: the flow is forgotten, and only the next packet shows it.
    Silent,
    /// Not known.
    Unknown,
}

impl Ends {
    /// Could it end a session in which its owner's Close frame had `code` (`None`: it sent none)?
    pub const fn fits_close(self, code: Option<u16>) -> bool {
        match (self, code) {
            (Self::Close(own), Some(code)) => own == code,
            (Self::Unknown, _) | (Self::Cut | Self::Fin | Self::Rst | Self::Silent, None) => true,
            (Self::Cut | Self::Fin | Self::Rst | Self::Silent, Some(_))
            | (Self::Close(_), None) => false,
        }
    }
}

impl TryFrom<String> for Ends {
    type Error = String;

    fn try_from(word: String) -> Result<Self, String> {
        match word.as_str() {
            "cut" => Ok(Self::Cut),
            "fin" => Ok(Self::Fin),
            "rst" => Ok(Self::Rst),
            "silent" => Ok(Self::Silent),
            "unknown" => Ok(Self::Unknown),
            other => other
                .strip_prefix("close ")
                .and_then(|code| code.parse().ok())
                .map(Self::Close)
                .ok_or_else(|| format!("no way to end: {other}")),
        }
    }
}

/// One timer of one product, at its default.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Timer {
    /// Whose.
    pub product: Box<str>,
    /// The name of the setting, or of the limit where nobody can set it.
    pub setting: Box<str>,
    /// After how long it fires, in seconds.
    pub seconds: f64,
    /// What it counts.
    pub clock: Clock,
    /// Who acts.
    pub by: By,
    /// What is then on the wire.
    pub ends: Ends,
    /// What else to know; often empty.
    pub note: Box<str>,
    /// Where that stands.
    pub source: Box<str>,
    /// How well it is known.
    pub verified: Verified,
}

/// Timers fire late: they are checked in ticks, or when something else happens.
const LATE: f64 = 0.75;
/// The same for long ones, as a share of their length.
const LATE_SHARE: f64 = 0.02;
/// Never early, but capture clocks jitter, and some are as coarse as this.
const EARLY: f64 = 0.05;
/// How far two clocks run apart: 100 parts in a million is a bad crystal.
const DRIFT: f64 = 0.0001;

/// After how many seconds a timer can have fired.
#[derive(Clone, Copy, Debug)]
struct Window {
    earliest: f64,
    /// Without slack.
    latest: f64,
}

impl Window {
    fn holds(&self, seconds: f64, slack: f64) -> bool {
        self.earliest <= seconds && seconds <= self.latest + slack.max(0.0)
    }
}

impl Timer {
    /// Can it have fired after `seconds`? `slack`, in seconds, is what the way there and back may
    /// add: one round trip.
    pub fn fits(&self, seconds: f64, slack: f64) -> bool {
        self.window().holds(seconds, slack)
    }

    fn window(&self) -> Window {
        Window {
            earliest: self.seconds - EARLY.max(self.seconds * DRIFT),
            latest: self.seconds + LATE.max(self.seconds * LATE_SHARE),
        }
    }
}

/// Every timer, what one meets most often first.
pub fn all() -> &'static [Timer] {
    static TIMERS: LazyLock<Vec<Timer>> = LazyLock::new(|| super::rows(include_str!("timers.csv")));
    &TIMERS
}

/// The timers that count with `clock` and can have fired after `seconds`, what one meets most
/// often first. `slack` as in [`Timer::fits`].
///
/// Silent ones are among them, but do not strike of themselves: see [`forgotten`].
pub fn candidates(clock: Clock, seconds: f64, slack: f64) -> impl Iterator<Item = &'static Timer> {
    let counting = counting(clock);
    // Most sessions end when none fires.
    let timers = match counting.may_have_fired(seconds, slack) {
        true => &*counting.timers,
        false => &[],
    };
    let fitting = timers
        .iter()
        .filter(move |(window, _)| window.holds(seconds, slack));
    fitting.map(|&(_, timer)| timer)
}

/// Some timer that counts with a clock of silence may have fired, by what these show; where none
/// may, [`candidates`] has none. `slack` as there.
pub fn may_have_fired(clocks: &Clocks, slack: f64) -> bool {
    let silence = [
        (Clock::EitherBytes, clocks.either),
        (Clock::ServerBytes, clocks.server),
        (Clock::ClientBytes, clocks.client),
    ];
    silence.into_iter().any(|(clock, nanos)| {
        nanos.is_some_and(|nanos| counting(clock).may_have_fired(seconds(nanos), slack))
    })
}

/// Of a timer.
#[expect(clippy::cast_precision_loss, reason = "seconds of a timer")]
pub fn seconds(nanos: i64) -> f64 {
    nanos as f64 / 1e9
}

/// The timers that count with one clock.
struct Counting {
    /// What one meets most often first.
    timers: Vec<(Window, &'static Timer)>,
    /// When any of them can have fired: in order, and apart.
    windows: Vec<Window>,
}

impl Counting {
    fn may_have_fired(&self, seconds: f64, slack: f64) -> bool {
        // (Most sessions end before most timers fire: to halve the list takes longer.)
        let begun = self.windows.iter().take_while(|it| it.earliest <= seconds);
        let last = begun.last();
        last.is_some_and(|window| window.holds(seconds, slack))
    }
}

fn counting(clock: Clock) -> &'static Counting {
    static BY_CLOCK: LazyLock<[Counting; Clock::COUNT]> = LazyLock::new(|| {
        std::array::from_fn(|clock| {
            let timers = all().iter().filter(|timer| timer.clock as usize == clock);
            let timers: Vec<_> = timers.map(|timer| (timer.window(), timer)).collect();
            let mut windows: Vec<_> = timers.iter().map(|&(window, _)| window).collect();
            windows.sort_by(|one, other| one.earliest.total_cmp(&other.earliest));
            windows.dedup_by(|next, before| {
                let joins = next.earliest <= before.latest;
                if joins {
                    before.latest = before.latest.max(next.latest);
                }
                joins
            });
            Counting { timers, windows }
        })
    });
    // Each variant has its place.
    #[expect(clippy::indexing_slicing, reason = "as many as there are variants")]
    &BY_CLOCK[clock as usize]
}

/// The tables that may have forgotten a flow without a packet for `seconds`, the one with the
/// longest memory first: the others had forgotten it as well, but what is most often set is next
/// below the idle times that people see.
pub fn forgotten(seconds: f64) -> impl Iterator<Item = &'static Timer> {
    let mut timers: Vec<_> = all()
        .iter()
        .filter(|timer| {
            timer.clock == Clock::AnyPacket
                && timer.ends == Ends::Silent
                && timer.seconds <= seconds
        })
        .collect();
    timers.sort_by(|one, other| other.seconds.total_cmp(&one.seconds));
    timers.into_iter()
}

/// How long ends wait for the answer to their Close frame before they drop the transport.
pub fn close_timeouts() -> impl Iterator<Item = &'static Timer> {
    let timers = &counting(Clock::AfterClose).timers;
    timers.iter().map(|&(_, timer)| timer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(timers: impl Iterator<Item = &'static Timer>) -> Vec<&'static str> {
        timers.map(|timer| &*timer.product).collect()
    }

    #[test]
    fn every_row_is_whole() {
        for timer in all() {
            assert!(!timer.product.is_empty() && !timer.setting.is_empty());
            assert!(timer.seconds > 0.0, "{timer:?}");
            assert!(timer.source.starts_with("https://"), "{timer:?}");
        }
    }

    #[test]
    fn a_minute_of_server_silence_is_nginx_first() {
        let at = |seconds| names(candidates(Clock::ServerBytes, seconds, 0.0));
        assert_eq!(at(60.0).first(), Some(&"nginx"));
        assert!(at(60.0).contains(&"Kong"));
        assert_eq!(at(59.98), at(60.0), "as coarse as clocks are");
        assert_eq!(at(60.9), at(60.0));
        assert!(at(59.0).is_empty(), "never early");
        assert!(at(61.5).is_empty());
        assert!(at(f64::NAN).is_empty());
    }

    #[test]
    fn a_round_trip_is_slack_behind_not_before() {
        let at = |seconds, slack| candidates(Clock::ServerBytes, seconds, slack).count();
        assert_eq!(at(61.5, 0.4), at(60.0, 0.0));
        assert_eq!(at(59.7, 0.4), 0);
        assert_eq!(at(60.0, -5.0), at(60.0, 0.0));
    }

    /// What is left out at first sight would not have fitted.
    #[test]
    fn candidates_are_all_that_fit() {
        for clock in [Clock::EitherBytes, Clock::ServerBytes, Clock::Age] {
            for (tenths, slack) in (0..72_500).flat_map(|tenths| [(tenths, 0.0), (tenths, 0.37)]) {
                let seconds = f64::from(tenths) / 10.0;
                let fit = |timer: &&Timer| timer.clock == clock && timer.fits(seconds, slack);
                assert!(candidates(clock, seconds, slack).eq(all().iter().filter(fit)));
            }
        }
    }

    #[test]
    fn each_clock_has_its_own_timers() {
        let minute = |clock| names(candidates(clock, 60.0, 0.0));
        assert_eq!(minute(Clock::EitherBytes).first(), Some(&"AWS ALB"));
        assert_eq!(minute(Clock::ClientBytes), ["Cowboy / Phoenix"]);
        assert_eq!(minute(Clock::AfterClose), ["Chromium", "OkHttp"]);
        assert!(minute(Clock::Age).is_empty());
        assert_eq!(
            names(candidates(Clock::Age, 7203.0, 0.1)),
            ["AWS API Gateway"]
        );
    }

    /// Were two to overlap, the order of the table would have to yield to the better fit.
    #[test]
    fn timers_of_one_clock_do_not_overlap() {
        for one in all() {
            for other in all().iter().filter(|other| other.clock == one.clock) {
                let same = (one.seconds - other.seconds).abs() < f64::EPSILON;
                assert!(same || !one.fits(other.seconds, 0.0), "{one:?} {other:?}");
            }
        }
    }

    #[test]
    fn who_is_silent_has_forgotten_for_good() {
        assert_eq!(forgotten(200.0).count(), 0);
        assert_eq!(names(forgotten(300.0)), ["Azure Load Balancer"]);
        let long = names(forgotten(500.0));
        assert_eq!(long, ["AWS NLB", "AWS NAT gateway", "Azure Load Balancer"]);
    }

    #[test]
    fn close_timeouts_wait_for_an_answer() {
        let waits: Vec<f64> = close_timeouts().map(|timer| timer.seconds).collect();
        assert!(waits.contains(&10.0) && waits.contains(&30.0) && waits.contains(&60.0));
        assert!(close_timeouts().all(|timer| timer.ends.fits_close(None)));
    }

    #[test]
    fn how_it_ended_rules_timers_out() {
        assert!(Ends::Close(1000).fits_close(Some(1000)));
        assert!(!Ends::Close(1000).fits_close(Some(1001)));
        assert!(!Ends::Close(1000).fits_close(None));
        assert!(!Ends::Cut.fits_close(Some(1000)));
        assert!(Ends::Unknown.fits_close(Some(1001)) && Ends::Unknown.fits_close(None));
        assert!(Ends::try_from("close 70000".to_owned()).is_err());
        assert!(Ends::try_from("bang".to_owned()).is_err());
    }

    #[test]
    fn a_proxy_is_either_end_of_a_leg() {
        assert!(By::Proxy.may_be(Side::Client) && By::Proxy.may_be(Side::Server));
        assert!(By::Server.may_be(Side::Server) && !By::Server.may_be(Side::Client));
        assert!(By::Client.may_be(Side::Client) && !By::Client.may_be(Side::Server));
    }
}
