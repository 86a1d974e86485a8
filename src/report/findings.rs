//! What several sessions share, below a table.

use std::io::{self, Write};

use super::look::{BOLD, DIM, Look};
use super::words::confidence;
use crate::session::Finding;

/// Sessions named for a finding; the others are counted.
const NAMED: usize = 8;

/// The section; nothing where there is nothing to tell.
pub(super) fn write(findings: &[Finding], out: &mut impl Write, look: &Look) -> io::Result<()> {
    if !findings.is_empty() {
        writeln!(out, "\n{}", look.paint(BOLD, "What sessions share"))?;
    }
    findings
        .iter()
        .try_for_each(|finding| one(finding, out, look))
}

/// One of them, without a heading.
pub(super) fn one(finding: &Finding, out: &mut impl Write, look: &Look) -> io::Result<()> {
    let (name, sure) = (finding.name, confidence(finding.confidence));
    let whose = whose(&finding.sessions);
    let title = format!("{name} ({whose}; confidence: {sure})");
    for line in look.prose(&title, 2) {
        writeln!(out, "  {line}")?;
    }
    for line in look.prose(&finding.summary, 6) {
        writeln!(out, "      {line}")?;
    }
    for line in look.prose(&finding.advice, 6) {
        writeln!(out, "      {}", look.paint(DIM, &line))?;
    }
    Ok(())
}

fn whose(sessions: &[u64]) -> String {
    let named: Vec<String> = sessions.iter().take(NAMED).map(u64::to_string).collect();
    let named = named.join(", ");
    match sessions.len().saturating_sub(NAMED) {
        0 => format!("sessions {named}"),
        more => format!("sessions {named} and {more} more"),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests: a panic is a failure")]
mod tests {
    use super::*;
    use crate::report::{sample, text};

    fn told(findings: &[Finding], width: usize) -> String {
        let mut out = Vec::new();
        write(findings, &mut out, &sample::look(Some(width))).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_finding_says_what_whose_and_what_to_do() {
        assert_eq!(
            told(&[sample::finding(vec![1, 2, 7])], 80),
            "
What sessions share
  idle-timeout (sessions 1, 2, 7; confidence: high)
      3 of 9 sessions were cut by an idle timer.
      Send a Ping every 30 s.
"
        );
        let many = told(&[sample::finding((1..=200).collect())], 80);
        assert!(
            many.contains("sessions 1, 2, 3, 4, 5, 6, 7, 8 and 192 more;"),
            "{many}"
        );
        assert_eq!(told(&[], 80), "");
    }

    #[test]
    fn paths_in_it_steer_no_terminal_and_lines_stay_narrow() {
        let mut finding = sample::finding(vec![1, 2, 3]);
        finding.summary = "5 of 6 sessions to /\x1b[31m\u{202e}x at 10.0.0.9:80".to_owned();
        let told = told(&[finding], 40);
        assert!(!told.replace('\n', "").contains(text::is_harmful), "{told}");
        assert!(told.lines().all(|line| text::width(line) <= 40), "{told}");
    }
}
