//! Texts of strangers on a terminal: made harmless, measured, shortened.

use std::borrow::Cow;
use std::fmt::Write;

use unicode_width::UnicodeWidthChar;

/// A character that may steer a terminal, turn the direction of writing, or hide.
pub const fn is_harmful(c: char) -> bool {
    matches!(c,
        '\0'..='\x1f' | '\x7f'..='\u{9f}' // C0, DEL, C1
        | '\u{ad}' // soft hyphen
        | '\u{61c}' | '\u{200b}'..='\u{200f}' // zero width, direction marks
        | '\u{2028}'..='\u{202e}' // line separators, bidi embeddings
        | '\u{2060}'..='\u{206f}' // invisible operators, bidi isolates
        | '\u{180e}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}' // tags
    )
}

/// Nothing but printable ASCII: harmless, and of a column a byte.
#[inline]
pub fn is_plain(text: &str) -> bool {
    all_words(text, |word| odd(word) & HIGH == 0)
}

/// The same, and nothing that JSON escapes.
#[inline]
pub fn is_plain_json(text: &str) -> bool {
    // Of ASCII, what is equal becomes 0, and borrows.
    let equal = |word: u64, byte: u8| (word ^ (ONES * u64::from(byte))).wrapping_sub(ONES);
    all_words(text, |word| {
        (odd(word) | equal(word, b'"') | equal(word, b'\\')) & HIGH == 0
    })
}

/// 1 in each byte of a word, and the highest bit of each.
const ONES: u64 = u64::MAX / 255;
const HIGH: u64 = ONES << 7;

/// The highest bit of some byte is set where one is not printable ASCII.
const fn odd(word: u64) -> u64 {
    // What is less than a blank borrows, DEL gets that bit, and what is more has it.
    word.wrapping_sub(ONES * b' ' as u64) | word.wrapping_add(ONES) | word
}

/// All of a text is so, eight bytes at a time.
#[inline]
fn all_words(text: &str, is_so: impl Fn(u64) -> bool) -> bool {
    let is_so = |bytes: &[u8; 8]| is_so(u64::from_ne_bytes(*bytes));
    let (words, rest) = text.as_bytes().as_chunks();
    if !words.iter().all(is_so) {
        return false;
    }
    if let Some(last) = text.as_bytes().last_chunk() {
        return is_so(last);
    }
    let mut last = [b' '; 8];
    for (place, byte) in last.iter_mut().zip(rest) {
        *place = *byte;
    }
    is_so(&last)
}

/// `text` with every harmful character spelt out: `\x1b`, `\u{202e}`.
pub fn escape(text: &str) -> Cow<'_, str> {
    if is_plain(text) || !text.contains(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        // Writing to a string cannot fail.
        let _ = match c {
            c if !is_harmful(c) => out.write_char(c),
            c if c.is_ascii() => write!(out, "\\x{:02x}", u32::from(c)),
            c => write!(out, "\\u{{{:x}}}", u32::from(c)),
        };
    }
    Cow::Owned(out)
}

/// Columns that `text`, once escaped, takes on a terminal: character by character, as terminals
/// count.
pub fn width(text: &str) -> usize {
    if text.is_ascii() {
        return text.len();
    }
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

/// `text` in at most `columns`, its middle left out where it is longer.
pub fn shorten_middle(text: &str, columns: usize) -> Cow<'_, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    let room = columns.saturating_sub(1);
    // The end of a path tells more than its beginning.
    let tail = fitting(text.chars().rev(), room.div_ceil(2));
    let head = fitting(text.chars(), room - tail.columns);
    let end = text.len().saturating_sub(tail.bytes);
    let (head, tail) = (text.get(..head.bytes), text.get(end..));
    let dots = if columns == 0 { "" } else { "…" };
    Cow::Owned([head.unwrap_or_default(), dots, tail.unwrap_or_default()].concat())
}

/// `text` in at most `columns`, its end left out where it is longer.
pub fn shorten_end(text: &str, columns: usize) -> Cow<'_, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    let head = fitting(text.chars(), columns.saturating_sub(1));
    let dots = if columns == 0 { "" } else { "…" };
    Cow::Owned([text.get(..head.bytes).unwrap_or_default(), dots].concat())
}

struct Part {
    bytes: usize,
    columns: usize,
}

/// The leading `chars` that fit into `columns`.
fn fitting(chars: impl Iterator<Item = char>, columns: usize) -> Part {
    let mut part = Part {
        bytes: 0,
        columns: 0,
    };
    for c in chars {
        let wide = c.width().unwrap_or(0);
        if part.columns + wide > columns {
            break;
        }
        part.bytes += c.len_utf8();
        part.columns += wide;
    }
    part
}

/// The lines of `text` broken between words at `columns`; a longer word stands alone.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(line) + 1 + width(word) <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// As [`wrap`], but a word longer than a line is broken too.
pub fn wrap_all(text: &str, columns: usize) -> Vec<String> {
    let mut broken = String::with_capacity(text.len() + 16);
    let mut column = 0;
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if c.is_whitespace() {
            column = 0;
        } else if column + wide > columns.max(2) {
            broken.push(' ');
            column = wide;
        } else {
            column += wide;
        }
        broken.push(c);
    }
    wrap(&broken, columns)
}

/// A count with a comma every three digits.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A count and its noun: `1 frame`, `2 frames`.
pub fn counted(n: u64, noun: &str) -> String {
    let s = if n == 1 { "" } else { "s" };
    format!("{} {noun}{s}", count(n))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_spelt_out() {
        assert_eq!(escape("\x1b[31mred\x07\n"), "\\x1b[31mred\\x07\\x0a");
        assert_eq!(escape("\u{9b}2J\x7f"), "\\u{9b}2J\\x7f");
        assert_eq!(
            escape("a\u{202e}b\u{2066}c\u{200b}\u{feff}"),
            "a\\u{202e}b\\u{2066}c\\u{200b}\\u{feff}"
        );
        assert!(matches!(escape("/chat/日本/ü"), Cow::Borrowed(_)));
    }

    #[test]
    fn what_is_plain_is_printable_ascii_wherever_it_stands() {
        for len in 0..20 {
            let text = "a".repeat(len);
            assert!(is_plain(&text) && is_plain_json(&text));
            for (at, c) in (0..len).flat_map(|at| ('\0'..='\u{1ff}').map(move |c| (at, c))) {
                let mut text = text.clone();
                text.replace_range(at..=at, c.encode_utf8(&mut [0; 4]));
                let plain = matches!(c, ' '..='~');
                assert_eq!(is_plain(&text), plain, "{text:?}");
                assert_eq!(is_plain_json(&text), plain && !matches!(c, '"' | '\\'));
            }
        }
    }

    #[test]
    fn no_harmful_character_survives() {
        let all: String = (0..=0xf_ffffu32)
            .filter_map(char::from_u32)
            .filter(|c| is_harmful(*c))
            .collect();
        assert!(!escape(&all).contains(is_harmful));
        assert!(!all.is_empty());
    }

    #[test]
    fn shortened_texts_fit() {
        for text in [
            "/a/long/path/to/some/where",
            "日本語日本語日本語",
            "é",
            "",
            "\u{301}\u{301}",
        ] {
            for columns in 0..30 {
                assert!(
                    width(&shorten_middle(text, columns)) <= columns,
                    "{text} in {columns}"
                );
                assert!(
                    width(&shorten_end(text, columns)) <= columns,
                    "{text} in {columns}"
                );
            }
        }
        assert_eq!(shorten_middle("/api/v1/rooms/42", 9), "/api…s/42");
        assert_eq!(shorten_end("/api/v1/rooms/42", 9), "/api/v1/…");
        assert_eq!(shorten_middle("/short", 9), "/short");
    }

    #[test]
    fn lines_break_between_words() {
        assert_eq!(wrap("one two  three", 7), ["one two", "three"]);
        assert_eq!(wrap("unbreakable a", 4), ["unbreakable", "a"]);
        assert!(wrap("  ", 4).is_empty());
    }

    #[test]
    fn words_longer_than_a_line_are_broken() {
        assert_eq!(
            wrap_all("ab unbreakable c", 6),
            ["ab", "unbrea", "kable", "c"]
        );
        assert_eq!(wrap_all("日本語日本語", 5), ["日本", "語日", "本語"]);
        assert_eq!(wrap_all("日本", 0), ["日", "本"]);
        assert_eq!(wrap_all("fits as it is", 6), wrap("fits as it is", 6));
    }

    #[test]
    fn counts_have_commas() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(counted(1, "frame"), "1 frame");
        assert_eq!(counted(1000, "frame"), "1,000 frames");
    }
}
