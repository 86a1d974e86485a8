//! The fixtures as packets, each with the answer that they get untouched.

use std::fmt::{self, Debug, Formatter};
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use hangup::session::Session;
use serde_json::{Map, Value};

use crate::answer::{KEYS, answer, sessions};
use crate::capture::{self, Packet};
use crate::cases::{Case, cases};
use crate::told::told;

/// A fixture.
pub(crate) struct Known {
    /// Its truth, and its name.
    pub(crate) case: Case,
    /// What it holds.
    pub(crate) packets: Vec<Packet>,
    /// Its key log.
    pub(crate) keys: Vec<u8>,
    /// The sessions that are told of it, without what depends on the packets around.
    pub(crate) verdicts: Vec<Value>,
    /// The sessions that are told of it.
    pub(crate) sessions: Vec<Session>,
}

impl Debug for Known {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.case.name)
    }
}

/// All of them.
pub(crate) static KNOWN: LazyLock<Vec<Known>> = LazyLock::new(|| {
    cases()
        .into_iter()
        .filter(is_made_of_packets)
        .map(known)
        .collect()
});

/// Made anew of its packets alone it is the same: it holds no secrets.
fn is_made_of_packets(case: &Case) -> bool {
    case.name != "tls-secrets-behind"
}

impl Known {
    /// Puts its key log, if it has one, beside captures made of it.
    pub(crate) fn hand_on_keys(&self, folder: &Path) {
        if !self.keys.is_empty() {
            fs::write(folder.join(KEYS), &self.keys).expect("writable");
        }
    }
}

fn known(case: Case) -> Known {
    let file = fs::read(case.folder.join(&case.capture)).expect("readable");
    let packets = capture::read(&file);
    assert!(packets.len() > 1, "{}", case.name);
    let keys = fs::read(case.folder.join(KEYS)).unwrap_or_default();
    let sessions = told(&packets, &keys);
    assert_eq!(sessions.len(), case.truth.len(), "{}", case.name);
    Known {
        sessions,
        keys,
        packets,
        verdicts: verdicts(&answer(&case.folder, &[&case.capture])),
        case,
    }
}

/// The sessions of an answer without the numbers and times of packets.
pub(crate) fn verdicts(answer: &str) -> Vec<Value> {
    sessions(answer).into_iter().map(verdict).collect()
}

/// Of a session, what must not depend on how its packets were cut, numbered or stored.
fn verdict(session: Value) -> Value {
    const OF_PACKETS: [&str; 11] = [
        "started",
        "ended",
        "duration_s",
        "idle_s",
        // Tells time spans.
        "summary",
        "evidence",
        "first_packet",
        "first_file",
        "last_packet",
        "last_file",
        "related",
    ];
    let Value::Object(mut session) = session else {
        panic!("a session is an object");
    };
    for field in OF_PACKETS {
        session.remove(field);
    }
    let opened = !session["opened"].is_null();
    session.insert("opened".to_owned(), opened.into());
    for list in ["closes", "anomalies", "transport_end"] {
        session.get_mut(list).map(without_place).expect(list);
    }
    // They stand in order of time, which is not the order of sending where packets are mixed.
    if let Some(Value::Array(closes)) = session.get_mut("closes") {
        closes.sort_by_key(Value::to_string);
    }
    Value::Object(session)
}

fn without_place(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(without_place),
        Value::Object(fields) => {
            for field in ["packet", "file", "time"] {
                fields.remove(field);
            }
        }
        _ => {}
    }
}

/// In which fields two lists of verdicts differ; `None` where they do not.
pub(crate) fn difference(known: &[Value], told: &[Value], ignored: &[&str]) -> Option<String> {
    if known.len() != told.len() {
        return Some(format!("{} sessions became {}", known.len(), told.len()));
    }
    let fields = |value: &Value| value.as_object().cloned().unwrap_or_default();
    let differences = known.iter().zip(told).flat_map(|(known, told)| {
        let (known, told): (Map<_, _>, Map<_, _>) = (fields(known), fields(told));
        let differing: Vec<String> = known
            .iter()
            .filter(|(name, value)| {
                !ignored.contains(&name.as_str()) && told.get(*name) != Some(value)
            })
            .map(|(name, value)| {
                format!("{} {name}: {value} became {}", known["client"], told[name])
            })
            .collect();
        differing
    });
    let differences: Vec<String> = differences.collect();
    (!differences.is_empty()).then(|| differences.join("\n"))
}
