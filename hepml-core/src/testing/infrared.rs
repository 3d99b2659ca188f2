//! Infrared and collinear safety.

use super::check_error::CheckError;
use super::invariance::{call, compare};
use super::values::Values;
use crate::{Error, EventSet, FourMomentum, ParticleSets, Result, Transformation};

/// Replaces a particle p by z p and (1 - z) p, both with its features.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CollinearSplit {
    /// Which particle, counted over all events of the batch.
    pub particle: usize,
    /// The fraction z in [0, 1].
    pub fraction: f64,
}

impl Transformation<ParticleSets> for CollinearSplit {
    fn apply(&self, sets: &ParticleSets) -> Result<ParticleSets> {
        let len = sets.particle_count();
        if self.particle >= len {
            return Err(Error::IndexOutOfBounds {
                what: "particle to split".into(),
                index: self.particle,
                len,
            });
        }
        if !(0.0..=1.0).contains(&self.fraction) {
            return Err(Error::out_of_range("fraction of a splitting", self.fraction, "between 0 and 1"));
        }
        let p = sets.momenta()[self.particle];
        let (kept, emitted) = (p * self.fraction, p - p * self.fraction);
        let row: Vec<f64> = sets.features().row(self.particle).to_vec();
        insert(sets, self.particle, &[kept, emitted], &row, true)
    }
}

/// Adds a particle to an event.
#[derive(Debug, Clone, PartialEq)]
pub struct SoftEmission {
    /// The event.
    pub event: usize,
    /// The momentum of what is emitted.
    pub momentum: FourMomentum,
}

impl Transformation<ParticleSets> for SoftEmission {
    /// The new particle comes last in its event; its features are 0.
    fn apply(&self, sets: &ParticleSets) -> Result<ParticleSets> {
        let len = sets.event_count();
        if self.event >= len {
            return Err(Error::IndexOutOfBounds { what: "event that emits".into(), index: self.event, len });
        }
        let row = vec![0.0; sets.feature_names().len()];
        insert(sets, sets.offsets()[self.event + 1], &[self.momentum], &row, false)
    }
}

/// Puts `momenta` at position `at`, replacing the particle there or (with `at` the end of an event) growing that event.
fn insert(
    sets: &ParticleSets,
    at: usize,
    momenta: &[FourMomentum],
    features: &[f64],
    replace: bool,
) -> Result<ParticleSets> {
    let rest = at + usize::from(replace);
    let old = sets.momenta();
    let new: Vec<FourMomentum> = [&old[..at], momenta, &old[rest..]].concat();
    let columns = features.len();
    let table: Vec<f64> = sets.features().iter().copied().collect();
    let rows = features.iter().copied().cycle().take(columns * momenta.len());
    let table: Vec<f64> = table[..at * columns]
        .iter()
        .copied()
        .chain(rows)
        .chain(table[rest * columns..].iter().copied())
        .collect();
    let table =
        ndarray::Array2::from_shape_vec((new.len(), columns), table).expect("a row of features a particle");
    // The event that holds `at` (replacing) or ends there (growing): the first whose end is at or past `rest`.
    let grown = sets.offsets()[1..].iter().position(|&end| end >= rest).expect("an event holds the position");
    let offsets = sets
        .offsets()
        .iter()
        .enumerate()
        .map(|(i, &offset)| if i > grown { offset + new.len() - old.len() } else { offset })
        .collect();
    ParticleSets::new(new, table, sets.shared_feature_names(), offsets)
}

/// Checks that a function of events does not see a collinear splitting, nor an emission as its momentum goes to 0.
///
/// The splitting must leave every value within `tolerance`. The emission is made with its momentum scaled by 1e-3, 1e-6,
/// 1e-9 and 1e-12; the last must leave every value within `tolerance`, which a function that counts particles or divides
/// by the softest energy does not. Returns the larger of the two deviations.
///
/// # Errors
/// A deviation above `tolerance` (absolute), a value that is not finite at any of the momenta, another number of values,
/// a failing function.
pub fn check_irc_safe<V, E>(
    function: impl Fn(&ParticleSets) -> std::result::Result<V, E>,
    sets: &ParticleSets,
    split: &CollinearSplit,
    emission: &SoftEmission,
    tolerance: f64,
) -> std::result::Result<f64, CheckError>
where
    V: Values,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let before = call(&function, sets)?;
    let after = call(&function, &split.apply(sets)?)?;
    let mut worst = compare("collinear safety", &before, &after, tolerance)?;
    for scale in [1e-3, 1e-6, 1e-9, 1e-12] {
        let soft = SoftEmission { momentum: emission.momentum * scale, ..*emission };
        let after = call(&function, &soft.apply(sets)?)?;
        let allowed = if scale > 1e-12 { f64::INFINITY } else { tolerance };
        let deviation = compare("infrared safety", &before, &after, allowed)?;
        if scale <= 1e-12 {
            worst = worst.max(deviation);
        }
    }
    Ok(worst)
}
