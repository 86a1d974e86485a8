//! How large a message each product takes before it answers with 1009, or cuts.

use std::sync::LazyLock;

use serde::Deserialize;

/// One limit of one product, at its default.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct SizeLimit {
    /// Whose.
    pub product: Box<str>,
    /// The name of the setting, or of the limit where nobody can set it.
    pub setting: Box<str>,
    /// The largest message that passes, in bytes of payload.
    pub bytes: u64,
    /// What else to know; often empty.
    pub note: Box<str>,
    /// Where that stands.
    pub source: Box<str>,
}

/// Every limit, the smallest first.
pub fn all() -> &'static [SizeLimit] {
    static SIZES: LazyLock<Vec<SizeLimit>> =
        LazyLock::new(|| super::rows(include_str!("sizes.csv")));
    &SIZES
}

/// The limits that a message of `size` bytes breaks and one of `passed` bytes does not, the
/// nearest below `size` first.
///
/// `passed` is the largest message that went through on the same way, 0 where none did. Some
/// receivers count bytes before they inflate them, some after: ask for both.
pub fn nearby(size: u64, passed: u64) -> impl Iterator<Item = &'static SizeLimit> {
    all()
        .iter()
        .rev()
        .filter(move |limit| (passed..size).contains(&limit.bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(size: u64, passed: u64) -> Vec<&'static str> {
        nearby(size, passed).map(|limit| &*limit.product).collect()
    }

    #[test]
    fn rows_are_whole_and_in_order() {
        assert!(all().is_sorted_by_key(|limit| limit.bytes));
        for limit in all() {
            assert!(!limit.product.is_empty() && !limit.setting.is_empty());
            assert!(limit.source.starts_with("https://"), "{limit:?}");
        }
    }

    #[test]
    fn the_nearest_limit_comes_first() {
        assert_eq!(names(70_000, 0).first(), Some(&"Jetty"));
        assert_eq!(
            names(1_048_577, 200_000),
            ["python websockets", "Socket.IO"]
        );
        assert_eq!(names(u64::MAX, 0).first(), Some(&"ws (Node)"));
    }

    #[test]
    fn what_fits_breaks_no_limit() {
        assert!(names(8192, 0).is_empty(), "as large as it may be");
        assert_eq!(names(8193, 0), ["Tomcat"]);
        assert_eq!(names(8193, 8192), ["Tomcat"]);
        assert!(names(8200, 8193).is_empty(), "a larger one has passed");
        assert!(names(0, 0).is_empty());
        assert!(names(10, 20).is_empty());
    }
}
