//! Transverse spherocity.

use hepml::ot::Spherocity;

use crate::arguments::{Output, Outputs};
use crate::boundary::guard;
use crate::momenta::{Momenta, hepml_momenta};
use crate::status::hepml_status;

/// Transverse spherocity (pi^2 / 4) min_n (sum_i |pT_i x n| / sum_i |pT_i|)^2, exact, and the unit vector n = (x, y) it is at.
///
/// `axis` has room for two numbers, or is NULL. No particle with a transverse momentum is HEPML_STATUS_OUT_OF_RANGE. It takes O(N^2)
/// operations for N particles.
///
/// # Safety
/// `momenta` and what it points to may be read, `spherocity` may be written to, `axis` for two numbers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hepml_spherocity_axis(
    momenta: *const hepml_momenta,
    spherocity: *mut f64,
    axis: *mut f64,
) -> hepml_status {
    guard(|| {
        // SAFETY: as the caller promises.
        let (momenta, output) =
            unsafe { (Momenta::new("momenta", momenta)?, Output::new("spherocity", spherocity)?) };
        // SAFETY: as the caller promises.
        let axis = if axis.is_null() { None } else { Some(unsafe { Outputs::new("axis", axis, 2, 2) }?) };
        let (value, found) = momenta.observed(|momenta| Spherocity.axis(momenta))?;
        output.write(value);
        if let Some(axis) = axis {
            axis.write_all([found.x, found.y]);
        }
        Ok(())
    })
}
