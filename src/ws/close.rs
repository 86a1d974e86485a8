//! Close codes: what each is called, who may send it, and what to make of it.
//!
//! RFC 6455 §7.4 and the registry that §11.7 opened
//! (<https://www.iana.org/assignments/websocket/websocket.xhtml>). One table, [`CODES`], in
//! the order of the numbers and without a hole; everything else looks things up in it.

mod codes;

pub use codes::CODES;
use codes::OUTSIDE;

/// Who owns the numbers around a code (RFC 6455 §7.4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// 0–999: used by nobody.
    Unused,
    /// 1000–2999: the protocol, its revisions and its extensions.
    Protocol,
    /// 3000–3999: libraries, frameworks and applications, registered with IANA.
    Registered,
    /// 4000–4999: private, by agreement between the two ends.
    Private,
    /// 5000–65535: two bytes can say it, no range allows it.
    Outside,
}

impl Range {
    /// The numbers and their owner, in words.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Unused => "0-999, which nobody may use",
            Self::Protocol => {
                "1000-2999, which belong to the WebSocket protocol and its extensions"
            }
            Self::Registered => {
                "3000-3999, for libraries, frameworks and applications, registered with IANA"
            }
            Self::Private => "4000-4999, private: the two ends agree on what they mean",
            Self::Outside => "above 4999, outside of every range",
        }
    }
}

/// May this side send it?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum May {
    /// Yes.
    Yes,
    /// Nothing forbids it, but it says something that only the other side can mean.
    Unusual,
    /// No.
    No,
}

impl May {
    /// In a word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::Unusual => "unusual",
            Self::No => "no",
        }
    }
}

/// What a client should do when its session ended with a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reconnect {
    /// If the session is still wanted.
    IfWanted,
    /// Soon, with a random pause that grows (RFC 6455 §7.2.3).
    BackOff,
    /// Only with new credentials.
    AfterLogin,
    /// Not before something was changed: the same would happen again.
    Not,
    /// What the two ends agreed.
    Agreed,
}

impl Reconnect {
    /// In a word or two, for tables.
    pub const fn word(self) -> &'static str {
        match self {
            Self::IfWanted => "if wanted",
            Self::BackOff => "with back-off",
            Self::AfterLogin => "after login",
            Self::Not => "not as it is",
            Self::Agreed => "as agreed",
        }
    }

    /// In a sentence.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::IfWanted => {
                "Reconnect at once if the session is still wanted; nothing is broken."
            }
            Self::BackOff => {
                "Reconnect after a random pause of up to 5 seconds, and wait longer after each \
                 attempt that fails, so that a thousand clients do not come back at once."
            }
            Self::AfterLogin => {
                "Do not reconnect with the same credentials: log in again first, then reconnect."
            }
            Self::Not => {
                "Do not reconnect in a loop: the same message or the same offer ends the same way. \
                 Change what caused it first."
            }
            Self::Agreed => {
                "Do what the documentation of the subprotocol or service says for this number; \
                 where it says nothing, reconnect with back-off and a limit."
            }
        }
    }
}

/// What is known of a close code, or of a run of codes that share everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeInfo {
    /// The code, or the first of the run.
    pub first: u16,
    /// The code, or the last of the run.
    pub last: u16,
    /// Its name in the registry, shortened where the registry has a sentence.
    pub name: &'static str,
    /// What libraries and other tools call it, separated by `, `.
    aliases: &'static str,
    /// Whose numbers these are.
    pub range: Range,
    /// May a client send it?
    pub client: May,
    /// May a server send it?
    pub server: May,
    /// What it means, in a sentence.
    pub meaning: &'static str,
    /// What to know beyond that, a paragraph each.
    pub notes: &'static [&'static str],
    /// What a client should do.
    pub reconnect: Reconnect,
}

impl CodeInfo {
    /// What libraries and other tools call it.
    pub fn aliases(&self) -> impl Iterator<Item = &'static str> {
        self.aliases.split(", ").filter(|alias| !alias.is_empty())
    }

    /// The first of these codes may be in a Close frame: the same for all of a run.
    pub const fn may_be_on_wire(&self) -> bool {
        may_be_on_wire(self.first)
    }
}

/// May an endpoint put `code` into a Close frame (RFC 6455 §7.4, and the registry since)?
pub const fn may_be_on_wire(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// May a script in a browser pass `code` to `close()` (WHATWG WebSockets, `close(code, reason)`)?
pub const fn may_a_script_send(code: u16) -> bool {
    matches!(code, 1000 | 3000..=4999)
}

/// What is known of `code`.
pub fn lookup(code: u16) -> &'static CodeInfo {
    let at = CODES.partition_point(|info| info.last < code);
    // The table ends at u16::MAX, so there is always an entry at or above a code.
    CODES.get(at).unwrap_or(&OUTSIDE)
}

/// The name of `code`, as in the registry.
pub fn name(code: u16) -> &'static str {
    lookup(code).name
}

/// `code` with its name behind it in brackets, `1000 (Normal Closure)`; alone where only its
/// range has a name: `4001`.
pub fn in_words(code: u16) -> String {
    let info = lookup(code);
    let mut digits = itoa::Buffer::new();
    let digits = digits.format(code);
    if info.first == info.last {
        [digits, " (", info.name, ")"].concat()
    } else {
        digits.to_owned()
    }
}

/// The entry that goes by `alias`, in any case and with any punctuation; `None` where no code
/// does.
pub fn by_alias(alias: &str) -> Option<&'static CodeInfo> {
    let wanted = plain(alias);
    let named = |text: &str| plain(text) == wanted;
    CODES
        .iter()
        .filter(|info| info.first == info.last && !wanted.is_empty())
        .find(|info| named(info.name) || info.aliases().any(named))
}

/// Letters and digits only, lower case: `CLOSE_GOING_AWAY` and `CloseGoingAway` are one word.
fn plain(text: &str) -> String {
    text.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "tests: a panic is a failure")]
mod tests {
    use super::*;

    #[test]
    fn the_table_covers_every_code_once() {
        assert_eq!(CODES[0].first, 0);
        assert_eq!(CODES[CODES.len() - 1].last, u16::MAX);
        for pair in CODES.windows(2) {
            assert_eq!(pair[0].last + 1, pair[1].first, "{}", pair[0].name);
        }
        for code in 0..=u16::MAX {
            let info = lookup(code);
            assert!((info.first..=info.last).contains(&code));
            assert_eq!(info.may_be_on_wire(), may_be_on_wire(code), "{code}");
            assert_eq!(
                info.client == May::No && info.server == May::No,
                !may_be_on_wire(code),
                "{code}"
            );
        }
    }

    #[test]
    fn every_entry_says_something() {
        for info in CODES {
            assert!(
                !info.name.is_empty() && !info.meaning.is_empty(),
                "{}",
                info.first
            );
        }
    }

    #[test]
    fn aliases_are_found_however_they_are_written() {
        for alias in [
            "CLOSE_GOING_AWAY",
            "closeGoingAway",
            "going away",
            "Shutdown",
        ] {
            assert_eq!(
                by_alias(alias).map(|info| info.first),
                Some(1001),
                "{alias}"
            );
        }
        assert_eq!(
            by_alias("CloseAbnormalClosure").map(|info| info.first),
            Some(1006)
        );
        assert_eq!(by_alias("nonsense"), None);
        assert_eq!(by_alias("__"), None);
        assert_eq!(
            by_alias("Unassigned"),
            None,
            "a run of codes has no one number"
        );
    }

    #[test]
    fn no_alias_stands_for_two_codes() {
        let mut seen = std::collections::HashMap::new();
        for info in CODES.iter().filter(|info| info.first == info.last) {
            for alias in info.aliases().chain([info.name]) {
                let before = seen.insert(plain(alias), info.first);
                assert!(before.is_none_or(|code| code == info.first), "{alias}");
            }
        }
    }

    #[test]
    fn only_a_name_of_its_own_is_told_with_a_code() {
        assert_eq!(in_words(1000), "1000 (Normal Closure)");
        assert_eq!(in_words(3003), "3003 (Forbidden)");
        for code in [0, 999, 1016, 3001, 4000, 5000, u16::MAX] {
            assert_eq!(in_words(code), code.to_string());
        }
    }

    #[test]
    fn scripts_may_send_few() {
        assert!(may_a_script_send(1000) && may_a_script_send(3000) && may_a_script_send(4999));
        assert!(!may_a_script_send(1001) && !may_a_script_send(1011) && !may_a_script_send(5000));
    }
}
