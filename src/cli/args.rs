//! What was typed.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::select::{Endpoint, FailOn};
use crate::report;
use crate::report::when::Clock;

const EXAMPLES: &str = "\
Examples:
  hangup capture.pcapng                    who hung up, one line a session
  hangup read --abnormal capture.pcapng    only what went wrong
  hangup read --session 3 capture.pcapng   everything about one of them
  hangup live -i eth0 tcp port 80          tell each ending as it happens
  hangup explain 1006                      what a close code means
  hangup explain fin-without-close         what a cause means

hangup generate man|bash|zsh|fish prints the man page, or a shell's completions.";

const READ_EXAMPLES: &str = "\
Examples:
  hangup read capture.pcap
      A table: when, between whom, which close code, who ended it, why.
  hangup read --abnormal -v monday.pcapng.gz tuesday.pcapng.gz
      Two captures as one; what went wrong, with a sentence on each.
  hangup read --code 1006 --server 10.0.0.0/8:443 --path '/chat/*' capture.pcap
      Sessions without a Close frame, of one service.
  hangup read --session 17 capture.pcap
      All about session 17: facts, verdict, evidence, and its story.
  hangup read -o sessions.csv -o sessions.json capture.pcap
      The table as always, and two files for other tools.
  hangup read --abnormal -o wrong.pcapng huge.pcap
      The packets of what went wrong, with comments, for Wireshark.
  hangup read --view closes --format jsonl capture.pcap | jq .code
      The timeline of Close frames, one JSON object a line.
  hangup read --keylog keys.log capture.pcapng
      wss, with the key log that a browser, Node or Python wrote ($SSLKEYLOGFILE).
  ssh host tcpdump -U -w - port 80 | hangup read -
      From another tool.
  hangup read -q --fail-on abnormal capture.pcap
      In a test: exit status 1 when any session went wrong.

Exit status:
  0  done
  1  done, and a session of those shown matches --fail-on
  2  wrong usage, or nothing could be read
  3  partly read: a capture was cut short; all that could be read is told";

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  hangup explain                      all codes and all causes
  hangup explain 1006
  hangup explain CLOSE_GOING_AWAY     by the name a library gives it
  hangup explain fin-without-close    a cause, as hangup read names it";

/// Who hung up on your WebSockets, when, and why.
///
/// Reads packet captures and tells for every WebSocket in them how it ended:
/// the close code that each end saw, who ended it, why, and the packets that
/// prove it.
#[derive(Debug, Parser)]
#[command(
    name = "hangup",
    version,
    max_term_width = 80,
    after_help = EXAMPLES,
    override_usage = "hangup [OPTIONS] CAPTURE...\n       hangup <COMMAND> [OPTIONS]"
)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    Read(Box<ReadArgs>),
    #[cfg(feature = "live")]
    Live(Box<super::live::LiveArgs>),
    /// List the interfaces that can be watched
    #[cfg(feature = "live")]
    Interfaces,
    Explain(ExplainArgs),
    /// Print the man page or a shell's completions
    #[command(hide = true)]
    Generate(GenerateArgs),
}

/// Read captures and tell how every WebSocket in them ended.
///
/// Several captures count as one, ordered by time. Sessions keep the numbers
/// they have without any selection.
#[derive(Debug, Args)]
#[command(after_help = READ_EXAMPLES)]
pub(super) struct ReadArgs {
    /// pcap or pcapng, also compressed (.gz, .zst, .xz, .lz4); - is standard input
    #[arg(value_name = "CAPTURE", required = true)]
    pub(super) captures: Vec<PathBuf>,

    /// Read files with N threads; the results are the same for any number [default: what is best]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(super) threads: Option<u32>,

    /// Format of standard output
    #[arg(long, value_enum, default_value_t, help_heading = "Output")]
    pub(super) format: Format,

    /// Also write FILE, in the format of its ending: .csv, .json, .jsonl, or .pcapng (the
    /// packets of the sessions shown, with comments); repeatable
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub(super) output: Vec<PathBuf>,

    /// What to list: sessions; the timeline of Close frames; or all events [default: sessions]
    #[arg(long, value_enum, help_heading = "Output")]
    pub(super) view: Option<ViewName>,

    /// Order of sessions: by their first packets, with all that comparing them shows; or as they
    /// end, told at once and not kept
    ///
    /// With `ended` a session is told when nothing more is expected of its connection (a minute
    /// after the end, or at the end of the capture), by one thread, and numbered in that order.
    /// Findings still come last, but the sessions that they are about were told before: their
    /// `cause` and `related` say nothing of the others. For captures of millions of sessions.
    #[arg(
        long,
        value_enum,
        default_value_t,
        value_name = "ORDER",
        help_heading = "Output"
    )]
    pub(super) order: Order,

    #[command(flatten)]
    pub(super) look: LookArgs,

    /// No progress and no summary on standard error; warnings remain
    #[arg(short, long, help_heading = "Output")]
    pub(super) quiet: bool,

    /// In the table of sessions, tell in sentences what happened and what to do
    #[arg(short, long, help_heading = "Output")]
    pub(super) verbose: bool,

    /// TLS key log (NSS format, as $SSLKEYLOGFILE has it) to read wss with; repeatable
    /// [default: $SSLKEYLOGFILE; secrets inside of a pcapng are used as well]
    #[arg(long, value_name = "FILE", help_heading = "Selection")]
    pub(super) keylog: Vec<PathBuf>,

    /// Read only packets that match this capture filter, in tcpdump's language
    #[arg(short, long, value_name = "BPF", help_heading = "Selection")]
    pub(super) filter: Option<String>,

    #[command(flatten)]
    pub(super) wanted: WantedArgs,

    /// Everything about the session with this number
    #[arg(long, value_name = "N", help_heading = "Selection")]
    pub(super) session: Option<u64>,
}

/// How results look.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct LookArgs {
    /// Times in tables: time of day in UTC or here, or seconds since the first packet
    #[arg(long, value_enum, default_value_t, value_name = "CLOCK")]
    pub(super) time: ClockName,

    /// Colours in tables; auto: on a terminal, unless NO_COLOR is set
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    pub(super) color: Color,

    /// In CSV, leave texts that a spreadsheet would run as a formula as they are
    #[arg(long)]
    pub(super) csv_raw: bool,
}

/// Which sessions are shown.
#[derive(Debug, Args)]
#[command(next_help_heading = "Selection")]
pub(super) struct WantedArgs {
    /// Only sessions that ended abnormally or never opened
    #[arg(long)]
    pub(super) abnormal: bool,

    /// Also tell of TLS connections that ended and could not be read, as far as TLS shows
    #[arg(long)]
    pub(super) tls: bool,

    /// Only sessions that ended with one of these codes
    #[arg(long, value_name = "CODE,...", value_delimiter = ',')]
    pub(super) code: Vec<u16>,

    /// Only sessions of this client: 10.0.0.5, 10.0.0.0/8, :51234, [2001:db8::1]:51234
    #[arg(long, value_name = "ADDR[/LEN][:PORT]")]
    pub(super) client: Option<Endpoint>,

    /// Only sessions of this server: 10.0.0.9:443, [2001:db8::]/32:443, :8080
    #[arg(long, value_name = "ADDR[/LEN][:PORT]")]
    pub(super) server: Option<Endpoint>,

    /// Only sessions whose path matches, with or without its query: '/chat/*'
    #[arg(long, value_name = "GLOB")]
    pub(super) path: Option<String>,

    /// Exit with status 1 when a session shown is abnormal, or ended with such a code
    #[arg(long, value_name = "abnormal|CODE,...", value_delimiter = ',')]
    pub(super) fail_on: Vec<FailOn>,
}

/// Tell what a close code or a cause means, and what to do about it.
///
/// Without argument: the tables of all codes and causes.
#[derive(Debug, Args)]
#[command(after_help = EXPLAIN_EXAMPLES)]
pub(super) struct ExplainArgs {
    /// A code (1006), its name (CLOSE_GOING_AWAY), or a cause (fin-without-close)
    #[arg(value_name = "CODE|CAUSE", allow_hyphen_values = true)]
    pub(super) about: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct GenerateArgs {
    /// What to print
    #[arg(value_enum)]
    pub(super) what: Generated,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Generated {
    Man,
    Bash,
    Zsh,
    Fish,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    #[default]
    Table,
    Csv,
    Json,
    Jsonl,
    /// Packets: for files only.
    #[value(skip)]
    PcapNg,
}

impl Format {
    /// The format that the ending of a file stands for.
    pub(super) fn of_ending(ending: &OsStr) -> Option<Self> {
        let formats = [
            ("csv", Self::Csv),
            ("json", Self::Json),
            ("jsonl", Self::Jsonl),
            ("pcapng", Self::PcapNg),
        ];
        formats
            .into_iter()
            .find(|(name, _)| ending.eq_ignore_ascii_case(name))
            .map(|(_, format)| format)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ViewName {
    Sessions,
    Closes,
    Events,
}

impl From<ViewName> for report::View {
    fn from(name: ViewName) -> Self {
        match name {
            ViewName::Sessions => Self::Sessions,
            ViewName::Closes => Self::Closes,
            ViewName::Events => Self::Events,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Order {
    #[default]
    Started,
    Ended,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum ClockName {
    #[default]
    Utc,
    Local,
    Relative,
}

impl From<ClockName> for Clock {
    fn from(name: ClockName) -> Self {
        match name {
            ClockName::Utc => Self::Utc,
            ClockName::Local => Self::Local,
            ClockName::Relative => Self::Relative,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

/// Puts `read` before the arguments, unless they begin with a command or ask for help or the
/// version: then they are a capture, or options of reading one.
pub(super) fn with_command(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    const FIRST: [&str; 10] = [
        "read",
        "live",
        "interfaces",
        "explain",
        "generate",
        "help",
        "-h",
        "--help",
        "-V",
        "--version",
    ];
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    if arguments
        .get(1)
        .is_some_and(|first| FIRST.iter().all(|word| first != word))
    {
        arguments.insert(1, "read".into());
    }
    arguments
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn typed(line: &str) -> Result<Cli, clap::Error> {
        let words = line.split(' ').map(OsString::from);
        Cli::try_parse_from(with_command(
            std::iter::once(OsString::from("hangup")).chain(words),
        ))
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_capture_needs_no_command() {
        for line in [
            "a.pcap",
            "-",
            "read a.pcap",
            "a.pcap --abnormal",
            "--abnormal a.pcap",
            "-q a.pcap",
            "-qv a.pcap",
            "--session=3 -- -a.pcap",
        ] {
            assert!(
                matches!(
                    typed(line),
                    Ok(Cli {
                        command: Command::Read(_)
                    })
                ),
                "{line}"
            );
        }
        assert!(matches!(
            typed("explain 1006"),
            Ok(Cli {
                command: Command::Explain(_)
            })
        ));
    }

    #[test]
    fn wrong_values_are_refused() {
        for line in [
            "read",
            "a --code 70000",
            "a --client x",
            "a --fail-on never",
            "a --view all",
        ] {
            assert_eq!(
                typed(line).map_err(|error| error.exit_code()).err(),
                Some(2),
                "{line}"
            );
        }
    }

    #[test]
    fn lists_are_split_at_commas() {
        let read = match typed("a --code 1006,1011 --fail-on abnormal,4001") {
            Ok(Cli {
                command: Command::Read(read),
            }) => read,
            other => panic!("{other:?}"),
        };
        assert_eq!(read.wanted.code, [1006, 1011]);
        assert_eq!(read.wanted.fail_on, [FailOn::Abnormal, FailOn::Code(4001)]);
    }
}
