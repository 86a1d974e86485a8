//! A table looks the same whether its sessions were told whole or only as far as rows show them,
//! and so does whatever sessions are compared by.

#![expect(
    clippy::indexing_slicing,
    reason = "a missing key of a JSON value is null"
)]

#[path = "support/cases.rs"]
#[expect(dead_code, reason = "the truth is compared elsewhere")]
mod cases;

use std::path::PathBuf;

use foldhash::fast::RandomState;
use hangup::diagnosis::outline::{Leg, Outline};
use hangup::engine::{Settings, Told, read, read_ended};
use hangup::report::look::Look;
use hangup::report::table::Table;
use hangup::report::when::{Clock, Watch};
use hangup::report::{Captures, Row, Sink, View};
use hangup::session::{Detail, Session, Summary};
use hangup::time::Timestamp;

use cases::{Case, cases};

fn settings(case: &Case, detail: Detail, tls: bool) -> Settings {
    let keys = Some(case.folder.join("keys.log"));
    Settings {
        detail,
        tls,
        key_logs: keys.into_iter().filter(|keys| keys.is_file()).collect(),
        threads: Some(1),
    }
}

fn captures(case: &Case) -> [PathBuf; 1] {
    [case.folder.join(&case.capture)]
}

/// Writes all rows, each from what is kept of it for a row or from the session that it is read to.
fn write(table: &mut Table<'_, &mut Vec<u8>>, told: &Told, detail: Detail) {
    let mut session = Session::blank();
    for is_survey in [true, false] {
        for at in 0..told.len() {
            if detail == Detail::Row {
                let brief = told.brief(at, &mut session).expect("a session");
                match is_survey {
                    true => table.survey_session(&brief),
                    false => table.session(&brief).expect("memory"),
                }
            } else {
                assert!(told.read(at, &mut session));
                let row = Row::Session(&session);
                let written = match is_survey {
                    true => table.survey(&row),
                    false => table.row(&row),
                };
                written.expect("memory");
            }
        }
    }
}

/// The table of a capture of whose sessions so much is kept, from rows of which so much is read; what
/// its sessions share, and the totals.
fn table(case: &Case, kept: Detail, read_as: Detail, tls: bool) -> (String, String, Summary) {
    let settings = settings(case, kept, tls);
    let paths = captures(case);
    let outcome = read(&paths, None, &settings, &mut |_| {}, &mut |_, _| {}).expect("readable");
    let look = Look {
        width: None,
        color: true,
        watch: Watch::new(Clock::Utc, Timestamp::default()),
        verbose: false,
    };
    let mut out = Vec::new();
    let mut table = Table::new(&mut out, View::Sessions, look, Captures::new(&paths));
    write(&mut table, &outcome.told, read_as);
    table.finish(&outcome.summary, false).expect("memory");
    let findings = format!("{:?}", outcome.findings);
    let table = String::from_utf8(out).expect("text");
    (table, findings, outcome.summary)
}

/// What sessions are compared by, and what decides the exit status.
fn outlines(case: &Case, detail: Detail, random: &RandomState) -> Vec<String> {
    let mut all = Vec::new();
    let settings = settings(case, detail, true);
    let mut add = |session: &Session, _| {
        let gist = session.into();
        let (outline, leg) = (Outline::new(&gist, random), Leg::new(&gist, random));
        let (abnormal, code) = (session.is_abnormal(), session.verdict.code);
        all.push(format!("{outline:?} {leg:?} {abnormal} {code:?}"));
        Ok(())
    };
    let paths = captures(case);
    let (note, progress) = (&mut |_| {}, &mut |_, _| {});
    read_ended(&paths, None, &settings, &mut add, note, progress).expect("readable");
    all
}

#[test]
fn rows_are_those_of_whole_sessions() {
    let random = RandomState::default();
    for case in cases() {
        for tls in [false, true] {
            let whole = table(&case, Detail::Whole, Detail::Whole, tls);
            for kept in [Detail::Row, Detail::Whole] {
                let rows = table(&case, kept, Detail::Row, tls);
                assert_eq!(rows, whole, "{}", case.name);
            }
        }
        let [rows, whole] = [Detail::Row, Detail::Whole].map(|it| outlines(&case, it, &random));
        assert_eq!(rows, whole, "{}", case.name);
    }
}
