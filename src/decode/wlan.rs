//! Wi-Fi: radiotap and 802.11 data frames in clear text (IEEE 802.11-2020 §9.3.2).

use super::bytes::Bytes;
use super::reason::{Header, Reason};
use super::walk::{Layer, Next, Stop};

/// Radiotap: what the radio knew of the frame (radiotap.org).
pub(super) fn radiotap(bytes: Bytes<'_>) -> Next<'_> {
    let (head, _) = bytes.take::<8>(Header::Radiotap)?;
    let header_len = usize::from(u16::from_le_bytes([head[2], head[3]]));
    if head[0] != 0 || header_len < head.len() {
        return Err(Reason::Malformed(Header::Radiotap).into());
    }
    Ok((
        Layer::Wlan {
            padded: is_padded(bytes.data),
        },
        bytes.skip(header_len, Header::Radiotap)?,
    ))
}

/// The flags field says whether the 802.11 header is padded to four bytes.
fn is_padded(radiotap: &[u8]) -> bool {
    const TIME: u32 = 1;
    const FLAGS: u32 = 1 << 1;
    const DATA_PAD: u8 = 0x20;
    let mut words = radiotap.get(4..).unwrap_or_default().chunks_exact(4);
    let is_last = |word: &[u8]| word.last().is_none_or(|byte| byte & 0x80 == 0);
    let Some(present) = words.next() else {
        return false;
    };
    let fields = u32::from_le_bytes(present.try_into().unwrap_or_default());
    if fields & FLAGS == 0 {
        return false;
    }
    // Further words follow while the highest bit is set; the fields come after all of them.
    let more = if is_last(present) {
        0
    } else {
        words.position(is_last).map_or(0, |at| at.saturating_add(1))
    };
    let mut at = more.saturating_mul(4).saturating_add(8);
    if fields & TIME != 0 {
        at = at.next_multiple_of(8).saturating_add(8);
    }
    radiotap.get(at).is_some_and(|flags| flags & DATA_PAD != 0)
}

/// An 802.11 frame, `padded` between header and payload or not.
pub(super) fn frame(bytes: Bytes<'_>, padded: bool) -> Next<'_> {
    let (head, _) = bytes.take::<24>(Header::Wlan)?;
    let (control, flags) = (head[0], head[1]);
    let (is_data, has_qos, has_no_payload) = (
        control & 0x0c == 0x08,
        control & 0x80 != 0,
        control & 0x40 != 0,
    );
    if !is_data || has_no_payload {
        return Err(Stop::Other);
    }
    if flags & 0x40 != 0 {
        return Err(Reason::Encrypted(Header::Wlan).into());
    }
    let more_fragments = flags & 0x04 != 0;
    if more_fragments || head[22] & 0x0f != 0 {
        return Err(Reason::WlanAggregate.into());
    }
    let has_fourth_address = flags & 0x03 == 0x03;
    let qos_at = if has_fourth_address { 30 } else { 24 };
    let mut header_len: usize = qos_at;
    if has_qos {
        header_len = header_len.saturating_add(2);
        let qos = bytes
            .data
            .get(qos_at)
            .ok_or(Reason::CutShort(Header::Wlan))?;
        if qos & 0x80 != 0 {
            return Err(Reason::WlanAggregate.into());
        }
        let has_high_throughput_control = flags & 0x80 != 0;
        if has_high_throughput_control {
            header_len = header_len.saturating_add(4);
        }
    }
    if padded {
        header_len = header_len.next_multiple_of(4);
    }
    Ok((Layer::Llc, bytes.skip(header_len, Header::Wlan)?))
}
