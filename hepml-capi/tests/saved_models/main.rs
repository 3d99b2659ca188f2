//! Saved models and fits through the functions of C: the numbers are those of Rust, and no bytes bring the process down.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

mod call;
mod evaluation;
mod fits;
mod hostile;
mod kinds;
