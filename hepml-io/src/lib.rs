#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod array_names;
mod columns;
mod error;
mod event_reader;
mod event_rows;
mod format;
#[cfg(feature = "hdf5")]
mod hdf5;
pub mod hepmc;
mod input;
mod labelled_sets;
pub mod lhe;
mod lines;
mod npy;
#[cfg(feature = "npz")]
mod npz;
mod number_type;
mod numbers;
mod output;
#[cfg(feature = "parquet")]
mod parquet;
mod particle_reader;
mod summary;
mod table_reader;
mod text;
mod weight_choice;

#[cfg(feature = "parquet")]
pub use self::parquet::ParquetFile;
pub use array_names::ArrayNames;
pub use columns::{EventColumns, ParticleLayout};
pub use error::{Error, Position, Result};
pub use event_reader::{Chunks, EventReader};
pub use event_rows::EventRows;
pub use format::{Format, open_events};
#[cfg(feature = "hdf5")]
pub use hdf5::Hdf5File;
pub use hepmc::{HepMcCrossSection, HepMcInfo, HepMcReader, HepMcRun, HepMcTool, HepMcWriter};
pub use input::{Compression, Input};
pub use labelled_sets::LabelledSets;
pub use lhe::{
    LheGenerator, LheInit, LheNormalization, LheProcess, LheReader, LheRun, LheTally, LheWeight,
    LheWeightGroup, LheWriter,
};
pub use npy::{NpyHeader, NpyReader, read_npy, write_npy};
#[cfg(feature = "npz")]
pub use npz::{NpzFile, write_npz};
pub use particle_reader::ParticleReader;
pub use summary::{Imbalance, Summary, inspect};
pub use table_reader::TableReader;
pub use text::{open_text, read_text, write_text};
