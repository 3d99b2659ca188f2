//! Particles as energy flows see them.

use std::ops::Range;

use hepml::ot::EnergyFlow;

use crate::arguments::{Input, view, with_room};
use crate::status::{Failure, Result};

/// Particles as energies at points of the (y, phi) plane, in memory of the caller that is read during the call only:
/// particle i has pt[i * stride], y[i * stride], phi[i * stride].
///
/// Energies (transverse momenta, in any unit) are finite and not negative, points are finite.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct hepml_particles {
    /// The energies.
    pub pt: *const f64,
    /// The rapidities.
    pub y: *const f64,
    /// The azimuths, in radians.
    pub phi: *const f64,
    /// The doubles from one particle to the next: 1 for columns, 3 for rows (pt, y, phi), sizeof(T) / sizeof(double) inside
    /// structs T. At least 1 unless there are no particles.
    pub stride: usize,
    /// How many particles there are.
    pub count: usize,
}

/// Particles that can be read.
pub(crate) struct Particles {
    pt: Input<f64>,
    y: Input<f64>,
    phi: Input<f64>,
}

impl Particles {
    /// # Safety
    /// `particles` may be read if it is aligned and not NULL, and so may what it points to, as long as this is in use.
    pub(crate) unsafe fn new(name: &str, particles: *const hepml_particles) -> Result<Self> {
        // SAFETY: as the caller promises.
        let hepml_particles { pt, y, phi, stride, count } = unsafe { view(name, particles) }?;
        // SAFETY: as the caller promises.
        let column = |column: &str, pointer| unsafe {
            Input::strided(format_args!("{name}.{column}"), pointer, stride, count)
        };
        Ok(Self { pt: column("pt", pt)?, y: column("y", y)?, phi: column("phi", phi)? })
    }

    pub(crate) fn len(&self) -> usize {
        self.pt.len()
    }

    /// The event of all particles.
    pub(crate) fn flow(&self) -> Result<EnergyFlow> {
        Ok(self.flow_of(0..self.len())??)
    }

    /// The event of some of the particles, which are counted from 0 in its errors; the outer failure is that of memory.
    pub(crate) fn flow_of(&self, range: Range<usize>) -> Result<hepml::ot::Result<EnergyFlow>> {
        let [pt, y, phi] = [&self.pt, &self.y, &self.phi].map(|column| column.part(range.clone()));
        let energies = pt.to_vec("energies")?;
        let mut points = with_room("points", range.len())?;
        points.extend(y.iter().zip(phi.iter()).map(|(y, phi)| [y, phi]));
        Ok(EnergyFlow::new(energies, points))
    }
}

/// What is computed of the event in the argument `particles`.
///
/// # Safety
/// As [`Particles::new`].
pub(crate) unsafe fn of_event<T>(
    particles: *const hepml_particles,
    compute: impl FnOnce(&EnergyFlow) -> hepml::ot::Result<T>,
) -> Result<T> {
    let name = "particles";
    // SAFETY: as the caller promises.
    let particles = unsafe { Particles::new(name, particles) }?;
    let event = particles.flow().map_err(|failure| failure.of(name))?;
    compute(&event).map_err(|error| Failure::from(error).of(name))
}
