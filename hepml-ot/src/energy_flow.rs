//! Events as the energy flow sees them.

use hepml_core::ndarray::ArrayRef2;
use hepml_core::{Error as CoreError, EventSet, FourMomentum, Item, ParticleSet, ParticleSets, finite};

use crate::compensated;
use crate::error::{Error, Result};

/// An event as energies at points of the (y, phi) plane: what the Energy Mover's Distance compares.
///
/// The energies (transverse momenta at a hadron collider, in any unit) are finite and not negative; the points are finite.
/// A particle without energy costs nothing and changes nothing, but keeps its place in plans and potentials. An event
/// may be empty.
///
/// ```
/// use hepml_ot::EnergyFlow;
///
/// let jet = EnergyFlow::from_rows(&[[30.0, 0.1, -0.2], [12.0, 0.3, 0.1]])?;
/// assert_eq!((jet.len(), jet.total_energy()), (2, 42.0));
/// assert!(EnergyFlow::from_rows(&[[-1.0, 0.0, 0.0]]).is_err());
/// # Ok::<(), hepml_ot::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EnergyFlow {
    energies: Vec<f64>,
    points: Vec<[f64; 2]>,
    total: f64,
}

impl EnergyFlow {
    /// An event of `energies[n]` at `points[n]`, each (y, phi).
    ///
    /// # Errors
    /// Different lengths; an energy that is negative or not finite, a coordinate that is not finite (naming the
    /// particle); energies whose sum overflows.
    pub fn new(energies: impl Into<Vec<f64>>, points: impl Into<Vec<[f64; 2]>>) -> Result<Self> {
        let (energies, points) = (energies.into(), points.into());
        if points.len() != energies.len() {
            return Err(CoreError::shape("points", energies.len(), points.len()).into());
        }
        // Without branches, so that events that are as they should be cost little; what is wrong with others is told after.
        let is_sound = |energy: f64, [y, phi]: [f64; 2]| {
            (energy >= 0.0) & energy.is_finite() & y.is_finite() & phi.is_finite()
        };
        if !energies.iter().zip(&points).fold(true, |all, (energy, point)| all & is_sound(*energy, *point)) {
            for (particle, (&energy, point)) in energies.iter().zip(&points).enumerate() {
                check_particle(energy, *point).map_err(|error| error.at_particle(particle))?;
            }
        }
        let total = compensated::sum(energies.iter().copied());
        if !total.is_finite() {
            return Err(Error::TotalOverflows { particles: energies.len() });
        }
        Ok(Self { energies, points, total })
    }

    /// An event of rows (pT, y, phi), one a particle.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn from_rows(rows: &[[f64; 3]]) -> Result<Self> {
        let energies: Vec<f64> = rows.iter().map(|row| row[0]).collect();
        let points: Vec<[f64; 2]> = rows.iter().map(|row| [row[1], row[2]]).collect();
        Self::new(energies, points)
    }

    /// An event of an array `[n, 3]` whose rows are (pT, y, phi).
    ///
    /// # Errors
    /// Other than three columns; as [`new`](Self::new).
    pub fn from_array(rows: &ArrayRef2<f64>) -> Result<Self> {
        if rows.ncols() != 3 {
            return Err(CoreError::shape("columns (pt, y, phi)", 3, rows.ncols()).into());
        }
        let energies: Vec<f64> = rows.column(0).to_vec();
        let points: Vec<[f64; 2]> = rows.rows().into_iter().map(|row| [row[1], row[2]]).collect();
        Self::new(energies, points)
    }

    /// An event of particles: transverse momentum, rapidity and azimuth of each.
    ///
    /// # Errors
    /// A particle along the beam, whose rapidity is infinite; as [`new`](Self::new).
    pub fn from_particles(particles: ParticleSet<'_>) -> Result<Self> {
        let momenta = particles.momenta();
        let energies: Vec<f64> = momenta.iter().map(FourMomentum::pt).collect();
        let points: Vec<[f64; 2]> = momenta.iter().map(|p| [p.rapidity(), p.phi()]).collect();
        Self::new(energies, points)
    }

    /// A jet about its axis: transverse momentum, and rapidity and azimuth *relative to the jet's total momentum*.
    ///
    /// Azimuths are differences in (-pi, pi], so a jet that straddles ±pi is whole, and jets are compared by their shape
    /// rather than by where they are. An empty jet is an empty event.
    ///
    /// # Errors
    /// A particle or an axis along the beam, whose rapidity is infinite; an axis without transverse momentum, which has
    /// no azimuth; as [`new`](Self::new).
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
    pub fn about_axis(jet: ParticleSet<'_>) -> Result<Self> {
        if jet.is_empty() {
            return Ok(Self::default());
        }
        let axis = jet.total_momentum();
        // A particle along the beam would be at a distance 0 from an axis along it.
        finite("rapidity of the jet's axis", axis.rapidity())?;
        if axis.pt() == 0.0 {
            return Err(CoreError::out_of_range("pt of the jet's axis", 0.0, "positive").into());
        }
        let energies: Vec<f64> = jet.momenta().iter().map(FourMomentum::pt).collect();
        let points: Vec<[f64; 2]> =
            jet.momenta().iter().map(|p| [p.delta_y(&axis), p.delta_phi(&axis)]).collect();
        Self::new(energies, points)
    }

    /// All events of a batch.
    ///
    /// # Errors
    /// As [`from_particles`](Self::from_particles), naming event and particle.
    pub fn from_sets(sets: &ParticleSets) -> Result<Vec<Self>> {
        of_each(sets, Self::from_particles)
    }

    /// The jets of a batch, each about its axis.
    ///
    /// # Errors
    /// As [`about_axis`](Self::about_axis), naming jet (as the event) and particle.
    pub fn from_jets(jets: &ParticleSets) -> Result<Vec<Self>> {
        of_each(jets, Self::about_axis)
    }

    /// The energies.
    pub fn energies(&self) -> &[f64] {
        &self.energies
    }

    /// The points (y, phi).
    pub fn points(&self) -> &[[f64; 2]] {
        &self.points
    }

    /// The sum of the energies.
    pub fn total_energy(&self) -> f64 {
        self.total
    }

    /// The number of particles, those without energy included.
    pub fn len(&self) -> usize {
        self.energies.len()
    }

    /// Whether there are no particles.
    pub fn is_empty(&self) -> bool {
        self.energies.is_empty()
    }
}

/// The flow of each event, or the first error, placed at its event.
fn of_each(
    sets: &ParticleSets,
    flow: impl Fn(ParticleSet<'_>) -> Result<EnergyFlow>,
) -> Result<Vec<EnergyFlow>> {
    let place = |index| {
        move |error| match error {
            Error::Core(error) => Error::Core(error.at_event(index)),
            error => Error::Event { list: "event", index, source: Box::new(error) },
        }
    };
    sets.events().enumerate().map(|(index, set)| flow(set).map_err(place(index))).collect()
}

fn check_particle(energy: f64, [y, phi]: [f64; 2]) -> hepml_core::Result<()> {
    finite("energy", energy)?;
    finite("rapidity", y)?;
    finite("azimuth", phi)?;
    if energy < 0.0 {
        let allowed = "zero or positive";
        return Err(CoreError::OutOfRange {
            what: "energy".into(),
            item: Item::NONE,
            value: energy,
            allowed,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hepml_core::ndarray::array;

    #[test]
    fn the_ways_in_agree() {
        let rows = [[3.0, 0.5, -0.25], [0.0, 1.0, 2.0], [2.0, -0.5, 3.0]];
        let flow = EnergyFlow::from_rows(&rows).unwrap();
        let array = array![[3.0, 0.5, -0.25], [0.0, 1.0, 2.0], [2.0, -0.5, 3.0]];
        assert_eq!(EnergyFlow::from_array(&array).unwrap(), flow);
        assert_eq!(EnergyFlow::new(flow.energies(), flow.points()).unwrap(), flow);
        assert_eq!(flow.total_energy(), 5.0);
    }

    #[test]
    fn particles_give_pt_rapidity_and_azimuth() {
        let p = FourMomentum::from_pt_y_phi_m(20.0, 1.25, -0.5, 5.0).unwrap();
        let sets = ParticleSets::from_events([vec![p], vec![]]).unwrap();
        let flows = EnergyFlow::from_sets(&sets).unwrap();
        assert!((flows[0].energies()[0] - 20.0).abs() < 1e-13);
        assert!((flows[0].points()[0][0] - 1.25).abs() < 1e-13);
        assert!((flows[0].points()[0][1] + 0.5).abs() < 1e-13);
        assert!(flows[1].is_empty());
    }

    #[test]
    fn errors_name_the_particle() {
        let message = |rows: &[[f64; 3]]| EnergyFlow::from_rows(rows).unwrap_err().to_string();
        let ok = [1.0, 0.0, 0.0];
        assert_eq!(
            message(&[ok, [-1.0, 0.0, 0.0]]),
            "energy of particle 1 is -1, but must be zero or positive"
        );
        assert_eq!(message(&[[f64::NAN, 0.0, 0.0]]), "energy of particle 0 is not finite (NaN)");
        assert_eq!(
            message(&[ok, ok, [1.0, f64::INFINITY, 0.0]]),
            "rapidity of particle 2 is not finite (inf)"
        );
        assert_eq!(message(&[[1.0, 0.0, f64::NAN]]), "azimuth of particle 0 is not finite (NaN)");
        assert_eq!(message(&[[1e308, 0.0, 0.0]; 2]), "the total energy of 2 particles overflows");
        let beam = FourMomentum::new(5.0, 0.0, 0.0, 5.0);
        let sets = ParticleSets::from_events([vec![], vec![beam]]).unwrap();
        let error = EnergyFlow::from_sets(&sets).unwrap_err().to_string();
        assert_eq!(error, "rapidity of event 1, particle 0 is not finite (inf)");
        let hard = FourMomentum::new(1e308, 1e308, 0.0, 0.0);
        let sets = ParticleSets::from_events([vec![], vec![hard, hard]]).unwrap();
        let error = EnergyFlow::from_sets(&sets).unwrap_err().to_string();
        assert_eq!(error, "event 1: the total energy of 2 particles overflows");
        let error = EnergyFlow::new([1.0], [[0.0; 2]; 2]).unwrap_err().to_string();
        assert_eq!(error, "points: expected 1, got 2");
        let error = EnergyFlow::from_array(&array![[1.0, 2.0]]).unwrap_err().to_string();
        assert_eq!(error, "columns (pt, y, phi): expected 3, got 2");
    }
}
