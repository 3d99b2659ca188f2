//! Substructure: what learners of tables see of a jet.

use hepml::core::{Error, EventSet, FourMomentum, Observables, ParticleSets, Result, Table};
use hepml::ot::{NSubjettiness, NSubjettinessConfig};
use rayon::prelude::*;

/// The mass over the scalar sum of pt, the number of particles, the dispersion sqrt(sum z²) of pt, the width sum z ΔR about
/// the axis, and N-subjettiness with beta = 1.
pub const NAMES: [&str; 7] =
    ["mass/pt", "particles", "pt dispersion", "width", "tau1", "tau2/tau1", "tau3/tau2"];

/// The radius of the jets' clustering.
const RADIUS: f64 = 0.8;

/// The jets of a piece of work.
const BLOCK: usize = 64;

/// The observables of each jet, with these [`NAMES`]; on all threads.
///
/// # Errors
/// Jets for which one is not defined, named.
pub fn observe(jets: &ParticleSets) -> Result<Table> {
    let tau = NSubjettinessConfig::new().radius(RADIUS).up_to(3).build().map_err(Error::from)?;
    let indices: Vec<usize> = (0..jets.event_count()).collect();
    let blocks = indices
        .par_chunks(BLOCK)
        .map(|block| observe_block(&jets.select_events(block)?, &tau))
        .collect::<Result<Vec<Table>>>()?;
    Table::concat_events(&blocks.iter().collect::<Vec<_>>())
}

fn observe_block(jets: &ParticleSets, tau: &NSubjettiness) -> Result<Table> {
    let tau = tau.observe(jets)?;
    let mut table = Table::zeros((jets.event_count(), NAMES.len()));
    for ((set, tau), mut row) in jets.events().zip(tau.rows()).zip(table.rows_mut()) {
        let axis = set.total_momentum();
        let pt: f64 = set.momenta().iter().map(FourMomentum::pt).sum();
        let mean = |f: &dyn Fn(&FourMomentum) -> f64| -> f64 {
            set.momenta().iter().map(|p| p.pt() / pt * f(p)).sum()
        };
        // What is 0 already cannot become smaller with another axis.
        let ratio = |n: usize| if tau[n - 1] > 0.0 { tau[n] / tau[n - 1] } else { 0.0 };
        row[0] = axis.mass() / pt;
        row[1] = set.len() as f64;
        row[2] = mean(&|p| p.pt() / pt).sqrt();
        row[3] = mean(&|p| p.delta_r(&axis));
        row[4] = tau[0];
        (row[5], row[6]) = (ratio(1), ratio(2));
    }
    Ok(table)
}
