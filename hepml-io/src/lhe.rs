//! Les Houches event files (LHE), versions 1.0 to 3.0.
//!
//! Sources: the accord hep-ph/0109068 (meaning of the numbers), hep-ph/0609017 (the file format), arXiv:1405.1067
//! (version 3: weights).
//!
//! # Conventions
//! Momenta and masses in GeV, VTIMUP (c tau) in mm, cross sections in pb. Statuses: -1 incoming, 1 final, 2 resonance,
//! -2 space-like, 3 kept for information, -9 incoming beam. Numbers may be in Fortran's notation (`1.0D+02`). Lines that
//! begin with `#`, comments and unknown tags are skipped, within events too; after its 13 numbers the rest of a particle's
//! line is ignored. NaN and infinity are errors. `SCALUP`, `AQEDUP` and `AQCDUP` of -1 mean "not given".
//!
//! # Weights of an event
//! The first weight is `XWGTUP`, under the name [`XWGTUP`]; those of `<rwgt>` follow under their ids, then those of
//! `<weights>` under the ids that the header lists (positions, from 1, if their number differs). Without `<rwgt>` and with
//! no ids in the header, the weights have no names.
//!
//! # What XWGTUP means
//! `IDWTUP` decides (hep-ph/0109068, section on the run common block, table of IDWTUP; negative values allow negative
//! weights):
//!
//! | IDWTUP | XWGTUP | weight in pb, so that the sum over the file is the cross section |
//! | --- | --- | --- |
//! | ±1 | in pb; its mean over the events *of a process* is the process's cross section; the shower generator mixes and unweights with XMAXUP | XWGTUP / (number of events of the process) |
//! | ±2 | in any unit; the cross section of a process is its XSECUP; the shower generator mixes and unweights | XWGTUP · XSECUP(process) / Σ XWGTUP (process) |
//! | ±3 | +1 (or ±1): mixed and unweighted already; the cross section is Σ XSECUP | XWGTUP · Σ XSECUP / Σ XWGTUP |
//! | ±4 | in pb; its mean over *all* events is the cross section; mixed already | XWGTUP / (number of events) |
//!
//! So no weight can be turned into pb before the file has been read once: [`LheReader::tally`] counts while events are
//! read, [`LheInit::normalization`] turns the counts into factors. XSECUP is not used for ±1 and ±4: their weights know
//! better, and a file that was cut off would otherwise be normalised wrongly without notice.
//!
//! # Mothers
//! `MOTHUP(1)` to `MOTHUP(2)` is a range of mothers (one mother if the second is 0). Particles with the same range share a
//! vertex. A particle ends in one vertex only, so particles whose ranges overlap without being equal share a vertex that
//! all mothers of these ranges enter (except those that leave it): no mother is lost, momentum is conserved in the vertex,
//! but `parents` then names more than the file did. A range in reverse order is taken as if it were in order.

mod markup;
mod mothers;
mod normalization;
mod reader;
mod run;
mod writer;

pub use normalization::{LheNormalization, LheTally};
pub use reader::LheReader;
pub use run::{LheGenerator, LheInit, LheProcess, LheRun, LheWeight, LheWeightGroup};
pub use writer::LheWriter;

/// The name of the weight of an event's own line, where an event has several.
pub const XWGTUP: &str = "XWGTUP";
