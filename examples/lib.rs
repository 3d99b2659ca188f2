//! What the examples share: jets and their substructure, progress bars, colours, and how a program of theirs ends.
#![forbid(unsafe_code)]

mod exit;
mod jets;
pub mod observables;
mod palette;
mod progress;

pub use exit::exit_with;
pub use jets::Jets;
pub use palette::{BLUE, GREEN, GREY, PURPLE, VERMILLION};
pub use progress::Bar;
