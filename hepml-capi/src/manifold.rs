//! Distances to manifolds of events.

use hepml::ot::{
    Centred, Disk, Ellipse, Manifold, ManifoldDistance, ManifoldDistanceConfig, Points, Ring, WithCentre,
};

use crate::arguments::{Bytes, Output, Outputs, flag, unknown_value};
use crate::boundary::guard;
use crate::handle::{self, Handle, NewHandle};
use crate::n_subjettiness::MOST_AXES;
use crate::particles::{hepml_particles, of_event};
use crate::status::{Failure, Result, hepml_status};

/// The distance from an event to the nearest event of a manifold of events, the least normalised EMD (arXiv:2302.12266): ringiness for
/// rings, diskiness, ellipsiness, N-subjettiness for points.
#[allow(missing_debug_implementations)]
pub struct hepml_manifold {
    _private: [u8; 0],
}

impl Handle for hepml_manifold {
    type Object = NamedDistance;
    const NAME: &'static str = "manifold";
}

/// A distance with the names of its parameters.
pub(crate) struct NamedDistance {
    distance: ManifoldDistance<Box<dyn Manifold>>,
    names: Vec<String>,
}

/// Which events there are.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum hepml_manifold_kind {
    /// Particles with free energies.
    Points = 0,
    /// Energy spread evenly over a circle.
    Ring = 1,
    /// Energy spread evenly over a disk.
    Disk = 2,
    /// Energy spread evenly over an ellipse.
    Ellipse = 3,
}

/// The nearest event that was found.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct hepml_manifold_fit {
    /// The distance, of the unit 1.
    pub value: f64,
    /// The EMDs that were computed.
    pub evaluations: usize,
    /// The places that the search was begun from.
    pub starts: usize,
    /// How many of these led to the lowest value; if it is 1 of many, another search might find a lower one.
    pub agreeing: usize,
    /// The step of a single parameter that no longer lowers the value.
    pub residual: f64,
    /// 1 if the search ended because steps were that short, 0 if for want of evaluations.
    pub converged: i32,
}

/// The shape itself, or with a particle at its centre.
fn shape(shape: impl Centred + 'static, with_centre: bool) -> Box<dyn Manifold> {
    if with_centre { Box::new(WithCentre::new(shape)) } else { Box::new(shape) }
}

fn manifold(kind: i32, resolution: usize, with_centre: bool) -> Result<Box<dyn Manifold>> {
    Ok(match kind {
        0 if with_centre => {
            let message = "with_centre is 1, but points have no centre";
            return Err(Failure::new(hepml_status::OutOfRange, message));
        }
        0 => {
            let points = Points::new(resolution)?;
            // Their places are axes, which are searched for as those of N-subjettiness.
            if resolution > MOST_AXES {
                let message =
                    format!("resolution is {resolution}, but must be at most {MOST_AXES} for points");
                return Err(Failure::new(hepml_status::OutOfRange, message));
            }
            Box::new(points)
        }
        1 => shape(Ring::new(resolution)?, with_centre),
        2 => shape(Disk::new(resolution)?, with_centre),
        3 => shape(Ellipse::new(resolution)?, with_centre),
        _ => return Err(unknown_value("kind", kind, "a hepml_manifold_kind (0 to 3)")),
    })
}

/// The distance to a manifold: `kind` is a hepml_manifold_kind; `resolution` is the number of points (at most 32), of samples of a ring, or of
/// rings of a disk or ellipse (n rings have 3 n (n - 1) + 1 particles, at most a million).
///
/// With `with_centre` 1, which points do not have, a particle at the centre has a free share of the energy. `radius`, `beta` and
/// `periodic_phi` are those of the EMD.
///
/// # Safety
/// `manifold` may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hepml_manifold_new(
    kind: i32,
    resolution: usize,
    with_centre: i32,
    radius: f64,
    beta: f64,
    periodic_phi: i32,
    manifold: *mut *mut hepml_manifold,
) -> hepml_status {
    guard(|| {
        // SAFETY: as the caller promises.
        let new = unsafe { NewHandle::new(manifold) }?;
        let with_centre = flag("with_centre", with_centre)?;
        let config = ManifoldDistanceConfig::new()
            .radius(radius)
            .beta(beta)
            .periodic_phi(flag("periodic_phi", periodic_phi)?);
        let distance = config.build(self::manifold(kind, resolution, with_centre)?)?;
        let names = distance.manifold().names();
        new.put(NamedDistance { distance, names })
    })
}

/// How many parameters an event of the manifold has.
///
/// # Safety
/// `count` may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hepml_manifold_parameter_count(
    manifold: *const hepml_manifold,
    count: *mut usize,
) -> hepml_status {
    guard(|| {
        let manifold = handle::get("manifold", manifold)?;
        // SAFETY: as the caller promises.
        let count = unsafe { Output::new("count", count) }?;
        count.write(manifold.names.len());
        Ok(())
    })
}

/// The name of a parameter, such as "radius"; `index` is below the count.
///
/// # Safety
/// `text` may be written to for `capacity` bytes, `length` for one number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hepml_manifold_parameter_name(
    manifold: *const hepml_manifold,
    index: usize,
    text: *mut std::ffi::c_char,
    capacity: usize,
    length: *mut usize,
) -> hepml_status {
    guard(|| {
        let manifold = handle::get("manifold", manifold)?;
        // SAFETY: as the caller promises.
        let output = unsafe { Bytes::new(text.cast(), capacity, length) }?;
        let Some(name) = manifold.names.get(index) else {
            let message = format!("index is {index}, but there are {} parameters", manifold.names.len());
            return Err(Failure::new(hepml_status::OutOfRange, message));
        };
        output.write_text(name)
    })
}

/// The event of the manifold that is nearest to an event: the distance, and the parameters of the nearest event, as many as the count,
/// for which there is room for `capacity`.
///
/// An event without energy is HEPML_STATUS_OUT_OF_RANGE.
///
/// # Safety
/// `particles` and what it points to may be read; `parameters` may be written to for `capacity` numbers, `fit` for one struct.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hepml_manifold_nearest(
    manifold: *const hepml_manifold,
    particles: *const hepml_particles,
    parameters: *mut f64,
    capacity: usize,
    fit: *mut hepml_manifold_fit,
) -> hepml_status {
    guard(|| {
        let manifold = handle::get("manifold", manifold)?;
        let count = manifold.names.len();
        // SAFETY: as the caller promises.
        let (parameters, output) =
            unsafe { (Outputs::new("parameters", parameters, capacity, count)?, Output::new("fit", fit)?) };
        // SAFETY: as the caller promises.
        let found = unsafe { of_event(particles, |event| manifold.distance.fit(event)) }?;
        parameters.write_all(found.parameters.iter().copied());
        output.write(hepml_manifold_fit {
            value: found.value,
            evaluations: found.evaluations,
            starts: found.starts,
            agreeing: found.agreeing,
            residual: found.residual,
            converged: i32::from(found.converged),
        });
        Ok(())
    })
}

/// Frees a manifold.
///
/// # Safety
/// `manifold` may be read and written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hepml_manifold_free(manifold: *mut *mut hepml_manifold) -> hepml_status {
    // SAFETY: as the caller promises.
    unsafe { handle::free(manifold) }
}
