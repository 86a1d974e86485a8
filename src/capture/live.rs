//! Packets from an interface, through libpcap.
//!
//! In: what passes. Out: [`Packet`]s as they come, and the time where none do. Only with the
//! feature `live`.

use std::net::IpAddr;
use std::os::fd::AsFd;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use pcap::{Active, Capture, Device, Linktype, Precision};

use super::{LinkType, Packet, PacketId};
use crate::limits;
use crate::time::Timestamp;

/// How long to wait for packets before saying what time it is, in milliseconds.
const PATIENCE_MILLIS: u16 = 100;

/// Packets without an end, and the time in between.
pub trait Feed {
    /// Waits a short while for packets, or where there is a `hurry` not at all, and hands over
    /// what there is, or the first thousands; then tells what time it is.
    ///
    /// # Errors
    /// Where no more packets will come.
    fn wait(&mut self, hurry: bool, take: &mut dyn FnMut(&Packet<'_>))
    -> Result<Waited, LiveError>;

    /// What feeds it is down: no packets come, but they may again. Asked for about once a second.
    fn is_down(&mut self) -> bool {
        false
    }

    /// Packets lost so far. Wants to be asked now and then: the counters behind it wrap.
    fn drops(&mut self) -> Drops;
}

/// What [`Feed::wait`] came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// It is now so late.
    Now(Timestamp),
    /// There are more packets; those up to then were handed over.
    Behind(Timestamp),
    /// There will be no more packets.
    End,
}

/// Packets that matched the filter and were lost before anybody saw them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drops {
    /// By the kernel, whose buffer was full.
    pub kernel: u64,
    /// By the interface or its driver.
    pub interface: u64,
}

impl Drops {
    /// All of them.
    pub const fn total(self) -> u64 {
        self.kernel.saturating_add(self.interface)
    }
}

/// How to watch an interface.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// Capture filter, in tcpdump's language; empty for all packets.
    pub filter: &'a str,
    /// Bytes kept of each packet.
    pub snaplen: u32,
    /// Bytes of the kernel's buffer.
    pub buffer: u32,
    /// Also see packets that are for other hosts.
    pub promiscuous: bool,
}

/// Why an interface cannot be watched, or no longer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LiveError {
    /// The system does not let this user.
    #[error(
        "interface {interface}: not permitted; capturing takes root or the capability CAP_NET_RAW: \
         sudo setcap cap_net_raw+ep {program}"
    )]
    NotAllowed {
        /// The interface.
        interface: String,
        /// Path of this program.
        program: String,
    },
    /// There is no such interface.
    #[error(
        "interface {interface}: there is none of that name; hangup interfaces lists those there are"
    )]
    NotFound {
        /// Its name.
        interface: String,
    },
    /// It is down.
    #[error(
        "interface {interface}: is down; bring it up (ip link set {interface} up) or name another"
    )]
    Down {
        /// Its name.
        interface: String,
    },
    /// A filter expression that libpcap does not take.
    #[error("filter {expression:?}: {message}")]
    Filter {
        /// The expression.
        expression: String,
        /// What libpcap said.
        message: String,
    },
    /// Whatever else the system says.
    #[error("interface {interface}: {message}")]
    Other {
        /// The interface.
        interface: String,
        /// What libpcap said.
        message: String,
    },
}

/// An open interface.
pub struct Interface {
    name: String,
    capture: Capture<Active>,
    link: LinkType,
    packets: u64,
    seen: [u32; 2],
    drops: Drops,
}

impl Interface {
    /// Begins to watch the interface called `name`.
    ///
    /// # Errors
    /// Where the system does not let us, or the filter is none.
    pub fn open(name: &str, options: &Options<'_>) -> Result<Self, LiveError> {
        let refused = |error| explain(name, error);
        let clamped = |bytes: u32| i32::try_from(bytes).unwrap_or(i32::MAX);
        let mut capture = Capture::from_device(name)
            .map_err(refused)?
            .promisc(options.promiscuous)
            .snaplen(clamped(options.snaplen))
            .buffer_size(clamped(options.buffer))
            // How long the kernel fills a block before it hands it over, in milliseconds: without
            // it a lone packet may wait for hours.
            .timeout(i32::from(PATIENCE_MILLIS))
            .precision(Precision::Nano)
            .open()
            // The timeout does not end a wait on Linux; poll does.
            .and_then(Capture::setnonblock)
            .map_err(refused)?;
        capture
            .filter(options.filter, true)
            .map_err(|error| LiveError::Filter {
                expression: options.filter.to_owned(),
                message: words(error),
            })?;
        let link = link_type(capture.get_datalink());
        Ok(Self {
            name: name.to_owned(),
            capture,
            link,
            packets: 0,
            seen: [0; 2],
            drops: Drops::default(),
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How its packets begin.
    pub const fn link(&self) -> LinkType {
        self.link
    }
}

impl Feed for Interface {
    fn wait(
        &mut self,
        hurry: bool,
        take: &mut dyn FnMut(&Packet<'_>),
    ) -> Result<Waited, LiveError> {
        let mut waited = [PollFd::new(self.capture.as_fd(), PollFlags::POLLIN)];
        let patience = if hurry { 0 } else { PATIENCE_MILLIS };
        match poll(&mut waited, PollTimeout::from(patience)) {
            // A signal: whoever waits for it has seen it.
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => {
                return Err(LiveError::Other {
                    interface: self.name.clone(),
                    message: error.desc().to_owned(),
                });
            }
        }
        let Self {
            capture,
            link,
            packets,
            ..
        } = self;
        let before = *packets;
        let mut last = Timestamp::default();
        capture
            // Without a limit it goes on for as long as packets come faster than they are taken.
            .dispatch(Some(limits::MAX_PACKETS_AT_ONCE), |packet| {
                *packets += 1;
                let header = packet.header;
                // With Precision::Nano the field for microseconds holds nanoseconds.
                last = Timestamp::from_parts(header.ts.tv_sec, header.ts.tv_usec);
                take(&Packet {
                    id: PacketId::new(0, *packets),
                    time: last,
                    link: *link,
                    wire_len: header.len,
                    data: packet.data,
                });
            })
            .map_err(|error| explain(&self.name, error))?;
        if *packets - before < limits::MAX_PACKETS_AT_ONCE as u64 {
            Ok(Waited::Now(now()))
        } else {
            Ok(Waited::Behind(last))
        }
    }

    /// libpcap does not say: it waits for the interface to come back.
    fn is_down(&mut self) -> bool {
        let Ok(mut addresses) = getifaddrs() else {
            return false;
        };
        // Where the system does not list it (any), it is taken for up.
        addresses
            .find(|address| address.interface_name == self.name)
            .is_some_and(|address| !address.flags.contains(InterfaceFlags::IFF_UP))
    }

    fn drops(&mut self) -> Drops {
        if let Ok(stats) = self.capture.stats() {
            let [kernel, interface] = &mut self.seen;
            self.drops.kernel += grown(kernel, stats.dropped);
            self.drops.interface += grown(interface, stats.if_dropped);
        }
        self.drops
    }
}

/// By how much a counter of 32 bits, which wraps, grew since it was `seen`.
fn grown(seen: &mut u32, counter: u32) -> u64 {
    let grown = counter.wrapping_sub(*seen);
    *seen = counter;
    u64::from(grown)
}

/// What time it is, on the clock that stamps packets.
pub fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    Timestamp::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

/// The number for files of what libpcap calls by a number of this system (pcap-common.c).
fn link_type(dlt: Linktype) -> LinkType {
    match dlt.0 {
        12 | 14 => LinkType(101),
        11 => LinkType(100),
        number => LinkType(u16::try_from(number).unwrap_or(u16::MAX)),
    }
}

fn words(error: pcap::Error) -> String {
    match error {
        // Some messages have a second line with the call that failed.
        pcap::Error::PcapError(message) => message.replace('\n', " "),
        error => error.to_string(),
    }
}

/// What can be done about an error of libpcap, which has no kinds, only texts.
fn explain(interface: &str, error: pcap::Error) -> LiveError {
    let interface = interface.to_owned();
    let message = words(error);
    let says = |texts: &[&str]| texts.iter().any(|text| message.contains(text));
    if says(&["permission", "not permitted", "denied"]) {
        let program = std::env::current_exe();
        let program = program.map_or("hangup".to_owned(), |path| path.display().to_string());
        LiveError::NotAllowed { interface, program }
    } else if says(&["No such device", "doesn't exist"]) {
        LiveError::NotFound { interface }
    } else if says(&["is not up", "Network is down"]) {
        LiveError::Down { interface }
    } else {
        LiveError::Other { interface, message }
    }
}

/// An interface that could be watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// What libpcap says of it.
    pub description: Option<String>,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// It is up and has a carrier.
    pub is_up: bool,
    /// It leads back to this host.
    pub is_loopback: bool,
    /// It is no network interface but a tap of libpcap's own (`any`, `nflog`, USB, …).
    pub is_pseudo: bool,
}

/// What there is to watch.
///
/// # Errors
/// Where the system does not say.
pub fn interfaces() -> Result<Vec<Listed>, LiveError> {
    let devices = Device::list().map_err(|error| explain("list", error))?;
    let listed = |device: Device| Listed {
        is_up: device.flags.is_up() && device.flags.is_running(),
        is_loopback: device.flags.is_loopback(),
        is_pseudo: is_pseudo(&device.name),
        addresses: device.addresses.iter().map(|one| one.addr).collect(),
        description: device.desc,
        name: device.name,
    };
    Ok(devices.into_iter().map(listed).collect())
}

/// By name: libpcap lists its own taps beside interfaces and gives them no mark.
fn is_pseudo(name: &str) -> bool {
    let taps = ["any", "nflog", "nfqueue", "dbus-system", "dbus-session"];
    let families = ["bluetooth", "usbmon", "rdma", "dag"];
    taps.contains(&name) || families.iter().any(|family| name.starts_with(family))
}

/// The interface behind which most of the network is: that of the default route. `None` where
/// there is no route, or the system does not say.
pub fn default_interface() -> Option<String> {
    let four = std::fs::read_to_string("/proc/net/route").unwrap_or_default();
    let six = || std::fs::read_to_string("/proc/net/ipv6_route").unwrap_or_default();
    default_route(&four).or_else(|| default_route_6(&six()))
}

/// From `/proc/net/route`: the default route with the lowest metric.
fn default_route(table: &str) -> Option<String> {
    let routes = table.lines().skip(1).filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [name, destination, _, flags, _, _, metric, mask, ..] = fields[..] else {
            return None;
        };
        let is_up = u32::from_str_radix(flags, 16).ok()? & 1 != 0;
        let is_default = destination == "00000000" && mask == "00000000";
        let metric: u32 = metric.parse().ok()?;
        (is_up && is_default).then_some((metric, name))
    });
    routes
        .min_by_key(|(metric, _)| *metric)
        .map(|(_, name)| name.to_owned())
}

/// From `/proc/net/ipv6_route`, where an unreachable default goes through `lo`.
fn default_route_6(table: &str) -> Option<String> {
    let routes = table.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [destination, length, .., metric, _, _, _, name] = fields[..] else {
            return None;
        };
        let is_default = length == "00" && destination.bytes().all(|digit| digit == b'0');
        let metric = u32::from_str_radix(metric, 16).ok()?;
        (is_default && name != "lo").then_some((metric, name))
    });
    routes
        .min_by_key(|(metric, _)| *metric)
        .map(|(_, name)| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_that_wrap_go_on() {
        let mut seen = 0;
        assert_eq!(grown(&mut seen, 5), 5);
        assert_eq!(grown(&mut seen, u32::MAX), u64::from(u32::MAX - 5));
        assert_eq!(grown(&mut seen, 3), 4);
        assert_eq!(grown(&mut seen, 3), 0);
    }

    #[test]
    fn the_default_route_names_the_interface() {
        let table = "\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
wlan0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0
eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0
down0\t00000000\t0101A8C0\t0002\t0\t0\t1\t00000000\t0\t0\t0
eth1\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
";
        assert_eq!(default_route(table).as_deref(), Some("eth0"));
        assert_eq!(default_route("Iface\n"), None);
        assert_eq!(default_route("Iface\nx 00000000 y\n"), None);
        let zeros = "0".repeat(32);
        let line = |metric, name| {
            format!("{zeros} 00 {zeros} 00 {zeros} {metric} 00000001 00000000 00000003 {name}\n")
        };
        let table = line("ffffffff", "lo") + &line("00000400", "eth0") + &line("00000100", "eth2");
        assert_eq!(default_route_6(&table).as_deref(), Some("eth2"));
        assert_eq!(default_route_6(&line("ffffffff", "lo")), None);
    }

    #[test]
    fn messages_of_libpcap_become_advice() {
        let told = |text: &str| explain("eth0", pcap::Error::PcapError(text.to_owned()));
        assert!(matches!(
            told(
                "eth0: You don't have permission to perform this capture on that device\n(socket: Operation not permitted)"
            ),
            LiveError::NotAllowed { .. }
        ));
        assert!(matches!(
            told("eth0: No such device exists\n(No such device exists)"),
            LiveError::NotFound { .. }
        ));
        assert!(matches!(
            told("The interface disappeared"),
            LiveError::Other { .. }
        ));
    }

    #[test]
    fn taps_are_no_interfaces() {
        assert!(is_pseudo("any") && is_pseudo("usbmon1") && is_pseudo("bluetooth-monitor"));
        assert!(!is_pseudo("anyone0") && !is_pseudo("eth0") && !is_pseudo("lo"));
    }
}
