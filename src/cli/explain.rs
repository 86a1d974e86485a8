//! `hangup explain`: what a close code or a cause means.

mod known;

use std::fmt::Write as _;
use std::io::{self, Write};

use anyhow::bail;

use super::Status;
use super::args::ExplainArgs;
use super::config;
use crate::diagnosis::causes::{self, Cause, Group, STATUSES};
use crate::report::text::wrap;
use crate::ws::close::{self, CODES, CodeInfo, Range};

/// Lines longer than this are hard to read, however wide the terminal.
const WIDEST: usize = 80;
/// Columns before the texts.
const INDENT: usize = 2;
/// Columns of the names of facts.
const NAME: usize = 17;
/// Columns of the names of causes.
const CAUSE: usize = 27;

const NO_SCHEME: &str = "Close codes are no HTTP statuses: 4xxx does not mean that the client is to blame, and 5xxx \
     does not exist. The first digit only tells who hands out the number: 1000-2999 the protocol, \
     3000-3999 a registry at IANA, 4000-4999 whoever runs the two ends.";

/// Explains what `args` name; without any, lists all there is.
pub(super) fn run(args: &ExplainArgs) -> anyhow::Result<Status> {
    let page = Page::new(config::width().unwrap_or(WIDEST).min(WIDEST));
    // `explain going away` is two words.
    let about = args.about.join(" ");
    let text = if about.is_empty() {
        tables(page)
    } else {
        explain(page, about.trim())?
    };
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()?;
    Ok(Status::Done)
}

fn explain(page: Page, about: &str) -> anyhow::Result<String> {
    let digits = about.strip_prefix('-').unwrap_or(about);
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(match about.parse() {
            Ok(code) => explain_code(page, code, close::lookup(code)),
            Err(_) => explain_impossible(page, about),
        });
    }
    if let Some(seconds) = known::span(about) {
        return Ok(known::explain_span(page, about, seconds));
    }
    if let Some(cause) = causes::lookup(about) {
        return Ok(explain_cause(page, cause));
    }
    if let Some(info) = close::by_alias(about) {
        return Ok(explain_code(page, info.first, info));
    }
    bail!(
        "“{about}” is neither a close code nor a cause{}",
        similar(about)
    );
}

/// Names that hold `about`, or a part of which it holds.
fn similar(about: &str) -> String {
    let about = about.to_ascii_lowercase();
    let close = |name: &str| {
        about.len() > 2
            && (name.contains(&about)
                || about
                    .split(['-', '_', ' '])
                    .any(|part| part.len() > 3 && name.contains(part)))
    };
    let mut names: Vec<&str> = causes::all()
        .map(|cause| cause.name)
        .filter(|name| close(name))
        .collect();
    names.sort_by_key(|name| !name.starts_with(&about));
    names.truncate(6);
    if names.is_empty() {
        "; `hangup explain` lists all of them".to_owned()
    } else {
        format!("; did you mean {}?", names.join(", "))
    }
}

/// A text that fits a page.
struct Page {
    width: usize,
    text: String,
}

impl Page {
    const fn new(width: usize) -> Self {
        Self {
            width,
            text: String::new(),
        }
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn paragraph(&mut self, text: &str) {
        self.line("");
        for line in wrap(text, self.width.saturating_sub(INDENT)) {
            self.line(&format!("{:INDENT$}{line}", ""));
        }
    }

    fn fact(&mut self, name: &str, text: &str) {
        let mut name = name;
        for line in wrap(text, self.width.saturating_sub(INDENT + NAME).max(20)) {
            self.line(&format!("{:INDENT$}{name:NAME$}{line}", ""));
            name = "";
        }
    }
}

fn explain_code(mut page: Page, code: u16, info: &CodeInfo) -> String {
    page.line(&format!("{code}  {}", info.name));
    page.paragraph(info.meaning);
    page.line("");
    page.fact("range", info.range.describe());
    page.fact("on the wire", wire(code));
    let senders = format!(
        "client: {}; server: {}",
        info.client.word(),
        info.server.word()
    );
    if info.may_be_on_wire() {
        page.fact("may be sent by", &senders);
    }
    page.fact("browser scripts", script(code));
    let aliases: Vec<&str> = info.aliases().collect();
    page.fact("also called", &aliases.join(", "));
    for note in info.notes {
        page.paragraph(note);
    }
    known::list_meanings(&mut page, code);
    page.paragraph(info.reconnect.sentence());
    if matches!(info.range, Range::Private | Range::Outside) {
        page.paragraph(NO_SCHEME);
    }
    if (200..600).contains(&code) {
        page.paragraph(&format!(
            "Is it the HTTP status that an opening got instead of 101? Then: {}",
            causes::status_advice(code)
        ));
    }
    let related = related(code);
    if !related.is_empty() {
        page.paragraph(&format!("See also: {}.", related.join(", ")));
    }
    page.text
}

const fn wire(code: u16) -> &'static str {
    match code {
        1005 | 1006 | 1015 => "never: only APIs report it, each for itself",
        _ if close::may_be_on_wire(code) => "yes",
        _ => "no: in a Close frame it is a protocol violation",
    }
}

const fn script(code: u16) -> &'static str {
    if close::may_a_script_send(code) {
        "may pass it to close()"
    } else if close::may_be_on_wire(code) {
        "may not pass it to close() (only 1000 and 3000-4999), servers may"
    } else {
        "may not pass it to close()"
    }
}

/// Causes to read next.
const fn related(code: u16) -> &'static [&'static str] {
    match code {
        1000 => &["closed-normal"],
        1001 => &["client-going-away", "server-going-away"],
        1002 => &["protocol-violation", "protocol-error-unexplained"],
        1003 => &["unsupported-data"],
        1005 => &["closed-without-code"],
        1006 => &[
            "fin-without-close",
            "rst-without-close",
            "idle-timeout",
            "silence",
            "upgrade-refused",
            "upgrade-cut",
            "close-unanswered",
            "capture-gap",
        ],
        1007 => &["text-not-utf8", "deflate-corrupt"],
        1008 => &["policy-violation"],
        1009 => &["message-too-big"],
        1010 => &["mandatory-extension"],
        1011 => &["internal-error", "ping-unanswered"],
        1012 => &["service-restart"],
        1013 => &["try-again-later"],
        1014 => &["bad-gateway"],
        3000..=4999 => &["application-close"],
        0..=999 | 1004 | 1016..=2999 | 5000.. => &["unassigned-close-code"],
        1015 => &["tls-alert", "tls-handshake-cut"],
    }
}

/// A number that no Close frame can carry.
fn explain_impossible(mut page: Page, number: &str) -> String {
    page.line(&format!("{number}  Not a close code"));
    page.paragraph(
        "A Close frame has two bytes for its code: 0 to 65535, of which only 1000-1003, 1007-1014 and 3000-4999 \
         may be sent.",
    );
    if let "-2" | "-1" = number {
        page.paragraph(
            "Java-WebSocket uses the numbers -1 (never connected) and -2 (closed in a way it did not \
             understand) inside of its API; they are its own and never on the wire. To everybody else \
             such an end is 1006: see `hangup explain 1006`.",
        );
    }
    page.paragraph(NO_SCHEME);
    page.text
}

fn explain_cause(mut page: Page, cause: &Cause) -> String {
    let group = cause.group;
    page.line(&format!("{}  {}", cause.name, group.title()));
    page.paragraph(cause.meaning);
    page.line("");
    page.fact("where", group.named_in().unwrap_or_default());
    page.fact("what shows it", cause.shown_by);
    if cause.name == "upgrade-refused" {
        page.fact("what to do", "It depends on the status:");
        page.line("");
        for status in STATUSES {
            page.fact(status.name, status.advice);
        }
    } else {
        page.fact("what to do", cause.advice);
    }
    if matches!(group, Group::NoClose | Group::Silence) {
        page.paragraph(
            "Why APIs say 1006 for this, and cannot say more: see `hangup explain 1006`.",
        );
    }
    page.text
}

fn tables(mut page: Page) -> String {
    page.line("Close codes");
    page.line("");
    let row = |text: &mut String, cells: [&str; 5]| {
        let [code, name, wire, script, reconnect] = cells;
        let _ = writeln!(
            text,
            "  {code:<11}  {name:<30}  {wire:<5}  {script:<7}  {reconnect}"
        );
    };
    row(
        &mut page.text,
        ["CODE", "NAME", "WIRE", "SCRIPT", "RECONNECT"],
    );
    for info in CODES {
        let code = if info.first == info.last {
            info.first.to_string()
        } else {
            format!("{}-{}", info.first, info.last)
        };
        let word = |yes| if yes { "yes" } else { "never" };
        let (wire, script) = (
            word(info.may_be_on_wire()),
            word(close::may_a_script_send(info.first)),
        );
        row(
            &mut page.text,
            [&code, info.name, wire, script, info.reconnect.word()],
        );
    }
    page.paragraph(
        "WIRE: may be in a Close frame; the others exist only in APIs, or not at all. SCRIPT: a script in a browser \
         may pass it to close().",
    );
    page.paragraph(NO_SCHEME);
    for group in Group::ALL {
        page.line("");
        page.line(group.title());
        if let Some(place) = group.named_in() {
            page.line(&format!("({place})"));
        }
        page.line("");
        for cause in group.causes() {
            let room = page.width.saturating_sub(INDENT + CAUSE + 2).max(20);
            let mut name = cause.name;
            for line in wrap(cause.meaning, room) {
                page.line(&format!("{:INDENT$}{name:CAUSE$}  {line}", ""));
                name = "";
            }
        }
    }
    page.line("");
    page.line("`hangup explain 1006` or `hangup explain silence` tells more.");
    page.text
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests: a panic is a failure")]
mod tests {
    use super::*;
    use crate::report::text::width;

    #[test]
    fn every_page_fits() {
        let mut pages = vec![tables(Page::new(WIDEST))];
        pages.extend(causes::all().map(|cause| explain_cause(Page::new(WIDEST), cause)));
        pages.extend(
            CODES
                .iter()
                .map(|info| explain_code(Page::new(WIDEST), info.first, info)),
        );
        pages.push(explain_impossible(Page::new(WIDEST), "-1"));
        for page in &pages {
            assert!(page.ends_with('\n') && !page.ends_with("\n\n"), "{page}");
        }
        for line in pages.iter().flat_map(|page| page.lines()) {
            assert!(width(line) <= WIDEST, "{line}");
            assert_eq!(line, line.trim_end());
        }
    }

    #[test]
    fn what_is_named_as_related_exists() {
        for code in 0..=u16::MAX {
            for name in related(code) {
                assert!(causes::lookup(name).is_some(), "{name}");
            }
        }
    }

    #[test]
    fn numbers_names_and_causes_are_understood() {
        let first = |about: &str| {
            let page = explain(Page::new(WIDEST), about).unwrap();
            page.lines().next().unwrap().to_owned()
        };
        assert_eq!(first("1006"), "1006  Abnormal Closure");
        assert_eq!(first("CLOSE_GOING_AWAY"), "1001  Going Away");
        assert_eq!(first("going away"), "1001  Going Away");
        assert_eq!(first("4003"), "4003  Private use");
        assert_eq!(first("999"), "999  Not used");
        assert_eq!(first("70000"), "70000  Not a close code");
        assert_eq!(first("-1"), "-1  Not a close code");
        assert_eq!(
            first("silence"),
            "silence  Nothing came back any more (1006)"
        );
    }

    #[test]
    fn a_violation_says_where_it_is_named() {
        let page = explain(Page::new(WIDEST), "reserved-bit").unwrap();
        assert!(
            page.contains("named in `anomalies`, and the particulars of"),
            "{page}"
        );
    }

    #[test]
    fn statuses_are_explained_as_what_they_are() {
        let all = explain(Page::new(WIDEST), "upgrade-refused").unwrap();
        assert!(
            all.contains("\n  404  ") && all.contains("\n  502  "),
            "{all}"
        );
        let page = explain(Page::new(WIDEST), "404").unwrap();
        assert!(page.contains("HTTP status that an opening got"), "{page}");
        let page = explain(Page::new(WIDEST), "999").unwrap();
        assert!(!page.contains("HTTP status that"), "{page}");
    }

    #[test]
    fn what_is_unknown_gets_a_hint() {
        let error = |about: &str| explain(Page::new(WIDEST), about).unwrap_err().to_string();
        assert!(
            error("fin").contains("did you mean fin-without-close"),
            "{}",
            error("fin")
        );
        assert!(error("upgrade-refuse").contains("upgrade-refused"));
        assert!(error("zzz").contains("lists all"));
    }
}
