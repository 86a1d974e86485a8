//! Why a packet could not be decoded, in words.

use std::fmt;

/// Why a packet could not be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Reason {
    /// Link-layer header type that is not known here (`LINKTYPE_…`).
    LinkType(u32),
    /// The bytes end within this header: the capture was limited, or the packet is broken.
    CutShort(Header),
    /// The fields of this header contradict each other.
    Malformed(Header),
    /// Where an IP packet was announced stands something of another version.
    IpVersion(u8),
    /// Encrypted on this layer.
    Encrypted(Header),
    /// A Wi-Fi frame that holds part of a packet, or several.
    WlanAggregate,
    /// Its fragments overlap and are not copies: the datagram is given up (RFC 5722).
    FragmentOverlap,
    /// A datagram in more fragments than any sane sender makes.
    TooManyFragments,
    /// More layers than any sane network stacks.
    TooDeep,
}

/// A header, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
#[expect(missing_docs, reason = "names of protocols")]
pub enum Header {
    Loopback,
    Ethernet,
    Fddi,
    Vlan,
    EtherTag,
    Macsec,
    Llc,
    LinuxCooked,
    Ppp,
    Pppoe,
    Hdlc,
    Mpls,
    Nflog,
    Pflog,
    Pktap,
    Ppi,
    Radiotap,
    Wlan,
    Ipv4,
    Ipv6,
    Ipv6Extension,
    Authentication,
    Fragment,
    Tcp,
    Udp,
    Icmp,
    Gre,
    Erspan,
    Vxlan,
    Geneve,
    Gtp,
    Teredo,
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Loopback => "loopback",
            Self::Ethernet => "Ethernet",
            Self::Fddi => "FDDI",
            Self::Vlan => "VLAN",
            Self::EtherTag => "Ethernet tag",
            Self::Macsec => "MACsec",
            Self::Llc => "LLC",
            Self::LinuxCooked => "Linux cooked",
            Self::Ppp => "PPP",
            Self::Pppoe => "PPPoE",
            Self::Hdlc => "HDLC",
            Self::Mpls => "MPLS",
            Self::Nflog => "NFLOG",
            Self::Pflog => "PFLOG",
            Self::Pktap => "PKTAP",
            Self::Ppi => "PPI",
            Self::Radiotap => "radiotap",
            Self::Wlan => "802.11",
            Self::Ipv4 => "IPv4",
            Self::Ipv6 => "IPv6",
            Self::Ipv6Extension => "IPv6 extension",
            Self::Authentication => "IP authentication",
            Self::Fragment => "IP fragment",
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
            Self::Icmp => "ICMP",
            Self::Gre => "GRE",
            Self::Erspan => "ERSPAN",
            Self::Vxlan => "VXLAN",
            Self::Geneve => "GENEVE",
            Self::Gtp => "GTP-U",
            Self::Teredo => "Teredo",
        })
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LinkType(number @ 147..=162) => {
                write!(
                    f,
                    "unsupported link type {number} (USER{})",
                    number.saturating_sub(147)
                )
            }
            Self::LinkType(number) => match link_type_name(*number) {
                Some(name) => write!(f, "unsupported link type {number} ({name})"),
                None => write!(f, "unsupported link type {number}"),
            },
            Self::CutShort(header) => write!(f, "{header} header cut short"),
            Self::Malformed(header) => write!(f, "{header} header malformed"),
            Self::IpVersion(version) => write!(f, "IP header of version {version} out of place"),
            Self::Encrypted(header) => write!(f, "{header} payload encrypted"),
            Self::WlanAggregate => f.write_str("802.11 fragment or aggregate"),
            Self::FragmentOverlap => f.write_str("IP fragments overlap"),
            Self::TooManyFragments => f.write_str("too many IP fragments in one datagram"),
            Self::TooDeep => f.write_str("too many layers or tunnels"),
        }
    }
}

/// Names of link types that are met and cannot carry TCP here (tcpdump.org/linktypes.html).
fn link_type_name(number: u32) -> Option<&'static str> {
    Some(match number {
        3 => "AX25",
        6 => "IEEE802_5",
        7 => "ARCNET_BSD",
        8 => "SLIP",
        100 => "ATM_RFC1483",
        107 => "FRELAY",
        119 => "IEEE802_11_PRISM",
        122 => "IP_OVER_FC",
        123 => "SUNATM",
        138 => "APPLE_IP_OVER_IEEE1394",
        143 => "DOCSIS",
        163 => "IEEE802_11_AVS",
        177 => "LINUX_LAPD",
        186 => "USB_FREEBSD",
        187 => "BLUETOOTH_HCI_H4",
        189 => "USB_LINUX",
        190 => "CAN20B",
        195 => "IEEE802_15_4_WITHFCS",
        201 => "BLUETOOTH_HCI_H4_WITH_PHDR",
        220 => "USB_LINUX_MMAPPED",
        227 => "CAN_SOCKETCAN",
        230 => "IEEE802_15_4_NOFCS",
        231 => "DBUS",
        240 => "NETANALYZER",
        242 => "IPOIB",
        243 => "MPEG_2_TS",
        247 => "INFINIBAND",
        248 => "SCTP",
        249 => "USBPCAP",
        251 => "BLUETOOTH_LE_LL",
        252 => "WIRESHARK_UPPER_PDU",
        253 => "NETLINK",
        254 => "BLUETOOTH_LINUX_MONITOR",
        256 => "BLUETOOTH_LE_LL_WITH_PHDR",
        283 => "IEEE802_15_4_TAP",
        288 => "USB_2_0",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_read_as_words() {
        let told = |reason: Reason| reason.to_string();
        assert_eq!(
            told(Reason::LinkType(147)),
            "unsupported link type 147 (USER0)"
        );
        assert_eq!(
            told(Reason::LinkType(162)),
            "unsupported link type 162 (USER15)"
        );
        assert_eq!(
            told(Reason::LinkType(189)),
            "unsupported link type 189 (USB_LINUX)"
        );
        assert_eq!(
            told(Reason::LinkType(65_000)),
            "unsupported link type 65000"
        );
        assert_eq!(
            told(Reason::CutShort(Header::Ipv4)),
            "IPv4 header cut short"
        );
    }
}
