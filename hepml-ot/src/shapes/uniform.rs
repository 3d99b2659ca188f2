//! A uniform background.

use hepml_core::{Error as CoreError, finite};

use crate::energy_flow::EnergyFlow;
use crate::error::Result;
use crate::shapes::manifold::Manifold;
use crate::shapes::manifold_search::ManifoldSearch;
use crate::shapes::round::check_samples;

/// Energy spread evenly over a square, at the centres of its cells: one event, without parameters.
///
/// The pileup in a [`Mixture`](crate::Mixture) with another manifold (arXiv:2302.12266); by itself, the isotropy of a jet.
#[derive(Debug, Clone, PartialEq)]
pub struct Uniform {
    event: EnergyFlow,
}

impl Uniform {
    /// Energy over |y - `centre`| <= `half_width` and the same in phi, in `cells` by `cells` cells.
    ///
    /// # Errors
    /// No cells, more than a thousand; a half width that is not positive; numbers that are not finite.
    pub fn square(centre: [f64; 2], half_width: f64, cells: usize) -> Result<Self> {
        check_samples("number of cells", cells, cells.checked_mul(cells))?;
        finite("rapidity of the centre", centre[0])?;
        finite("azimuth of the centre", centre[1])?;
        if !(half_width > 0.0 && half_width.is_finite()) {
            return Err(CoreError::out_of_range("half width", half_width, "positive and finite").into());
        }
        let at = |i: usize| half_width * ((2 * i + 1) as f64 / cells as f64 - 1.0);
        let points: Vec<[f64; 2]> = (0..cells)
            .flat_map(|i| (0..cells).map(move |j| [i, j]))
            .map(|[i, j]| [centre[0] + at(i), centre[1] + at(j)])
            .collect();
        let energies = vec![1.0 / points.len() as f64; points.len()];
        Ok(Self { event: EnergyFlow::new(energies, points)? })
    }
}

impl Manifold for Uniform {
    fn names(&self) -> Vec<String> {
        Vec::new()
    }

    fn event(&self, _parameters: &[f64]) -> Result<EnergyFlow> {
        Ok(self.event.clone())
    }

    fn starts(&self, _search: &mut ManifoldSearch<'_>) -> Result<Vec<Vec<f64>>> {
        Ok(vec![Vec::new()])
    }
}
