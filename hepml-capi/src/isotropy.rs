//! Event isotropy.

use hepml::ot::{Isotropy, IsotropyCost};

use crate::arguments::{Output, unknown_value};
use crate::boundary::guard;
use crate::handle::{self, Handle, NewHandle};
use crate::momenta::{Momenta, hepml_momenta};
use crate::status::{Result, hepml_status};

/// Event isotropy: the EMD from an event to a uniform one, both of total energy 1 (arXiv:2004.06125). It is 0 for a uniform event
/// and 1 for a pair back to back, in the limit of many points.
#[allow(missing_debug_implementations)]
pub struct hepml_isotropy {
    _private: [u8; 0],
}

impl Handle for hepml_isotropy {
    type Object = Isotropy;
    const NAME: &'static str = "isotropy";
}

/// What moving energy by an angle costs.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum hepml_isotropy_cost {
    /// Quadratic at small angles, as thrust is.
    Quadratic = 0,
    /// Linear at small angles, as broadening is.
    Linear = 1,
}

fn checked_cost(cost: i32) -> Result<IsotropyCost> {
    match cost {
        0 => Ok(IsotropyCost::Quadratic),
        1 => Ok(IsotropyCost::Linear),
        _ => Err(unknown_value("cost", cost, "a hepml_isotropy_cost (0 or 1)")),
    }
}

/// Isotropy across the beam, of transverse momenta, against so many equidistant points (1 to a million); `cost` is a hepml_isotropy_cost.
///
/// # Safety
/// `isotropy` may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hepml_isotropy_new_ring(
    points: u32,
    cost: i32,
    isotropy: *mut *mut hepml_isotropy,
) -> hepml_status {
    guard(|| {
        // SAFETY: as the caller promises.
        let new = unsafe { NewHandle::new(isotropy) }?;
        new.put(Isotropy::ring(points, checked_cost(cost)?)?)
    })
}

/// Isotropy of transverse momenta at rapidities |y| <= `y_max`, against cells that are as nearly square as `n_phi` of them around allow:
/// floor(y_max * n_phi / pi) along the beam, at least one and with at most a million cells in all.
///
/// # Safety
/// `isotropy` may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hepml_isotropy_new_cylinder(
    n_phi: u32,
    y_max: f64,
    isotropy: *mut *mut hepml_isotropy,
) -> hepml_status {
    guard(|| {
        // SAFETY: as the caller promises.
        let new = unsafe { NewHandle::new(isotropy) }?;
        new.put(Isotropy::cylinder(n_phi, y_max)?)
    })
}

/// Isotropy in space, of |p|, against the centres of the 12 nside^2 pixels of HEALPix; `nside` is 1 to 288 (a million points) and
/// need not be a power of two; `cost` is a hepml_isotropy_cost.
///
/// # Safety
/// `isotropy` may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hepml_isotropy_new_sphere(
    nside: u32,
    cost: i32,
    isotropy: *mut *mut hepml_isotropy,
) -> hepml_status {
    guard(|| {
        // SAFETY: as the caller promises.
        let new = unsafe { NewHandle::new(isotropy) }?;
        new.put(Isotropy::sphere(nside, checked_cost(cost)?)?)
    })
}

/// The isotropy of an event; particles without (transverse) momentum change nothing.
///
/// A rapidity outside the cylinder, or no particle with a momentum, is HEPML_STATUS_OUT_OF_RANGE; an event of too many particles for so
/// many points is HEPML_STATUS_OUT_OF_MEMORY, as in hepml_divergence_value.
///
/// # Safety
/// `momenta` and what it points to may be read, `value` may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hepml_isotropy_value(
    isotropy: *const hepml_isotropy,
    momenta: *const hepml_momenta,
    value: *mut f64,
) -> hepml_status {
    guard(|| {
        let isotropy = handle::get("isotropy", isotropy)?;
        // SAFETY: as the caller promises.
        let (momenta, output) = unsafe { (Momenta::new("momenta", momenta)?, Output::new("value", value)?) };
        output.write(momenta.observed(|momenta| isotropy.value(momenta))?);
        Ok(())
    })
}

/// Frees an isotropy.
///
/// # Safety
/// `isotropy` may be read and written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hepml_isotropy_free(isotropy: *mut *mut hepml_isotropy) -> hepml_status {
    // SAFETY: as the caller promises.
    unsafe { handle::free(isotropy) }
}
