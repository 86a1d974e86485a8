//! What was typed after `hangup live`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::observe::ObserveArgs;
use crate::cli::args::{Format, LookArgs, WantedArgs};
use crate::cli::select::FailOn;
use crate::cli::units::{size, small_size, span};

const EXAMPLES: &str = "\
Examples:
  hangup live
      The interface of the default route; each WebSocket as it ends.
  hangup live -i lo tcp port 8080
      One interface, and only what matches a filter in tcpdump's language.
  hangup live --abnormal -q -o /var/log/hangup.jsonl --every 1m
      For weeks: what went wrong, into a file. SIGHUP opens it anew (logrotate).
  hangup live -q --record /var/lib/hangup --record-max 500MiB
      Keep the packets of what goes wrong, for Wireshark.
  hangup live --top
      A view on the terminal: what is open, what ended. Ends with q.
  hangup live --duration 30s --fail-on abnormal
      In a test: exit status 1 when any session went wrong meanwhile.

Ctrl-C (SIGINT) and SIGTERM end it; sessions that are open then are told as
open. A second one ends it at once.

Exit status:
  0  done
  1  done, and a session of those shown matches --fail-on
  2  wrong usage, or the interface could not be opened
  3  the interface failed while it was watched";

/// Watch an interface and tell each WebSocket as it ends.
///
/// Sessions are numbered in the order in which they are told, packets in the
/// order in which they came. Needs root, or the capability CAP_NET_RAW, to open
/// the interface, and gives it up then.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct LiveArgs {
    /// Only packets that match this capture filter, in tcpdump's language
    #[arg(value_name = "FILTER")]
    pub(super) filter: Vec<String>,

    /// Interface to watch [default: that of the default route, else any]
    #[arg(short, long, value_name = "INTERFACE", help_heading = "Capture")]
    pub(super) interface: Option<String>,

    /// Bytes to keep of each packet
    #[arg(
        long,
        value_name = "SIZE",
        default_value = "262144",
        value_parser = small_size,
        help_heading = "Capture"
    )]
    pub(super) snaplen: u32,

    /// Buffer of the kernel, for times when packets come faster than they are read
    #[arg(
        long,
        value_name = "SIZE",
        default_value = "64MiB",
        value_parser = small_size,
        help_heading = "Capture"
    )]
    pub(super) buffer: u32,

    /// Also see packets that are for other hosts
    #[arg(long, help_heading = "Capture")]
    pub(super) promiscuous: bool,

    /// Stop after so long: 500ms, 10s, 5m, 2h
    #[arg(long, value_name = "TIME", value_parser = span, help_heading = "Capture")]
    pub(super) duration: Option<Duration>,

    /// Stop after N packets
    #[arg(long, value_name = "N", help_heading = "Capture")]
    pub(super) count: Option<u64>,

    /// TLS key log (NSS format) to read wss with, followed as it grows; repeatable
    /// [default: $SSLKEYLOGFILE]
    #[arg(long, value_name = "FILE", help_heading = "Capture")]
    pub(super) keylog: Vec<PathBuf>,

    /// Once the interface is open, go on as this user (takes root)
    #[arg(long, value_name = "NAME", help_heading = "Capture")]
    pub(super) user: Option<String>,

    /// Format of standard output: table, csv or jsonl
    #[arg(long, value_enum, default_value_t, help_heading = "Output")]
    pub(super) format: Format,

    /// Also append to FILE, in the format of its ending: .csv or .jsonl; repeatable
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub(super) output: Vec<PathBuf>,

    /// Write the packets of each session that ends abnormally into a file of its own in DIR
    #[arg(long, value_name = "DIR", help_heading = "Recording")]
    pub(super) record: Option<PathBuf>,

    /// Which sessions to record [default: abnormal]
    #[arg(
        long,
        value_name = "abnormal|CODE,...",
        value_delimiter = ',',
        requires = "record",
        help_heading = "Recording"
    )]
    pub(super) record_on: Vec<FailOn>,

    /// Most that these files may take together; the oldest go first
    #[arg(
        long,
        value_name = "SIZE",
        default_value = "1GiB",
        value_parser = size,
        requires = "record",
        help_heading = "Recording"
    )]
    pub(super) record_max: u64,

    /// Put what opens its TLS into each of them (with --keylog): keep them like passwords
    #[arg(long, requires = "record", help_heading = "Recording")]
    pub(super) record_secrets: bool,

    /// Say so often on standard error how it is going
    #[arg(long, value_name = "TIME", value_parser = span, help_heading = "Output")]
    pub(super) every: Option<Duration>,

    #[command(flatten)]
    pub(super) look: LookArgs,

    /// No summary on standard error; warnings and what --every tells remain
    #[arg(short, long, help_heading = "Output")]
    pub(super) quiet: bool,

    /// In the table, tell in sentences what happened
    #[arg(short, long, help_heading = "Output")]
    pub(super) verbose: bool,

    #[command(flatten)]
    pub(super) observe: ObserveArgs,

    #[command(flatten)]
    pub(super) wanted: WantedArgs,
}
