//! Events of N particles.

use crate::energy_flow::EnergyFlow;
use crate::error::Result;
use crate::shapes::manifold::Manifold;
use crate::shapes::manifold_search::ManifoldSearch;
use crate::shapes::mixture::{fractions, modulus};
use crate::shapes::round::check_samples;

/// N particles with free energies: the distance is N-subjettiness, and the nearest event that of the best axes
/// ([`NSubjettiness`](crate::NSubjettiness)).
///
/// Parameters: N fractions of the energy, then N times y and phi.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Points {
    count: usize,
}

impl Points {
    /// Events of `count` particles.
    ///
    /// # Errors
    /// No particles; more than a million.
    pub fn new(count: usize) -> Result<Self> {
        check_samples("number of points", count, Some(count))?;
        Ok(Self { count })
    }

    fn about_axes(self, search: &ManifoldSearch<'_>) -> Result<Vec<f64>> {
        let found = search.axes(self.count)?;
        let mut parameters = found.energies;
        parameters.resize(self.count, 0.0);
        for k in 0..self.count {
            // If fewer axes suffice, the others have no energy.
            parameters.extend(found.axes.get(k).or(found.axes.last()).unwrap_or(&[0.0; 2]));
        }
        Ok(parameters)
    }
}

impl Manifold for Points {
    fn names(&self) -> Vec<String> {
        let fractions = (1..=self.count).map(|k| format!("fraction {k}"));
        let places = (1..=self.count).flat_map(|k| [format!("y {k}"), format!("phi {k}")]);
        fractions.chain(places).collect()
    }

    fn event(&self, parameters: &[f64]) -> Result<EnergyFlow> {
        let (energies, places) = parameters.split_at(self.count);
        let points: Vec<[f64; 2]> = places.chunks_exact(2).map(|place| [place[0], place[1]]).collect();
        EnergyFlow::new(modulus(energies), points)
    }

    fn starts(&self, search: &mut ManifoldSearch<'_>) -> Result<Vec<Vec<f64>>> {
        Ok(vec![self.about_axes(search)?])
    }

    fn units(&self, size: f64) -> Vec<f64> {
        [vec![1.0; self.count], vec![size; 2 * self.count]].concat()
    }

    fn canonical(&self, parameters: &[f64]) -> Vec<f64> {
        let mut canonical = parameters.to_vec();
        canonical[..self.count].copy_from_slice(&fractions(&parameters[..self.count]));
        canonical
    }

    fn nearest(&self, search: &ManifoldSearch<'_>) -> Option<Result<Vec<f64>>> {
        Some(self.about_axes(search))
    }
}
