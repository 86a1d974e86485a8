//! What products are known to mean by a number: private codes, and the times after which they cut.

use super::Page;
use crate::diagnosis::knowledge::timers::{self, Ends, Timer};
use crate::diagnosis::knowledge::{Verified, private_codes};

/// Who means what by `code`.
pub(super) fn list_meanings(page: &mut Page, code: u16) {
    let mut meanings = private_codes::meanings(code).peekable();
    if meanings.peek().is_none() {
        return;
    }
    page.paragraph("Known meanings (the subprotocol or the host tells which):");
    for known in meanings {
        let mut text = format!("{}: {}", known.service, known.name);
        if !known.meaning.is_empty() {
            text.push_str(&format!(" ({})", known.meaning));
        }
        page.fact("", &text);
    }
}

/// The seconds that a number with a unit names: `60s`, `1.5 min`, `2h`. `None` for all else.
pub(super) fn span(about: &str) -> Option<f64> {
    let end = about.find(|letter: char| letter != '.' && !letter.is_ascii_digit())?;
    let (number, unit) = about.split_at_checked(end)?;
    let unit = match unit.trim_start() {
        "s" | "sec" => 1.0,
        "min" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    number.parse::<f64>().ok().map(|number| number * unit)
}

/// Which timers fire after `seconds`.
pub(super) fn explain_span(mut page: Page, about: &str, seconds: f64) -> String {
    page.line(&format!("{about}  A time after which something cuts?"));
    let mut timers = timers::all()
        .iter()
        .filter(|timer| timer.fits(seconds, 0.0))
        .peekable();
    if timers.peek().is_none() {
        page.paragraph("No timer is known to fire after this time, at its default.");
        return page.text;
    }
    page.paragraph(
        "Timers that fire after this time, at their defaults, what one meets most often first:",
    );
    for timer in timers {
        page.line("");
        page.line(&format!("  {}: {}", timer.product, timer.setting));
        page.fact("", &describe(timer));
    }
    page.text
}

fn describe(timer: &Timer) -> String {
    let mut text = format!("{} s {}", timer.seconds, timer.clock.since());
    match timer.ends {
        Ends::Cut => text.push_str("; FIN or RST, no Close frame"),
        Ends::Fin => text.push_str("; FIN, no Close frame"),
        Ends::Rst => text.push_str("; RST, no Close frame"),
        Ends::Close(code) => text.push_str(&format!("; Close {code}")),
        Ends::Silent => text.push_str("; nothing is sent, the next packet is lost or reset"),
        Ends::Unknown => {}
    }
    if !timer.note.is_empty() {
        text.push_str(&format!(" ({})", timer.note));
    }
    if timer.verified == Verified::Unverified {
        text.push_str("; not verified");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::WIDEST;
    use super::*;
    use crate::report::text::width;

    fn page(seconds: f64) -> String {
        explain_span(Page::new(WIDEST), "60s", seconds)
    }

    #[test]
    fn spans_have_units() {
        assert_eq!(span("60s"), Some(60.0));
        assert_eq!(span("60 s"), Some(60.0));
        assert_eq!(span("1.5min"), Some(90.0));
        assert_eq!(span("2 h"), Some(7200.0));
        for other in [
            "60",
            "s",
            "",
            "-1s",
            "1.2.3s",
            "60 seconds ago",
            "silence",
            "6é",
        ] {
            assert_eq!(span(other), None, "{other}");
        }
    }

    #[test]
    fn a_minute_is_nginx_first() {
        let page = page(60.0);
        let at = |name| page.find(name).unwrap_or(usize::MAX);
        assert!(at("nginx: proxy_read_timeout") < at("AWS ALB"), "{page}");
        assert!(page.contains("Close 1000"), "{page}");
    }

    #[test]
    fn every_timer_fits_a_page() {
        for timer in timers::all() {
            let page = page(timer.seconds);
            assert!(page.contains(&*timer.setting), "{page}");
            for line in page.lines() {
                assert!(width(line) <= WIDEST && line == line.trim_end(), "{line}");
            }
        }
    }

    #[test]
    fn no_timer_is_said_to_be_none() {
        assert!(page(59.0).contains("No timer"));
        assert!(page(f64::INFINITY).contains("No timer"));
    }

    #[test]
    fn a_code_lists_who_means_what() {
        let mut page = Page::new(WIDEST);
        list_meanings(&mut page, 4003);
        assert!(page.text.contains("Discord gateway: Not authenticated"));
        assert!(page.text.contains("Pusher: Application disabled"));
        let mut page = Page::new(WIDEST);
        list_meanings(&mut page, 1006);
        assert!(page.text.is_empty());
    }
}
