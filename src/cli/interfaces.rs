//! `hangup interfaces`.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::Status;
use crate::capture::live::{Listed, default_interface, interfaces};
use crate::report::text::{escape, width};

/// Lists what there is to watch.
pub(super) fn run() -> anyhow::Result<Status> {
    let text = list(&interfaces()?, default_interface().as_deref());
    io::stdout().lock().write_all(text.as_bytes())?;
    Ok(Status::Done)
}

/// One a line; what is no interface comes last.
fn list(interfaces: &[Listed], default: Option<&str>) -> String {
    let mut sorted: Vec<&Listed> = interfaces.iter().collect();
    // Stable: libpcap has the likeliest first.
    sorted.sort_by_key(|listed| listed.is_pseudo);
    let names = sorted.iter().map(|listed| width(&escape(&listed.name)));
    let wide = names.max().unwrap_or(0);
    let mut text = String::new();
    for listed in sorted {
        let name = escape(&listed.name);
        let blank = " ".repeat(wide - width(&name).min(wide));
        let mut about = Vec::new();
        if default == Some(&listed.name) {
            about.push("default".to_owned());
        }
        if listed.is_pseudo {
            let description = listed.description.as_deref().unwrap_or("no interface");
            about.push(format!("pseudo: {}", escape(description)));
        } else {
            about.push(if listed.is_up { "up" } else { "down" }.to_owned());
        }
        if listed.is_loopback {
            about.push("loopback".to_owned());
        }
        about.extend(listed.addresses.iter().map(ToString::to_string));
        let _ = writeln!(text, "{name}{blank}  {}", about.join(", "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_interface_has_a_line() {
        let listed = |name: &str, is_pseudo| Listed {
            name: name.to_owned(),
            description: Some("All\u{1b}[2J".to_owned()),
            addresses: Vec::new(),
            is_up: true,
            is_loopback: name == "lo",
            is_pseudo,
        };
        let mut eth = listed("eth0", false);
        eth.addresses.push([10, 0, 0, 5].into());
        let text = list(
            &[listed("any", true), eth, listed("lo", false)],
            Some("eth0"),
        );
        let lines: Vec<&str> = text.lines().collect();
        let [eth, lo, any] = lines[..] else {
            panic!("{text}")
        };
        assert_eq!(eth, "eth0  default, up, 10.0.0.5");
        assert_eq!(lo, "lo    up, loopback");
        assert!(any.starts_with("any   pseudo: All") && !any.contains('\u{1b}'));
        assert_eq!(list(&[], None), "");
    }
}
