//! Capture filters (BPF) in tcpdump's language, compiled and run by libpcap.
//!
//! In: packets. Out: those that match. Only with the feature `live`.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use pcap::{BpfProgram, Capture, Linktype};

use super::{CaptureError, LinkType, Packet, PacketSource, Step};

/// Link types against which an expression is tried when it is given: Ethernet, what Linux calls
/// `any`, and 802.11. Each knows primitives that the others refuse (`ifname`, `wlan`).
const TRIED: [LinkType; 3] = [LinkType(1), LinkType(276), LinkType(127)];

/// A filter expression, and its programs for the link types met so far.
///
/// `len`, `greater` and `less` see the captured length, not that on the wire.
pub struct Filter {
    expression: String,
    /// `None` where the expression means nothing for a link type.
    programs: HashMap<LinkType, Option<BpfProgram>, RandomState>,
}

impl Filter {
    /// From an expression as in pcap-filter(7).
    ///
    /// # Errors
    /// [`CaptureError::Filter`] where it is not one.
    pub fn compile(expression: &str) -> Result<Self, CaptureError> {
        let mut tried = TRIED.iter().map(|&link| program(expression, link));
        // The first error is the one for Ethernet: the one people understand.
        match tried.next() {
            Some(Err(message)) if tried.all(|program| program.is_err()) => {
                let expression = expression.to_owned();
                Err(CaptureError::Filter {
                    expression,
                    link: None,
                    message,
                })
            }
            _ => Ok(Self {
                expression: expression.to_owned(),
                programs: HashMap::default(),
            }),
        }
    }

    /// Whether a packet matches.
    ///
    /// # Errors
    /// [`CaptureError::Filter`] at the first packet of a link type for which the expression means
    /// nothing; no packet of that type ever matches.
    pub fn matches(&mut self, packet: &Packet<'_>) -> Result<bool, CaptureError> {
        if let Some(program) = self.programs.get(&packet.link) {
            return Ok(program
                .as_ref()
                .is_some_and(|program| program.filter(packet.data)));
        }
        match program(&self.expression, packet.link) {
            Ok(program) => {
                let matches = program.filter(packet.data);
                self.programs.insert(packet.link, Some(program));
                Ok(matches)
            }
            Err(message) => {
                self.programs.insert(packet.link, None);
                let (expression, link) = (self.expression.clone(), Some(packet.link.0));
                Err(CaptureError::Filter {
                    expression,
                    link,
                    message,
                })
            }
        }
    }
}

/// Compiles `expression` for packets that begin with `link`.
fn program(expression: &str, link: LinkType) -> Result<BpfProgram, String> {
    Capture::dead(dlt(link))
        .and_then(|capture| capture.compile(expression, true))
        .map_err(|error| match error {
            pcap::Error::PcapError(message) => message,
            error => error.to_string(),
        })
}

/// libpcap's own number (`DLT_…`) for a link type of a file. They are the same but for those whose
/// numbers differ between systems (pcap/dlt.h, pcap-common.c).
fn dlt(link: LinkType) -> Linktype {
    const OPENBSD: bool = cfg!(target_os = "openbsd");
    Linktype(match link.0 {
        100 => 11,
        101 => {
            if OPENBSD {
                14
            } else {
                12
            }
        }
        number => number.into(),
    })
}

/// The packets of a source that match a filter. They keep their numbers.
pub struct Filtered<S> {
    source: S,
    filter: Filter,
}

impl<S: PacketSource> Filtered<S> {
    /// What matches `filter` in `source`.
    pub const fn new(source: S, filter: Filter) -> Self {
        Self { source, filter }
    }

    /// The source.
    pub const fn source(&self) -> &S {
        &self.source
    }
}

impl<S: PacketSource> PacketSource for Filtered<S> {
    /// Errors of the filter (see [`Filter::matches`]) do not end the source.
    fn advance(&mut self) -> Result<Step, CaptureError> {
        loop {
            let step = self.source.advance()?;
            if !matches!(step, Step::Packet) || self.filter.matches(&self.source.packet())? {
                return Ok(step);
            }
        }
    }

    fn packet(&self) -> Packet<'_> {
        self.source.packet()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::super::testing::*;
    use super::*;

    /// A TCP segment over IPv4 to a port, nothing else filled in.
    fn ip(port: u16) -> Vec<u8> {
        let mut bytes = vec![
            0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0, 9,
        ];
        bytes.extend(port.to_be_bytes());
        bytes.extend([0; 16]);
        bytes
    }

    fn ethernet(port: u16) -> Vec<u8> {
        [&[0; 12][..], &[8, 0], &ip(port)].concat()
    }

    fn mixed(links: &[(u16, Vec<u8>)]) -> Vec<u8> {
        let order = Order::Little;
        let mut bytes = order.section();
        for (index, (link, data)) in links.iter().enumerate() {
            bytes.extend(order.interface(*link, 0, &[]));
            bytes.extend(order.enhanced(u32::try_from(index).unwrap(), 0, data));
        }
        bytes
    }

    #[test]
    fn one_expression_for_several_link_types() {
        let bytes = mixed(&[
            (1, ethernet(80)),
            (1, ethernet(443)),
            (101, ip(80)),
            (101, ip(443)),
            (228, ip(443)),
            (1, vec![]),
        ]);
        let filter = Filter::compile("tcp dst port 443").unwrap();
        let mut source = Filtered::new(reader(bytes).unwrap(), filter);
        let (packets, notes) = drain(&mut source);
        let numbers: Vec<_> = packets.iter().map(|packet| packet.number).collect();
        assert_eq!((numbers, notes), (vec![2, 4, 5], vec![]));
        assert_eq!(source.source().position(), (0, None));
    }

    #[test]
    fn a_bad_expression_is_named() {
        for bad in ["tcp prot 80", "host", "port 80)", "tcp\0"] {
            let error = Filter::compile(bad).err().unwrap().to_string();
            assert!(error.contains(&format!("{bad:?}")), "{error}");
        }
        for good in ["", "tcp port 80", "ifindex 3", "wlan type mgt"] {
            assert!(Filter::compile(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn where_it_means_nothing_is_told_once() {
        let wlan = [
            (127, vec![0; 40]),
            (1, ethernet(80)),
            (1, ethernet(80)),
            (127, vec![0; 40]),
        ];
        let filter = Filter::compile("wlan type mgt").unwrap();
        let mut source = Filtered::new(reader(mixed(&wlan)).unwrap(), filter);
        let mut errors = Vec::new();
        loop {
            match source.advance() {
                Ok(Step::End) => break,
                Ok(_) => assert_eq!(source.packet().link, LinkType(127)),
                Err(error) => errors.push(error.to_string()),
            }
        }
        let [error] = &errors[..] else {
            panic!("{errors:?}")
        };
        assert!(error.contains("link type 1:"), "{error}");
    }
}
