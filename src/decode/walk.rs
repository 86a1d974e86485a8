//! The long way: peels one layer after the other until a TCP header, or until there is no
//! further to go.

use etherparse::{IpNumber, ip_number};

use super::bytes::Bytes;
use super::fragments::{Fragment, Fragments, Key, Outcome};
use super::ip::Version;
use super::reason::Reason;
use super::tcp::{self, IpFields};
use super::{Address, Decoded, Tunnel, Tunnels, icmp, ip, link, tunnel, wlan};
use crate::capture::Packet;

/// Bounds the work that one packet can cause. Eight tunnels of Ethernet, VLAN, IP and UDP fit.
const MAX_LAYERS: usize = 48;
const MAX_TUNNELS: u8 = 8;

/// What the bytes at hand begin with.
#[derive(Clone, Copy, Debug)]
pub(super) enum Layer {
    Link(u32),
    Ethernet,
    EtherType(u16),
    Llc,
    Ppp,
    Pppoe,
    Mpls,
    Wlan { padded: bool },
    Ip(Version),
    Fragment(Fragment),
    Transport(IpNumber),
}

/// Why the walk ended without a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Nothing that could carry TCP.
    Other,
    Undecodable(Reason),
}

impl From<Reason> for Stop {
    fn from(reason: Reason) -> Self {
        Self::Undecodable(reason)
    }
}

/// The next layer and its bytes.
pub(super) type Next<'a> = Result<(Layer, Bytes<'a>), Stop>;

/// What the layers passed so far have told.
#[derive(Debug)]
pub(super) struct Passed {
    pub(super) vlan: Option<u16>,
    pub(super) tunnels: Tunnels,
    depth: u8,
    pub(super) ip: IpFields,
}

impl Passed {
    /// Notes that what follows is the inside of a tunnel.
    pub(super) fn enter(&mut self, tunnel: Tunnel) -> Result<(), Reason> {
        self.depth = self.depth.saturating_add(1);
        if self.depth > MAX_TUNNELS {
            return Err(Reason::TooDeep);
        }
        self.tunnels.push(tunnel);
        Ok(())
    }
}

/// Decodes a packet of any shape. `datagrams` and `tunnels`: room for what the answer borrows.
pub(super) fn walk<'a>(
    packet: &Packet<'a>,
    fragments: &mut Fragments,
    mut datagrams: &'a mut [Vec<u8>],
    tunnels: &'a mut Tunnels,
) -> Decoded<'a> {
    let mut passed = Passed {
        vlan: None,
        tunnels: Tunnels::default(),
        depth: 0,
        ip: IpFields {
            src: Address::NOWHERE,
            dst: Address::NOWHERE,
            ttl: 0,
            id: None,
        },
    };
    let mut layer = Layer::Link(u32::from(packet.link.0));
    let mut bytes = Bytes::of(packet);
    for _ in 0..MAX_LAYERS {
        let next = match layer {
            Layer::Link(link_type) => link::link(link_type, bytes),
            Layer::Ethernet => link::ethernet(bytes),
            Layer::EtherType(kind) => link::ether_payload(kind, bytes, &mut passed.vlan),
            Layer::Llc => link::llc(bytes),
            Layer::Ppp => link::ppp(bytes),
            Layer::Pppoe => link::pppoe(bytes),
            Layer::Mpls => link::mpls(bytes),
            Layer::Wlan { padded } => wlan::frame(bytes, padded),
            Layer::Ip(version) => ip::packet(version, bytes, &mut passed.ip),
            Layer::Fragment(fragment) => {
                let Some((datagram, others)) = std::mem::take(&mut datagrams).split_first_mut()
                else {
                    return Decoded::Undecodable(Reason::TooDeep);
                };
                datagrams = others;
                let key = Key::new(&passed.ip, &fragment, passed.tunnels);
                match fragments.insert(key, fragment, bytes, packet.time, datagram) {
                    Outcome::Held => return Decoded::Other,
                    Outcome::Refused(reason) => return Decoded::Undecodable(reason),
                    Outcome::Whole { protocol, lost } => ip::after_header(
                        IpNumber(protocol),
                        Bytes {
                            data: datagram,
                            lost,
                        },
                        &passed.ip,
                    ),
                }
            }
            Layer::Transport(ip_number::TCP) => {
                *tunnels = passed.tunnels;
                return match tcp::segment(passed.ip, bytes, passed.vlan, tunnels) {
                    Ok(segment) => Decoded::Tcp(segment),
                    Err(reason) => Decoded::Undecodable(reason),
                };
            }
            Layer::Transport(ip_number::ICMP | ip_number::IPV6_ICMP) => {
                return icmp::error(passed.ip.src.ip(), bytes)
                    .map_or(Decoded::Other, Decoded::Icmp);
            }
            Layer::Transport(protocol) => tunnel::inside(protocol, bytes, &mut passed),
        };
        match next {
            Ok(next) => (layer, bytes) = next,
            Err(Stop::Other) => return Decoded::Other,
            Err(Stop::Undecodable(reason)) => return Decoded::Undecodable(reason),
        }
    }
    Decoded::Undecodable(Reason::TooDeep)
}
