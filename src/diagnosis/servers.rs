//! To which server each of many sessions went: addresses are looked up once, and numbers compared
//! from then on.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use foldhash::fast::RandomState;

use super::outline::Outline;

/// An address to look up by, in two numbers: the parts of an address take longer to hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct AddressKey {
    ip: u128,
    /// With a bit above it for IPv6.
    port: u32,
}

impl From<SocketAddr> for AddressKey {
    fn from(address: SocketAddr) -> Self {
        let (ip, family) = match address.ip() {
            IpAddr::V4(ip) => (ip.to_bits().into(), 0),
            IpAddr::V6(ip) => (ip.to_bits(), 1 << u16::BITS),
        };
        let port = u32::from(address.port()) | family;
        Self { ip, port }
    }
}

/// The servers of some sessions.
#[derive(Debug)]
pub(super) struct Servers {
    /// Each once, in order.
    addresses: Vec<SocketAddr>,
    /// Index of its server, for each session.
    of: Vec<u32>,
}

impl Servers {
    /// Those of `outlines`.
    pub(super) fn of(outlines: &[Outline]) -> Self {
        let mut known: HashMap<AddressKey, u32, RandomState> = HashMap::default();
        let mut addresses = Vec::new();
        let mut of = Vec::with_capacity(outlines.len());
        for outline in outlines {
            let server = *known.entry(outline.server().into()).or_insert_with(|| {
                addresses.push(outline.server());
                number(addresses.len() - 1)
            });
            of.push(server);
        }
        let mut places: Vec<usize> = (0..addresses.len()).collect();
        places.sort_unstable_by_key(|&at| addresses.get(at));
        let mut numbers = vec![0; addresses.len()];
        for (new, &old) in places.iter().enumerate() {
            if let Some(place) = numbers.get_mut(old) {
                *place = number(new);
            }
        }
        for server in &mut of {
            *server = numbers.get(*server as usize).copied().unwrap_or_default();
        }
        addresses.sort_unstable();
        Self { addresses, of }
    }

    /// Each once, in order.
    pub(super) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The address of the server with this number.
    pub(super) fn address(&self, number: u32) -> Option<SocketAddr> {
        self.addresses.get(number as usize).copied()
    }

    /// The number of the server of each session: its index among all addresses.
    pub(super) fn numbers(&self) -> &[u32] {
        &self.of
    }

    /// Each server with the indices of its sessions, which are in order.
    pub(super) fn crowds(&self) -> Crowds<'_> {
        let mut begins = vec![0; self.addresses.len() + 1];
        for &server in &self.of {
            if let Some(count) = begins.get_mut(server as usize) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for begin in &mut begins {
            sum += std::mem::replace(begin, sum);
        }
        let mut indices = vec![0; self.of.len()];
        let mut next = begins.clone();
        for (index, &server) in (0..).zip(&self.of) {
            if let Some(next) = next.get_mut(server as usize) {
                if let Some(place) = indices.get_mut(*next) {
                    *place = index;
                }
                *next += 1;
            }
        }
        Crowds {
            addresses: &self.addresses,
            begins,
            indices,
        }
    }
}

/// The sessions of each server.
pub(super) struct Crowds<'a> {
    addresses: &'a [SocketAddr],
    /// Where in `indices` those of each server begin, and the end of all.
    begins: Vec<usize>,
    indices: Vec<u32>,
}

impl Crowds<'_> {
    /// Each server with the indices of its sessions.
    pub(super) fn iter(&self) -> impl Iterator<Item = (SocketAddr, &[u32])> {
        let ranges = self.begins.windows(2);
        self.addresses.iter().zip(ranges).map(|(&server, range)| {
            let indices = match range {
                &[from, to] => self.indices.get(from..to),
                _ => None,
            };
            (server, indices.unwrap_or_default())
        })
    }
}

fn number(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn each_server_has_its_sessions() {
        let outlines: Vec<Outline> = [90, 80, 90, 70, 80, 90]
            .into_iter()
            .map(|port| {
                let mut session = sample::open(1);
                session.server.set_port(port);
                Outline::new(&(&session).into(), &RandomState::default())
            })
            .collect();
        let servers = Servers::of(&outlines);
        assert_eq!(servers.numbers(), [2, 1, 2, 0, 1, 2]);
        let crowds = servers.crowds();
        let crowds: Vec<(u16, &[u32])> = crowds
            .iter()
            .map(|(server, crowd)| (server.port(), crowd))
            .collect();
        assert_eq!(crowds, [(70, &[3][..]), (80, &[1, 4]), (90, &[0, 2, 5])]);
        assert!(Servers::of(&[]).crowds().iter().next().is_none());
    }
}
