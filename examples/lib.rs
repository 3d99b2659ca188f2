//! What the examples share: progress bars, colours, and how a program of theirs ends.
#![forbid(unsafe_code)]

mod exit;
mod palette;
mod progress;

pub use exit::exit_with;
pub use palette::{BLUE, GREEN, GREY, PURPLE, VERMILLION};
pub use progress::Bar;
