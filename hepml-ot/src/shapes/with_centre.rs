//! A shape and a particle at its centre.

use crate::energy_flow::EnergyFlow;
use crate::error::Result;
use crate::shapes::manifold::{Centred, Manifold};
use crate::shapes::manifold_search::ManifoldSearch;
use crate::shapes::mixture::{Mix, fractions};

/// A manifold with a particle at the centre, for collinear radiation, with a free share of the energy (arXiv:2302.12266).
///
/// Parameters: the fraction of the energy at the centre, the fraction in the shape, then those of the shape.
#[derive(Debug, Clone, PartialEq)]
pub struct WithCentre<M> {
    shape: M,
}

impl<M: Centred> WithCentre<M> {
    /// The manifold with a particle at its centre.
    pub fn new(shape: M) -> Self {
        Self { shape }
    }
}

impl<M: Centred> Manifold for WithCentre<M> {
    fn names(&self) -> Vec<String> {
        let own = ["fraction at the centre", "fraction in the shape"].map(String::from);
        own.into_iter().chain(self.shape.names()).collect()
    }

    fn event(&self, parameters: &[f64]) -> Result<EnergyFlow> {
        let centre = EnergyFlow::new([1.0], [self.shape.centre(&parameters[2..])])?;
        let mut mix = Mix::default();
        mix.add(parameters[0], &centre);
        mix.add(parameters[1], &self.shape.event(&parameters[2..])?);
        mix.event()
    }

    /// The best without the particle, and all starts of the shape with a share at the centre.
    fn starts(&self, search: &mut ManifoldSearch<'_>) -> Result<Vec<Vec<f64>>> {
        let without = search.best(&self.shape)?;
        let with = |centre: f64, shape: &[f64]| [&[centre, 1.0 - centre], shape].concat();
        let mut starts = vec![with(0.0, &without), with(0.1, &without), with(0.4, &without)];
        for shape in self.shape.starts(search)? {
            starts.push(with(0.5, &shape));
        }
        Ok(starts)
    }

    fn units(&self, size: f64) -> Vec<f64> {
        [vec![1.0; 2], self.shape.units(size)].concat()
    }

    fn canonical(&self, parameters: &[f64]) -> Vec<f64> {
        [fractions(&parameters[..2]), self.shape.canonical(&parameters[2..])].concat()
    }
}

impl<M: Centred> Centred for WithCentre<M> {
    fn centre(&self, parameters: &[f64]) -> [f64; 2] {
        self.shape.centre(&parameters[2..])
    }
}
