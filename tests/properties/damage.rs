//! What a capture lost can make hangup say less, but never something else.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestCaseResult;

use crate::capture::Packet;
use crate::invented::invented;
use crate::known::Known;
use crate::{config, fixture};

proptest! {
    #![proptest_config(config())]

    #[test]
    fn packets_that_were_not_captured(
        known in fixture(|_| true),
        losses in vec((any::<Index>(), 1..4_usize), 1..10),
    ) {
        let mut lost = vec![false; known.packets.len()];
        for (first, count) in losses {
            let first = first.index(lost.len());
            lost.iter_mut().skip(first).take(count).for_each(|lost| *lost = true);
        }
        let mut lost = lost.into_iter();
        let mut packets = known.packets.clone();
        packets.retain(|_| lost.next() == Some(false));
        nothing_invented(known, &packets)?;
    }

    #[test]
    fn packets_captured_in_part(
        known in fixture(|_| true),
        snap_len in 60..200_usize,
    ) {
        let mut packets = known.packets.clone();
        for packet in &mut packets {
            packet.bytes.truncate(snap_len);
        }
        nothing_invented(known, &packets)?;
    }

    #[test]
    fn captures_that_begin_late(
        known in fixture(|_| true),
        first in any::<Index>(),
    ) {
        nothing_invented(known, &known.packets[first.index(known.packets.len())..])?;
    }

    #[test]
    fn captures_that_end_early(
        known in fixture(|_| true),
        end in any::<Index>(),
    ) {
        nothing_invented(known, &known.packets[..end.index(known.packets.len())])?;
    }
}

fn nothing_invented(known: &Known, packets: &[Packet]) -> TestCaseResult {
    let wrong = invented(known, packets);
    prop_assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}
