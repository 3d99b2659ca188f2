//! What the benches share: the jets of `data/`, and what the system knows of a process.
#![forbid(unsafe_code)]

pub mod process;

use hepml::io::NpzFile;
use hepml::ot::EnergyFlow;

/// All jets of `data/jets.npz` about their axes, top and QCD mixed as in the file.
///
/// # Panics
/// If the file cannot be read: a bench has nothing to measure then.
pub fn jets() -> Vec<EnergyFlow> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../data/jets.npz");
    let jets =
        NpzFile::open(path).and_then(|file| file.particles()?.read_all()).expect("data/jets.npz is readable");
    EnergyFlow::from_jets(jets.sets()).expect("the jets have finite rapidities")
}

/// The first `count` jets with a number of particles from `low` to `high`.
pub fn jets_with(low: usize, high: usize, count: usize) -> Vec<EnergyFlow> {
    jets().into_iter().filter(|jet| (low..=high).contains(&jet.len())).take(count).collect()
}
