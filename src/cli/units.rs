//! Spans of time and sizes, as people type them.

use std::time::Duration;

/// `10s`, `500ms`, `5m`, `2h`, `1d`; a bare number is seconds.
pub(super) fn span(text: &str) -> Result<Duration, String> {
    let wrong = || format!("“{text}” is no span of time such as 500ms, 10s, 5m, 2h or 1d");
    let (number, unit) = split(text);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let millis = match unit {
        "ms" => Some(number),
        "" | "s" => number.checked_mul(1000),
        "m" | "min" => number.checked_mul(60_000),
        "h" => number.checked_mul(3_600_000),
        "d" => number.checked_mul(86_400_000),
        _ => None,
    };
    let millis = millis.filter(|millis| *millis > 0).ok_or_else(wrong)?;
    Ok(Duration::from_millis(millis))
}

/// `64MiB`, `1GiB`, `500kB`; a bare number is bytes.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let wrong = || format!("“{text}” is no size such as 500kB, 64MiB or 1GiB");
    let (number, unit) = split(text);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let bytes = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1000,
        "k" | "kib" => 1 << 10,
        "mb" => 1_000_000,
        "m" | "mib" => 1 << 20,
        "gb" => 1_000_000_000,
        "g" | "gib" => 1 << 30,
        "tb" => 1_000_000_000_000,
        "t" | "tib" => 1 << 40,
        _ => return Err(wrong()),
    };
    number
        .checked_mul(bytes)
        .filter(|bytes| *bytes > 0)
        .ok_or_else(wrong)
}

/// As [`size`], of what libpcap takes: up to 2 GiB.
pub(super) fn small_size(text: &str) -> Result<u32, String> {
    u32::try_from(size(text)?)
        .ok()
        .filter(|bytes| i32::try_from(*bytes).is_ok())
        .ok_or_else(|| format!("“{text}” is more than 2 GiB"))
}

fn split(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans() {
        let millis = |text| span(text).map(|span| span.as_millis()).ok();
        assert_eq!(millis("10s"), Some(10_000));
        assert_eq!(millis("10"), Some(10_000));
        assert_eq!(millis("250ms"), Some(250));
        assert_eq!(millis("2h"), Some(7_200_000));
        for wrong in [
            "",
            "s",
            "0s",
            "-1s",
            "1.5s",
            "1y",
            "99999999999999999999",
            "9999999999999999d",
        ] {
            assert_eq!(millis(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn sizes() {
        assert_eq!(size("64MiB"), Ok(64 << 20));
        assert_eq!(size("1GiB"), Ok(1 << 30));
        assert_eq!(size("500kB"), Ok(500_000));
        assert_eq!(size("7"), Ok(7));
        for wrong in ["", "0", "MiB", "1 MiB", "1PB", "99999999999TiB"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
        assert_eq!(small_size("1GiB"), Ok(1 << 30));
        assert!(small_size("2GiB").is_err());
    }
}
