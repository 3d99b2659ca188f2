//! One event of particle rows, as the file has them.

use hepml_core::ndarray::{Array2, ArrayView1, Axis};
use hepml_core::{FourMomentum, MassHypothesis, ParticleSet, PdgId, Result};

use crate::columns::ParticleLayout;

/// One event as a file has it: a row of numbers a particle, without the padding, with label and weight where there are.
///
/// The numbers are those of the file, to the last bit (as f64): what distances between events are computed from. Which
/// column is what is said by a [`ParticleLayout`].
#[derive(Debug, Clone, PartialEq)]
pub struct EventRows {
    /// The particles `[particles, columns]`.
    pub particles: Array2<f64>,
    /// The label (class, target).
    pub label: Option<f64>,
    /// The weight.
    pub weight: Option<f64>,
}

impl EventRows {
    /// An event without label and weight.
    pub fn new(particles: Array2<f64>) -> Self {
        Self { particles, label: None, weight: None }
    }

    /// The rows of an event's momenta in a layout: the inverse of [`momenta`](Self::momenta), up to rounding.
    ///
    /// `ids` has one PDG id a particle, or none, which then are 0 where the layout has an id.
    ///
    /// # Errors
    /// A momentum that the layout cannot hold ([`ParticleLayout::row`]), naming the particle; another number of ids.
    pub fn from_set(
        layout: ParticleLayout,
        set: ParticleSet<'_>,
        ids: Option<ArrayView1<'_, f64>>,
    ) -> Result<Self> {
        let mut values = Vec::with_capacity(set.len() * layout.width());
        if let Some(ids) = ids
            && ids.len() != set.len()
        {
            return Err(hepml_core::Error::shape("ids of an event", set.len(), ids.len()));
        }
        for (particle, &momentum) in set.momenta().iter().enumerate() {
            let mut row = layout.row(momentum, PdgId(0)).map_err(|error| error.at_particle(particle))?;
            if let (true, Some(ids)) = (layout.has_id(), ids) {
                row[3] = ids[particle];
                layout.check(&row).map_err(|error| error.at_particle(particle))?;
            }
            values.extend(row);
        }
        let particles =
            Array2::from_shape_vec((set.len(), layout.width()), values).expect("a row a particle");
        Ok(Self::new(particles))
    }

    /// The momenta of the particles.
    ///
    /// # Errors
    /// As [`ParticleLayout::momentum`], naming the particle.
    pub fn momenta(&self, layout: ParticleLayout, mass: MassHypothesis) -> Result<Vec<FourMomentum>> {
        let mut momenta = Vec::with_capacity(self.particles.nrows());
        for (particle, row) in self.particles.axis_iter(Axis(0)).enumerate() {
            let momentum =
                layout.momentum(&row.to_vec(), mass).map_err(|error| error.at_particle(particle))?;
            momenta.extend(momentum);
        }
        Ok(momenta)
    }
}
