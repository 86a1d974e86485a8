//! IPv4 (RFC 791), IPv6 with its extension headers (RFC 8200), and whether it is a fragment.

use etherparse::{
    IpAuthHeaderSlice, IpNumber, Ipv4HeaderSlice, Ipv6FragmentHeaderSlice, Ipv6HeaderSlice,
    Ipv6RawExtHeaderSlice, err, ip_number,
};

use super::Address;
use super::bytes::Bytes;
use super::fragments::Fragment;
use super::reason::{Header, Reason};
use super::tcp::IpFields;
use super::walk::{Layer, Next};

/// More extension headers than this are an attack on whoever reads them.
const MAX_EXTENSIONS: usize = 16;

/// Which version was announced by the layer around.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    Any,
    V4,
    V6,
}

/// Reads an IP header; leaves its addresses in `ip` and answers with its payload.
pub(super) fn packet<'a>(version: Version, bytes: Bytes<'a>, ip: &mut IpFields) -> Next<'a> {
    match (bytes.first_nibble(), version) {
        (Some(4), Version::Any | Version::V4) => ipv4(bytes, ip),
        (Some(6), Version::Any | Version::V6) => ipv6(bytes, ip),
        (Some(other), _) => Err(Reason::IpVersion(other).into()),
        (None, Version::V6) => Err(Reason::CutShort(Header::Ipv6).into()),
        (None, _) => Err(Reason::CutShort(Header::Ipv4).into()),
    }
}

fn ipv4<'a>(bytes: Bytes<'a>, ip: &mut IpFields) -> Next<'a> {
    let head = Ipv4HeaderSlice::from_slice(bytes.data).map_err(|error| match error {
        err::ipv4::HeaderSliceError::Len(_) => Reason::CutShort(Header::Ipv4),
        err::ipv4::HeaderSliceError::Content(_) => Reason::Malformed(Header::Ipv4),
    })?;
    let header_len = head.slice().len();
    let payload = bytes.skip(header_len, Header::Ipv4)?;
    let payload = match usize::from(head.total_len()) {
        // Segmentation offload: too long for the field, set by the network card later.
        0 => payload,
        total_len => match total_len.checked_sub(header_len) {
            Some(len) => payload.limit(len),
            None => return Err(Reason::Malformed(Header::Ipv4).into()),
        },
    };
    *ip = IpFields {
        src: Address::v4(head.source()),
        dst: Address::v4(head.destination()),
        ttl: head.ttl(),
        id: Some(head.identification()),
    };
    if head.is_fragmenting_payload() {
        let fragment = Fragment {
            id: u32::from(head.identification()),
            protocol: head.protocol().0,
            offset: u32::from(head.fragments_offset().byte_offset()),
            more: head.more_fragments(),
        };
        return Ok((Layer::Fragment(fragment), payload));
    }
    after_header(head.protocol(), payload, ip)
}

fn ipv6<'a>(bytes: Bytes<'a>, ip: &mut IpFields) -> Next<'a> {
    let head = Ipv6HeaderSlice::from_slice(bytes.data).map_err(|error| match error {
        err::ipv6::HeaderSliceError::Len(_) => Reason::CutShort(Header::Ipv6),
        err::ipv6::HeaderSliceError::Content(_) => Reason::Malformed(Header::Ipv6),
    })?;
    let payload = bytes.skip(head.slice().len(), Header::Ipv6)?;
    let payload = match usize::from(head.payload_length()) {
        // A jumbogram (RFC 2675) or segmentation offload: the packet's own length counts.
        0 => payload,
        len => payload.limit(len),
    };
    *ip = IpFields {
        src: Address::v6(head.source()),
        dst: Address::v6(head.destination()),
        ttl: head.hop_limit(),
        id: None,
    };
    after_header(head.next_header(), payload, ip)
}

/// What follows an IP header, or begins a reassembled datagram.
pub(super) fn after_header<'a>(next: IpNumber, bytes: Bytes<'a>, ip: &IpFields) -> Next<'a> {
    // IPv4 knows the authentication header only (RFC 4302 §3.1).
    if ip.src.is_v4 && next != ip_number::AUTH {
        return Ok((Layer::Transport(next), bytes));
    }
    extensions(next, bytes)
}

/// Goes past extension headers, up to the first fragment header that fragments: what follows
/// it can only be read once the datagram is whole.
fn extensions(mut next: IpNumber, mut bytes: Bytes<'_>) -> Next<'_> {
    for _ in 0..MAX_EXTENSIONS {
        let header_len = match next {
            ip_number::IPV6_HOP_BY_HOP
            | ip_number::IPV6_ROUTE
            | ip_number::IPV6_DEST_OPTIONS
            | ip_number::MOBILITY
            | ip_number::HIP
            | ip_number::SHIM6 => {
                let head = Ipv6RawExtHeaderSlice::from_slice(bytes.data)
                    .map_err(|_| Reason::CutShort(Header::Ipv6Extension))?;
                next = head.next_header();
                head.slice().len()
            }
            ip_number::AUTH => {
                let head =
                    IpAuthHeaderSlice::from_slice(bytes.data).map_err(|error| match error {
                        err::ip_auth::HeaderSliceError::Len(_) => {
                            Reason::CutShort(Header::Authentication)
                        }
                        err::ip_auth::HeaderSliceError::Content(_) => {
                            Reason::Malformed(Header::Authentication)
                        }
                    })?;
                next = head.next_header();
                head.slice().len()
            }
            ip_number::IPV6_FRAG => {
                let head = Ipv6FragmentHeaderSlice::from_slice(bytes.data)
                    .map_err(|_| Reason::CutShort(Header::Fragment))?;
                next = head.next_header();
                let header_len = head.slice().len();
                if head.is_fragmenting_payload() {
                    let fragment = Fragment {
                        id: head.identification(),
                        protocol: next.0,
                        offset: u32::from(head.fragment_offset().byte_offset()),
                        more: head.more_fragments(),
                    };
                    return Ok((
                        Layer::Fragment(fragment),
                        bytes.skip(header_len, Header::Fragment)?,
                    ));
                }
                // An "atomic" fragment is a whole packet (RFC 6946).
                header_len
            }
            _ => return Ok((Layer::Transport(next), bytes)),
        };
        bytes = bytes.skip(header_len, Header::Ipv6Extension)?;
    }
    Err(Reason::TooDeep.into())
}
