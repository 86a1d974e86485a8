//! The TCP header (RFC 9293 §3.1).

use super::bytes::Bytes;
use super::reason::{Header, Reason};
use super::{Address, Flags, Segment, Tunnels};

/// What the IP header says to whoever reads its payload.
#[derive(Clone, Copy, Debug)]
pub(super) struct IpFields {
    pub(super) src: Address,
    pub(super) dst: Address,
    pub(super) ttl: u8,
    pub(super) id: Option<u16>,
}

const HEADER_LEN: usize = 20;

/// Reads a TCP segment. Options that were cut off do not matter, since sequence numbers and
/// flags stand before them.
#[inline]
pub(super) fn segment<'a>(
    ip: IpFields,
    bytes: Bytes<'a>,
    vlan: Option<u16>,
    tunnel: &'a Tunnels,
) -> Result<Segment<'a>, Reason> {
    let (head, rest) = bytes.take::<HEADER_LEN>(Header::Tcp)?;
    let Some(options_len) = (usize::from(head[12] >> 4) * 4).checked_sub(HEADER_LEN) else {
        return Err(Reason::Malformed(Header::Tcp));
    };
    let Some(wire_len) = rest.wire_len().checked_sub(options_len) else {
        return Err(Reason::Malformed(Header::Tcp));
    };
    let (options, payload) = rest
        .data
        .split_at_checked(options_len)
        .unwrap_or((rest.data, &[]));
    Ok(Segment {
        src: ip.src,
        dst: ip.dst,
        src_port: u16::from_be_bytes([head[0], head[1]]),
        dst_port: u16::from_be_bytes([head[2], head[3]]),
        seq: u32::from_be_bytes([head[4], head[5], head[6], head[7]]),
        ack: u32::from_be_bytes([head[8], head[9], head[10], head[11]]),
        flags: Flags(head[13]),
        window: u16::from_be_bytes([head[14], head[15]]),
        options,
        payload,
        wire_len: u32::try_from(wire_len).unwrap_or(u32::MAX),
        ttl: ip.ttl,
        ip_id: ip.id,
        vlan,
        tunnel,
    })
}
