//! Thrust.

use hepml::ot::Thrust;

use crate::arguments::{Output, flag};
use crate::boundary::guard;
use crate::momenta::{Momenta, hepml_momenta};
use crate::status::hepml_status;

/// Thrust T = max_n sum_i |p_i . n| / sum_i |p_i| and the unit vector n it is at.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct hepml_thrust {
    /// T.
    pub thrust: f64,
    /// 1 - T, with all its digits for narrow jets.
    pub one_minus_thrust: f64,
    /// n = (x, y, z); -n is as good, and this one has its largest component positive.
    pub axis: [f64; 3],
    /// sum_i |p_i|.
    pub total: f64,
}

/// The thrust of an event and its axis, exact; with `transverse` 1 of px and py only.
///
/// Particles at rest change nothing; no particle with a momentum is HEPML_STATUS_OUT_OF_RANGE. It takes O(N^2 log N) operations
/// for N particles, O(N log N) in the transverse plane.
///
/// # Safety
/// `momenta` and what it points to may be read, `thrust` may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hepml_thrust_axis(
    momenta: *const hepml_momenta,
    transverse: i32,
    thrust: *mut hepml_thrust,
) -> hepml_status {
    guard(|| {
        // SAFETY: as the caller promises.
        let (momenta, output) =
            unsafe { (Momenta::new("momenta", momenta)?, Output::new("thrust", thrust)?) };
        let kind = if flag("transverse", transverse)? { Thrust::transverse() } else { Thrust::new() };
        let found = momenta.observed(|momenta| kind.axis(momenta))?;
        output.write(hepml_thrust {
            thrust: found.thrust,
            one_minus_thrust: found.one_minus_thrust,
            axis: found.axis.into(),
            total: found.total,
        });
        Ok(())
    })
}
