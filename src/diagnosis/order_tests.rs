//! Tests of the order of two marks.

use super::*;
use crate::capture::PacketId;
use crate::time::Timestamp;

fn mark(start: u64, end: u64, heard: Option<u64>, packet: u64) -> Mark {
    Mark {
        start,
        end,
        heard,
        packet: PacketId::new(0, packet),
        time: Timestamp::from_nanos(i64::try_from(packet).unwrap_or(i64::MAX)),
    }
}

/// Both ways of asking.
fn orders(one: &Mark, other: &Mark) -> (Order, Order) {
    (order(one, other), order(other, one))
}

#[test]
fn what_acknowledges_the_other_came_second() {
    let first = mark(10, 20, Some(50), 9);
    let second = mark(50, 60, Some(20), 2);
    assert_eq!(orders(&first, &second), (Order::Before, Order::After));
    // One byte less, and it does not.
    let second = mark(50, 60, Some(19), 2);
    assert_eq!(orders(&first, &second), (Order::Crossed, Order::Crossed));
}

#[test]
fn without_acknowledgements_packets_decide() {
    let first = mark(10, 20, None, 1);
    let second = mark(50, 60, None, 2);
    assert_eq!(orders(&first, &second), (Order::Before, Order::After));
    let second = mark(50, 60, Some(5), 2);
    assert_eq!(orders(&first, &second), (Order::Before, Order::After));
}

#[test]
fn a_reset_is_never_acknowledged_so_packets_decide() {
    let reset = mark(10, u64::MAX, Some(50), 1);
    let close = mark(50, 60, Some(10), 2);
    assert_eq!(orders(&reset, &close), (Order::Before, Order::After));
    let later = mark(10, u64::MAX, Some(60), 1);
    assert_eq!(
        orders(&later, &close),
        (Order::After, Order::Before),
        "it acknowledges the other"
    );
}
