#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod error;
mod event_reader;
mod input;
mod lines;

pub use error::{Error, Position, Result};
pub use event_reader::{Chunks, EventReader};
pub use input::{Compression, Input};
