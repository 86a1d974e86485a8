//! What TLS adds to an end without a Close frame.

use super::{Found, the};
use crate::diagnosis::case::{Case, evidence};
use crate::session::{Confidence, EndKind, Party};

/// A fatal alert (RFC 8446 §6.2): its sender gave up for a reason that it names.
pub(super) fn alert(case: &Case<'_>) -> Option<Found> {
    let cutter = case
        .cutter()
        .filter(|_| case.how() == Some(EndKind::Alert))?;
    let (name, mark) = case.side(cutter).fatal_alert?;
    Some(
        case.found(
            "tls-alert",
            Confidence::Certain,
            Party::from(cutter.other()),
        )
        .why(|| {
            format!(
                "The alert says {name}: what {} sent was not what it expected.",
                the(cutter.other())
            )
        })
        .show(|| evidence(&mark, cutter, format!("TLS alert {name}"))),
    )
}

/// A close_notify without a Close (RFC 8446 §6.1): the program at that end closed TLS itself. No
/// box in between can do that.
pub(super) fn closed(case: &Case<'_>) -> Option<Found> {
    let cutter = case
        .cutter()
        .filter(|_| case.how() == Some(EndKind::CloseNotify))?;
    let mark = case.side(cutter).close_notify?;
    Some(
        case.found(
            "tls-closed-no-close-frame",
            Confidence::High,
            Party::from(cutter),
        )
        .why(|| "It closed TLS in order, so no box in between cut the connection.")
        .show(|| evidence(&mark, cutter, "TLS close_notify")),
    )
}

/// A FIN without close_notify: the fact, which many stacks show anyway.
pub(super) fn truncated(case: &Case<'_>) -> Option<Found> {
    let cutter = case
        .cutter()
        .filter(|_| case.how() == Some(EndKind::Fin) && case.facts.is_tls)?;
    Some(case.found("tls-truncated", Confidence::Low, Party::from(cutter)))
}
