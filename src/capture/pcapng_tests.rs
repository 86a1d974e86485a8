//! Tests of the pcapng reader.
#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

use super::super::NoteKind;
use super::super::testing::*;

fn corrupt(bytes: Vec<u8>) -> (usize, String) {
    let (packets, notes) = read(bytes);
    match &notes[..] {
        [note] => match &note.kind {
            NoteKind::Corrupt(what) => (packets.len(), what.clone()),
            other => panic!("{other:?}"),
        },
        _ => panic!("{notes:?}"),
    }
}

#[test]
fn interfaces_have_each_their_link_type_and_clock() {
    for order in Order::BOTH {
        let nanos = order.option(9, &[9]);
        let binary = order.option(9, &[0x80 | 20]);
        let shifted = [
            order.option(9, &[3]),
            order.option(14, &order.u64(u64::MAX)),
        ]
        .concat();
        let bytes = [
            order.section(),
            order.interface(1, 0, &[]),
            order.interface(101, 0, &[nanos, order.option(0, &[])].concat()),
            order.interface(113, 0, &binary),
            order.interface(276, 0, &shifted),
            order.enhanced(0, 3_000_000, b"micros"),
            order.enhanced(1, 3_000_000_001, b"nanos"),
            order.enhanced(2, 3 << 19, b"2^-20"),
            order.enhanced(3, 3_000, b"offset"),
        ];
        let (packets, notes) = read(bytes.concat());
        let told: Vec<_> = packets
            .iter()
            .map(|p| (p.number, p.link, p.nanos))
            .collect();
        let expected = [
            (1, 1, 3_000_000_000),
            (2, 101, 3_000_000_001),
            (3, 113, 1_500_000_000),
            (4, 276, 2_000_000_000),
        ];
        assert_eq!(told, expected);
        assert_eq!(
            (packets[2].wire_len, &packets[2].data[..]),
            (15, &b"2^-20"[..])
        );
        assert_eq!(notes, []);
    }
}

#[test]
fn a_section_has_its_own_byte_order_and_interfaces() {
    let (little, big) = (Order::Little, Order::Big);
    let first = [
        little.section(),
        little.interface(1, 0, &[]),
        little.enhanced(0, 1, b"a"),
    ];
    let second = [
        big.section(),
        big.interface(101, 0, &[]),
        big.enhanced(0, 2, b"b"),
    ];
    let (packets, notes) = read([first.concat(), second.concat(), first.concat()].concat());
    let told: Vec<_> = packets.iter().map(|p| (p.link, p.nanos)).collect();
    assert_eq!(told, [(1, 1000), (101, 2000), (1, 1000)]);
    assert_eq!(notes, []);
    // The second section describes no interface.
    let (count, what) = corrupt([first.concat(), big.section(), big.enhanced(0, 2, b"b")].concat());
    assert_eq!(count, 1);
    assert!(what.contains("interface 0"), "{what}");
}

#[test]
fn simple_packets_take_the_snap_length_and_the_last_time() {
    let order = Order::Big;
    let simple = |wire: u32, data: &[u8]| order.block(3, &[&order.u32(wire), data].concat());
    let bytes = [
        order.section(),
        order.interface(1, 6, &[]),
        simple(5, b"whole"),
        order.enhanced(0, 7, b"timed"),
        simple(60, b"sixsixPP"),
        simple(60, b"few"),
    ];
    let (packets, notes) = read(bytes.concat());
    let told: Vec<_> = packets
        .iter()
        .map(|p| (p.nanos, p.wire_len, &p.data[..]))
        .collect();
    let expected: [(i64, u32, &[u8]); 4] = [
        (0, 5, b"whole"),
        (7000, 15, b"timed"),
        (7000, 60, b"sixsix"),
        (7000, 60, b"few\0"),
    ];
    assert_eq!(told, expected);
    assert_eq!(notes, []);
    let (_, what) = corrupt([order.section(), simple(5, b"whole")].concat());
    assert!(what.contains("before any interface"), "{what}");
}

#[test]
fn obsolete_packets() {
    for order in Order::BOTH {
        let head = [
            &order.u16(1)[..],
            &order.u16(9),
            &order.words(&[1, 2, 3, 4]),
        ]
        .concat();
        let bytes = [
            order.section(),
            order.interface(1, 0, &[]),
            order.interface(113, 0, &[]),
            order.block(2, &[&head[..], b"abc"].concat()),
        ];
        let (packets, notes) = read(bytes.concat());
        let nanos = ((1_i64 << 32) + 2) * 1000;
        assert_eq!(
            (packets[0].link, packets[0].nanos, packets[0].wire_len),
            (113, nanos, 4)
        );
        assert_eq!((&packets[0].data[..], notes.len()), (&b"abc"[..], 0));
    }
}

#[test]
fn what_is_not_a_packet_is_passed_over() {
    let order = Order::Little;
    let bytes = [
        order.section(),
        order.interface(1, 0, &[]),
        order.block(4, b"names"),
        order.block(10, b"LSKT secrets"),
        order.block(0x8000_1234, &[]),
        order.enhanced(0, 1, b"a"),
    ];
    let (packets, notes) = read(bytes.concat());
    assert_eq!((packets.len(), packets[0].number, notes.len()), (1, 1, 0));
}

#[test]
fn numbers_are_those_of_wireshark() {
    let order = Order::Little;
    let bytes = [
        order.section(),
        order.interface(1, 0, &[]),
        order.block(0x0bad, b"custom"),
        order.enhanced(0, 1, b"a"),
        order.block(0x4000_0bad, b"custom"),
        order.block(9, b"journal"),
        order.enhanced(0, 1, b"b"),
        order.enhanced(0, 1, b"c"),
        vec![6],
    ];
    let (packets, notes) = read(bytes.concat());
    assert_eq!(
        packets
            .iter()
            .map(|packet| packet.number)
            .collect::<Vec<_>>(),
        [2, 5, 6]
    );
    assert_eq!(notes[0].after_packet, 6);
}

#[test]
fn drops_are_told_once_and_add_up_over_interfaces_and_sections() {
    let order = Order::Little;
    let statistics = |interface: u32, drops: &[(u16, u64)]| {
        let options = drops
            .iter()
            .map(|&(code, count)| order.option(code, &order.u64(count)));
        let options = options.collect::<Vec<_>>().concat();
        order.block(5, &[order.words(&[interface, 0, 0]), options].concat())
    };
    let interfaces = [
        order.section(),
        order.interface(1, 0, &[]),
        order.interface(1, 0, &[]),
    ]
    .concat();
    let bytes = [
        interfaces.clone(),
        statistics(0, &[(4, 1000), (5, 10), (7, 1)]),
        statistics(0, &[(5, 20), (7, 2)]),
        statistics(1, &[(5, 100)]),
        statistics(9, &[(5, 1_000_000)]),
        order.enhanced(0, 1, b"a"),
        interfaces,
        statistics(0, &[(7, 1000)]),
        order.block(5, b""),
        b"\x06\0".to_vec(),
    ];
    let (_, notes) = read(bytes.concat());
    let kinds: Vec<_> = notes.iter().map(|note| note.kind.clone()).collect();
    assert_eq!(kinds, [NoteKind::Dropped(1122), NoteKind::CutShort]);
}

#[test]
fn impossible_blocks_end_the_file() {
    let order = Order::Little;
    let start = [
        order.section(),
        order.interface(1, 0, &[]),
        order.enhanced(0, 1, b"a"),
    ]
    .concat();
    let unaligned = [&order.words(&[6, 33, 0, 0, 0, 1, 1]), &b"b"[..]].concat();
    let cases: [(&str, Vec<u8>); 10] = [
        ("a block of 0 bytes", order.words(&[6, 0])),
        ("a block of 8 bytes", order.words(&[6, 8])),
        ("a block of 33 bytes", order.words(&[6, 33])),
        (
            "a block of 33 bytes",
            [unaligned, order.words(&[33])].concat(),
        ),
        (
            "a block of 16777220 bytes",
            order.words(&[6, (16 << 20) + 4]),
        ),
        ("as 16 and as 20", order.words(&[6, 16, 0, 20])),
        ("packet block too short", order.block(6, &[0; 16])),
        (
            "in a block of fewer",
            order.block(6, &order.words(&[0, 0, 0, 1, 1])),
        ),
        ("interface 1", order.enhanced(1, 1, b"b")),
        (
            "version 2.0",
            order.block(0x0a0d_0d0a, &order.words(&[0x1a2b_3c4d, 2, 0, 0])),
        ),
    ];
    for (expected, block) in cases {
        let (count, what) = corrupt([start.clone(), block, start.clone()].concat());
        assert_eq!(count, 1, "{expected}");
        assert!(what.contains(expected), "{what}");
    }
    let headless = order.block(0x0a0d_0d0a, &order.words(&[7, 0, 0, 0]));
    assert!(
        corrupt([start, headless].concat())
            .1
            .contains("without byte order")
    );
}

#[test]
fn interfaces_without_end_are_refused() {
    let order = Order::Little;
    let interfaces = order.interface(1, 0, &[]).repeat((1 << 16) + 1);
    assert!(
        corrupt([order.section(), interfaces].concat())
            .1
            .contains("65536 interfaces")
    );
}

#[test]
fn broken_options_do_no_harm() {
    let order = Order::Little;
    for options in [
        &[9, 0][..],
        &[9, 0, 255, 255],
        &[14, 0, 3, 0, 1, 2, 3, 0],
        &[9, 0, 0, 0],
    ] {
        let bytes = [
            order.section(),
            order.interface(1, 0, options),
            order.enhanced(0, 1, b"a"),
        ];
        let (packets, notes) = read(bytes.concat());
        assert_eq!((packets[0].nanos, notes.len()), (1000, 0));
    }
}

#[test]
fn cut_anywhere_all_before_is_read() {
    let order = Order::Big;
    let (mut bytes, mut ends) = (Vec::new(), Vec::new());
    let blocks: [(Vec<u8>, usize); 5] = [
        (order.section(), 0),
        (order.interface(1, 0, &order.option(9, &[9])), 0),
        (order.enhanced(0, 1, b"some bytes"), 1),
        (order.block(10, b"skipped"), 1),
        (order.enhanced(0, 2, b""), 2),
    ];
    for (block, packets) in blocks {
        bytes.extend(block);
        ends.push((bytes.len(), packets));
    }
    cut_everywhere(&bytes, &ends);
    // Within the section header: an error up to its version, a note after that.
    for cut in 12..16 {
        assert!(reader(bytes[..cut].to_vec()).is_err());
    }
    for cut in 16..28 {
        let (packets, notes) = read(bytes[..cut].to_vec());
        assert_eq!((packets.len(), notes.len()), (0, 1), "cut at {cut}");
    }
}
