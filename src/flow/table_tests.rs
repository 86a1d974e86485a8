//! Tests of the table of connections.

use std::collections::BTreeMap;
use std::net::IpAddr;

use proptest::prelude::*;

use super::*;

fn key(port: u16) -> FlowKey {
    let (one, other) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
    FlowKey::between((one, port), (other, 80)).0
}

fn put(table: &mut Table<u32>, port: u16, value: u32) -> Slot {
    let hash = table.hash(&key(port));
    match table.insert(hash, key(port), value) {
        Some(slot) => slot,
        None => panic!("the table has room"),
    }
}

fn find(table: &mut Table<u32>, port: u16) -> Option<Slot> {
    let hash = table.hash(&key(port));
    table.find_mut(hash, &key(port)).map(|(slot, _)| slot)
}

#[test]
fn a_slot_kept_past_its_connection_finds_nothing() {
    let mut table = Table::default();
    let old = put(&mut table, 1, 11);
    assert_eq!(table.remove(old), Some((key(1), 11)));
    let new = put(&mut table, 2, 22);
    assert_ne!(old, new, "the place is used again under another generation");
    assert_eq!(table.get_mut(old), None);
    assert_eq!(table.remove(old), None);
    assert_eq!(table.get_mut(new), Some(&mut 22));
    assert_eq!(find(&mut table, 1), None);
    assert_eq!(find(&mut table, 2), Some(new));
}

#[test]
fn drained_it_is_empty_and_can_be_filled_again() {
    let mut table = Table::default();
    let first = put(&mut table, 1, 11);
    put(&mut table, 2, 22);
    table.remove(first);
    put(&mut table, 3, 33);
    let drained: Vec<u32> = table.drain().map(|(_, value)| value).collect();
    assert_eq!(drained, [33, 22]);
    assert!(table.is_empty());
    let again = put(&mut table, 1, 44);
    assert_eq!(table.get_mut(again), Some(&mut 44));
    assert_eq!(table.len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_holds_what_a_map_would_hold(steps in proptest::collection::vec((any::<bool>(), 0u16..12), 0..200)) {
        let mut table = Table::default();
        let mut model = BTreeMap::new();
        let mut stale = Vec::new();
        for (index, (insert, port)) in (0u32..).zip(steps) {
            match find(&mut table, port) {
                Some(slot) if !insert => {
                    prop_assert_eq!(table.remove(slot).map(|(_, value)| value), model.remove(&port));
                    stale.push(slot);
                }
                Some(slot) => prop_assert_eq!(table.get_mut(slot).copied(), model.get(&port).copied()),
                None if insert => {
                    put(&mut table, port, index);
                    model.insert(port, index);
                }
                None => prop_assert!(!model.contains_key(&port)),
            }
            prop_assert_eq!(table.len(), model.len());
        }
        for slot in stale {
            prop_assert_eq!(table.get_mut(slot), None);
        }
        let mut held: Vec<u32> = table.iter().map(|(_, &value)| value).collect();
        held.sort_unstable();
        let mut expected: Vec<u32> = model.into_values().collect();
        expected.sort_unstable();
        prop_assert_eq!(held, expected);
    }
}
