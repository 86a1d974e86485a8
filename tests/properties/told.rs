//! What is told of packets, without the way over a file and the program: for properties that need
//! thousands of captures.

use hangup::capture::{LinkType, Packet as Captured, PacketId};
use hangup::engine::Pipeline;
use hangup::session::{Detail, Session};
use hangup::time::Timestamp;

use crate::capture::Packet;

/// The sessions of these packets, with the secrets of a key log.
pub(crate) fn told(packets: &[Packet], keys: &[u8]) -> Vec<Session> {
    let mut pipeline = Pipeline::new(Detail::Whole);
    pipeline.handle_secrets(keys);
    for (number, packet) in (1..).zip(packets) {
        pipeline.handle_packet(&Captured {
            id: PacketId::new(0, number),
            time: Timestamp::from_nanos(i64::try_from(packet.nanos).unwrap()),
            link: LinkType(packet.link),
            wire_len: u32::try_from(packet.wire_len).unwrap(),
            data: &packet.bytes,
        });
    }
    pipeline.finish().0
}
