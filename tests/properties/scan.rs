//! Every single packet of small captures left out, one at a time.

use crate::invented::invented;
use crate::known::KNOWN;

#[test]
fn any_one_packet_missing() {
    let mut wrong = Vec::new();
    let most: usize = std::env::var("SCAN")
        .ok()
        .and_then(|x| x.parse().ok())
        .unwrap_or(40);
    for known in KNOWN.iter().filter(|known| known.packets.len() < most) {
        for missing in 0..known.packets.len() {
            let mut packets = known.packets.clone();
            packets.remove(missing);
            let complaints = invented(known, &packets);
            if !complaints.is_empty() {
                wrong.push(format!(
                    "{} without packet {}:\n  {}",
                    known.case.name,
                    missing + 1,
                    complaints.join("\n  ")
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
