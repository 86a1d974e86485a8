//! Which of two things came first, told by acknowledgements wherever they tell it.

use crate::session::facts::Mark;

/// How two things that the two sides sent stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// The first one came before the other.
    Before,
    /// The other one did.
    After,
    /// They crossed: neither sender had received the other's.
    Crossed,
}

/// Compares things sent by the two sides. What acknowledges the other came second; where
/// neither does, they crossed. A RST is never acknowledged, so there the packets' order decides
/// what acknowledgements leave open.
pub(super) fn order(one: &Mark, other: &Mark) -> Order {
    let heard = |by: &Mark, what: &Mark| by.heard.map(|heard| heard >= what.end);
    match (heard(one, other), heard(other, one)) {
        (Some(true), _) => Order::After,
        (_, Some(true)) => Order::Before,
        (Some(false), Some(false)) if one.end != u64::MAX && other.end != u64::MAX => {
            Order::Crossed
        }
        _ if (one.time, one.packet) <= (other.time, other.packet) => Order::Before,
        _ => Order::After,
    }
}

#[cfg(test)]
#[path = "order_tests.rs"]
mod tests;
