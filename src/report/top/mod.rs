//! The terminal view of a run that goes on: what is open, what ended, how many of each code.
//!
//! In: what is known now (a [`Board`]), and keys. Out: the cells of a screen. No terminal: whoever
//! has one puts the two together. Texts of strangers are cleaned as in every table. Only with the
//! feature `tui`.

mod board;
mod columns;
mod draw;
mod keys;
#[cfg(test)]
mod tests;

pub use board::{Board, Now, OpenRow};
pub use draw::draw;
pub use keys::{Action, Order, Panel, Screen, has};
