//! What is known of the products that WebSockets meet: after how long they cut, what their
//! private codes and reasons mean, how large a message they take, how their APIs tell an end.
//!
//! Facts of the field, not of a session: each table has its source beside each row, and to add
//! a fact is to add a row. Pure look-ups; what follows from them is for the verdict to say.

pub mod fingerprints;
pub mod libraries;
pub mod private_codes;
pub mod sizes;
pub mod timers;

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// How well a fact is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verified {
    /// Nobody looked it up; the source is where to.
    Unverified,
    /// Users or third parties tell so.
    Report,
    /// It stands in the product's own documentation or source text.
    Source,
}

/// The rows of one of the tables that are compiled in.
///
/// # Panics
///
/// On a row that does not parse. The tables are part of the program, and tests read each one.
fn rows<T: DeserializeOwned>(table: &'static str) -> Vec<T> {
    csv::Reader::from_reader(table.as_bytes())
        .deserialize()
        .collect::<Result<_, _>>()
        .expect("a test reads every row of every table")
}

/// Does `text` follow `pattern`, in which each `*` stands for any bytes, none included? Case does
/// not matter in ASCII. Takes time in proportion to both, whatever they hold.
fn matches(pattern: &str, text: &str) -> bool {
    let text = text.as_bytes();
    // Nearly all that do not follow it differ in the first byte.
    if let ([of_pattern, ..], [of_text, ..]) = (pattern.as_bytes(), text)
        && *of_pattern != b'*'
        && !of_pattern.eq_ignore_ascii_case(of_text)
    {
        return false;
    }
    let Some((start, rest)) = pattern.split_once('*') else {
        return text.eq_ignore_ascii_case(pattern.as_bytes());
    };
    let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
    let Some((head, text)) = text.split_at_checked(start.len()) else {
        return false;
    };
    let Some(split) = text.len().checked_sub(end.len()) else {
        return false;
    };
    let Some((mut text, tail)) = text.split_at_checked(split) else {
        return false;
    };
    // The leftmost place of each part leaves the most room for the next one.
    let found = middle
        .split('*')
        .filter(|part| !part.is_empty())
        .all(|part| {
            let at = text
                .windows(part.len())
                .position(|window| window.eq_ignore_ascii_case(part.as_bytes()));
            let after = at.and_then(|at| text.get(at + part.len()..));
            text = after.unwrap_or_default();
            after.is_some()
        });
    found
        && head.eq_ignore_ascii_case(start.as_bytes())
        && tail.eq_ignore_ascii_case(end.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns() {
        assert!(matches("bye", "Bye"));
        assert!(!matches("bye", "bye!"));
        assert!(matches("bye*", "bye") && matches("bye*", "bye!"));
        assert!(!matches("bye*", "by"));
        assert!(matches("*.example.com", "a.example.com"));
        assert!(!matches("*.example.com", "example.com"));
        assert!(matches("a*b*c", "abc") && matches("a*b*c", "a-b-b-c"));
        assert!(!matches("a*b*c", "acb") && !matches("a*b*c", "a-c"));
        assert!(!matches("ab*ba", "aba"), "one byte does not count twice");
        assert!(matches("*b*b*", "abab") && !matches("*b*b*", "ab"));
        assert!(matches("*", "") && matches("**", "x") && !matches("", "x"));
        assert!(matches("k*e", "kö\u{1F600}e") && !matches("k*e", "kö"));
    }

    #[test]
    fn no_row_was_forgotten() {
        let lines = |table: &str| table.lines().count() - 1;
        assert_eq!(
            super::timers::all().len(),
            lines(include_str!("timers.csv"))
        );
        assert_eq!(super::sizes::all().len(), lines(include_str!("sizes.csv")));
        assert_eq!(
            super::private_codes::all().len(),
            lines(include_str!("private_codes.csv"))
        );
        assert_eq!(
            super::fingerprints::all().len(),
            lines(include_str!("fingerprints.csv"))
        );
    }
}
