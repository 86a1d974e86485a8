//! Every single packet of small captures left out, one at a time.

use crate::invented::invented;
use crate::known::KNOWN;

/// Packets of a small capture, at most.
const SMALL: usize = 120;

#[test]
fn any_one_packet_missing() {
    let mut wrong = Vec::new();
    for known in KNOWN.iter().filter(|known| known.packets.len() <= SMALL) {
        for missing in 0..known.packets.len() {
            let mut packets = known.packets.clone();
            packets.remove(missing);
            let found = invented(known, &packets);
            wrong.extend(
                found
                    .iter()
                    .map(|text| format!("{known:?} without packet {}: {text}", missing + 1)),
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
