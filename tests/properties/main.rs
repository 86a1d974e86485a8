//! Properties that hold for every capture; each takes fixtures at random, and `PROPTEST_CASES` says
//! how often.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "tests: a panic is a failure"
)]

#[path = "../support/answer.rs"]
mod answer;
#[path = "../support/capture.rs"]
mod capture;
#[path = "../support/cases.rs"]
mod cases;
mod damage;
mod hostile;
mod invented;
mod known;
mod others;
#[path = "../support/run.rs"]
mod run;
mod same;
mod scan;
mod segment;
mod told;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::RngSeed;

use capture::Format;
use known::{KNOWN, Known};

/// Cases of each property, unless `PROPTEST_CASES` asks for others.
const CASES: u32 = 300;

fn config() -> ProptestConfig {
    let chosen = std::env::var_os("PROPTEST_CASES").is_some();
    let standard = ProptestConfig::default();
    ProptestConfig {
        cases: if chosen { standard.cases } else { CASES },
        // The seeds of failures would not survive the next fixture.
        failure_persistence: None,
        // The same cases each time, unless others are asked for.
        rng_seed: if chosen {
            standard.rng_seed
        } else {
            RngSeed::Fixed(6455)
        },
        ..standard
    }
}

/// A fixture that `wanted` takes.
fn fixture(wanted: fn(&Known) -> bool) -> impl Strategy<Value = &'static Known> {
    any::<Index>().prop_map(move |index| {
        let known: Vec<&Known> = KNOWN.iter().filter(|known| wanted(known)).collect();
        known[index.index(known.len())]
    })
}

/// Formats that keep every time as it was, or in nanosecond captures nearly.
fn exact_format() -> impl Strategy<Value = Format> {
    prop_oneof![
        any::<(bool, bool)>().prop_map(|(nanos, big)| Format::Pcap { nanos, big }),
        (vec(select(vec![6, 7, 9, 0x80 | 30]), 1..4), any::<bool>())
            .prop_map(|(resolutions, big)| Format::PcapNg { resolutions, big }),
    ]
}

fn format() -> impl Strategy<Value = Format> {
    let coarse = (select(vec![3, 4, 0x80 | 14, 0x80 | 20]), any::<bool>());
    prop_oneof![
        2 => exact_format(),
        1 => coarse.prop_map(|(resolution, big)| Format::PcapNg {
            resolutions: vec![resolution],
            big,
        }),
    ]
}
