//! Labels, each with few values whatever comes from the wire.

use std::collections::BTreeSet;

use prometheus_client::encoding::EncodeLabelSet;

/// Codes of the ranges for applications that get a series of their own, the first ones seen:
/// services have a dozen.
const MAX_PRIVATE_CODES: usize = 32;

/// The same for statuses of openings that failed.
const MAX_STATUSES: usize = 32;

/// How a session ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Ended {
    pub(super) code: String,
    pub(super) cause: &'static str,
}

/// What an opening was answered with.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Refused {
    pub(super) status: String,
}

/// Who lost packets.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct By {
    by: &'static str,
}

impl By {
    /// The kernel's buffer was full.
    pub(super) const KERNEL: Self = Self { by: "kernel" };
    /// The interface or its driver.
    pub(super) const INTERFACE: Self = Self { by: "interface" };
    /// All of them.
    pub(super) const ALL: [Self; 2] = [Self::KERNEL, Self::INTERFACE];
}

/// What several sessions share.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct FoundAs {
    pub(super) name: &'static str,
}

/// Which program.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Build {
    version: &'static str,
}

impl Build {
    /// This one.
    pub(super) const fn this() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}

/// Numbers from the wire that have a series of their own.
#[derive(Debug, Default)]
pub(super) struct Known {
    codes: BTreeSet<u16>,
    statuses: BTreeSet<u16>,
}

impl Known {
    /// A close code as a label.
    pub(super) fn code(&mut self, code: Option<u16>) -> String {
        let range = match code {
            None => return "none".to_owned(),
            Some(code @ 1000..=1015) => return code.to_string(),
            Some(code @ 3000..=4999) => {
                if is_among(&mut self.codes, code, MAX_PRIVATE_CODES) {
                    return code.to_string();
                }
                if code < 4000 {
                    "3000-3999"
                } else {
                    "4000-4999"
                }
            }
            Some(..=999) => "0-999",
            Some(1016..=2999) => "1016-2999",
            Some(5000..) => "5000-65535",
        };
        range.to_owned()
    }

    /// An HTTP status as a label.
    pub(super) fn status(&mut self, status: Option<u16>) -> String {
        match status {
            None => "none".to_owned(),
            Some(status @ 100..=599) => {
                if is_among(&mut self.statuses, status, MAX_STATUSES) {
                    status.to_string()
                } else {
                    format!("{}xx", status / 100)
                }
            }
            Some(_) => "other".to_owned(),
        }
    }
}

/// It is known, or there was room to make it so.
fn is_among(known: &mut BTreeSet<u16>, number: u16, most: usize) -> bool {
    known.contains(&number) || known.len() < most && known.insert(number)
}
