#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod error;
mod event_reader;
pub mod hepmc;
mod input;
pub mod lhe;
mod lines;
mod numbers;
mod output;
mod weight_choice;

pub use error::{Error, Position, Result};
pub use event_reader::{Chunks, EventReader};
pub use hepmc::{HepMcCrossSection, HepMcInfo, HepMcReader, HepMcRun, HepMcTool, HepMcWriter};
pub use input::{Compression, Input};
pub use lhe::{
    LheGenerator, LheInit, LheNormalization, LheProcess, LheReader, LheRun, LheTally, LheWeight,
    LheWeightGroup, LheWriter,
};
