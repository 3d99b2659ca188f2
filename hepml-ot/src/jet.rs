//! Jets as energy flows about their axes.

use hepml_core::{Error as CoreError, EventSet, ParticleSet, ParticleSets};

use crate::energy_flow::EnergyFlow;
use crate::error::Result;

impl EnergyFlow {
    /// A jet about its axis: transverse momentum, and rapidity and azimuth *relative to the jet's total momentum*.
    ///
    /// Azimuths are differences in (-pi, pi], so a jet that straddles ±pi is whole, and jets are compared by their shape
    /// rather than by where they are.
    ///
    /// # Errors
    /// A particle or an axis along the beam, whose rapidity is infinite; as [`new`](Self::new).
    ///
    /// ```
    /// use hepml_core::{EventSet, FourMomentum, ParticleSets};
    /// use hepml_ot::EnergyFlow;
    ///
    /// let particle = |phi| FourMomentum::from_pt_y_phi_m(10.0, 0.5, phi, 0.0);
    /// let sets = ParticleSets::from_events([[particle(3.1)?, particle(-3.1)?]])?;
    /// let jet = EnergyFlow::about_axis(sets.event(0))?;
    /// assert!((jet.points()[1][1] - (std::f64::consts::PI - 3.1)).abs() < 1e-12);
    /// # Ok::<(), hepml_core::Error>(())
    /// ```
    pub fn about_axis(particles: ParticleSet<'_>) -> Result<Self> {
        let axis = particles.total_momentum();
        let energies: Vec<f64> = particles.momenta().iter().map(hepml_core::FourMomentum::pt).collect();
        let points: Vec<[f64; 2]> =
            particles.momenta().iter().map(|p| [p.delta_y(&axis), p.delta_phi(&axis)]).collect();
        Self::new(energies, points)
    }

    /// The jets of a batch, each about its axis.
    ///
    /// # Errors
    /// As [`about_axis`](Self::about_axis), naming the jet.
    pub fn from_jets(jets: &ParticleSets) -> Result<Vec<Self>> {
        let jet = |(index, jet)| {
            Self::about_axis(jet).map_err(|error| CoreError::from(error).at_event(index).into())
        };
        jets.events().enumerate().map(jet).collect()
    }
}
