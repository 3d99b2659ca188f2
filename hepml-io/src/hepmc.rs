//! HepMC event records: HepMC3's `Asciiv3` and HepMC2's `IO_GenEvent`.
//!
//! Sources: HepMC3 arXiv:1912.08005; HepMC2, Comput. Phys. Commun. 134 (2001) 41 and its manual.
//!
//! # Conventions
//! Momenta and masses become GeV, positions mm, whatever `U` declares (without `U`: GeV and mm, as HepMC3 does); the
//! attributes `event_scale`, `alphaQED`, `alphaQCD` are taken as they are. In HepMC2 a scale or coupling of -1, a process of
//! 0 and a position of zeros are that library's words for "not set" and become `None`. The first weight is the nominal one
//! unless another is chosen; an event without weights has weight 1.
//!
//! # Vertices
//! A particle's line names the vertex (< 0) or the particle (> 0) that it comes from; particles of the same mother share
//! its end vertex. Vertices come in the order in which the file mentions them first. A position that a vertex would inherit
//! from an earlier one is not filled in. Attributes of single particles other than `flow1` and `flow2` (the colour lines),
//! attributes of vertices, polarisations, weights of vertices and states of random generators are not kept.
//!
//! # Completeness
//! A file may hold several blocks, each from its START to its END line. A file that ends without an END line gives all
//! complete events, and then the error is [`Truncated`](crate::Error::Truncated).

mod asciiv3;
mod genevent;
mod graph;
mod info;
mod reader;
mod writer;

pub use info::{HepMcCrossSection, HepMcInfo, HepMcRun, HepMcTool};
pub use reader::HepMcReader;
pub use writer::HepMcWriter;
