//! p-values and numbers of sigmas.

use std::f64::consts::{PI, SQRT_2};

use statrs::function::erf::erfc_inv;
use statrs::function::gamma::gamma_ur;

use crate::error::Result;

/// The significance Z of a one-sided p-value: p = 1 − Φ(Z).
///
/// ```
/// assert!((hepml_stats::significance(2.866_515_719e-7)? - 5.0).abs() < 1e-8);
/// # Ok::<(), hepml_stats::Error>(())
/// ```
///
/// # Errors
/// p outside (0, 1): the significance would be infinite.
pub fn significance(p: f64) -> Result<f64> {
    if p > 0.0 && p < 1.0 {
        let z = SQRT_2 * erfc_inv(2.0 * p);
        // One Newton step, for erfc_inv has some ten digits; where the density underflows it has to do.
        let density = (-0.5 * z * z).exp() / (2.0 * PI).sqrt();
        Ok(if density > f64::MIN_POSITIVE { z + (tail(z) - p) / density } else { z })
    } else {
        Err(hepml_core::Error::out_of_range("p-value", p, "above 0 and below 1").into())
    }
}

/// The one-sided p-value of a significance: p = 1 − Φ(Z), accurate in the tail.
///
/// # Errors
/// NaN.
pub fn p_value(significance: f64) -> Result<f64> {
    if significance.is_nan() {
        return Err(hepml_core::Error::not_finite("significance", significance).into());
    }
    Ok(tail(significance))
}

/// Beyond this many sigmas the tail is below the smallest f64.
const UNDERFLOW: f64 = 39.0;

/// 1 − Φ(z) = Q(1/2, z²/2)/2 for z > 0: the incomplete gamma function has five digits more than statrs' erfc.
fn tail(z: f64) -> f64 {
    let x = 0.5 * z * z;
    if z < 0.0 {
        1.0 - tail(-z)
    } else if x == 0.0 {
        0.5
    } else if z < UNDERFLOW {
        0.5 * gamma_ur(0.5, x)
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inverse_of_each_other() {
        for z in [-3.0, -1.0, 0.0, 0.5, 2.0, 5.0, 8.0, 20.0, 35.0] {
            assert!((significance(p_value(z).unwrap()).unwrap() - z).abs() < 1e-12, "{z}");
        }
        assert!(significance(0.0).is_err() && significance(1.0).is_err() && significance(f64::NAN).is_err());
        assert!(p_value(f64::NAN).is_err());
        assert_eq!(p_value(f64::INFINITY).unwrap(), 0.0);
        assert_eq!(p_value(f64::NEG_INFINITY).unwrap(), 1.0);
        assert_eq!(p_value(1e-300).unwrap(), 0.5);
        assert!((significance(f64::MIN_POSITIVE).unwrap() - 37.5).abs() < 0.1);
        assert!(significance(1.0 - f64::EPSILON).unwrap() < -8.0);
    }
}
