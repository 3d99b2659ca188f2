//! Pixels of equal area on the sphere.

use std::f64::consts::PI;

use hepml_core::Error as CoreError;
use hepml_core::nalgebra::Vector3;

use crate::error::Result;

/// The most pixels on a side of a base pixel: 50 million pixels.
const LARGEST_SIDE: u32 = 2048;

/// The centres of the 12 `nside`² pixels of HEALPix, unit vectors in the ring scheme: from north to south, each ring from
/// phi = 0 eastwards.
///
/// All pixels have the area pi / (3 `nside`²), so the centres with equal weights are a uniform event
/// (arXiv:astro-ph/0409513).
///
/// # Errors
/// `nside` outside 1 to 2048. It need not be a power of two.
///
/// ```
/// let centres = hepml_ot::healpix_centres(4)?;
/// assert_eq!(centres.len(), 192);
/// assert!((centres[0].z - (1.0 - 1.0 / 48.0)).abs() < 1e-15);
/// # Ok::<(), hepml_ot::Error>(())
/// ```
pub fn healpix_centres(nside: u32) -> Result<Vec<Vector3<f64>>> {
    if !(1..=LARGEST_SIDE).contains(&nside) {
        return Err(CoreError::out_of_range("nside", f64::from(nside), "from 1 to 2048").into());
    }
    let side = f64::from(nside);
    let mut centres = Vec::new();
    for ring in 1..4 * nside {
        // South of the equator rings are those of the north, mirrored.
        let from_pole = ring.min(4 * nside - ring);
        let (number, height, shift, rim) = if from_pole < nside {
            // 1 - z without cancellation, for the distance from the axis.
            let low = (f64::from(from_pole) / side).powi(2) / 3.0;
            (4 * from_pole, 1.0 - low, 0.5, (low * (2.0 - low)).sqrt())
        } else {
            let z = 4.0 / 3.0 - 2.0 * f64::from(from_pole) / (3.0 * side);
            // Every second ring of the belt begins at phi = 0.
            let shift = if (from_pole - nside).is_multiple_of(2) { 0.5 } else { 0.0 };
            (4 * nside, z, shift, ((1.0 - z) * (1.0 + z)).sqrt())
        };
        let z = if ring > 2 * nside { -height } else { height };
        for pixel in 0..number {
            let phi = 2.0 * PI * (f64::from(pixel) + shift) / f64::from(number);
            centres.push(Vector3::new(rim * phi.cos(), rim * phi.sin(), z));
        }
    }
    Ok(centres)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_are_spread_evenly() {
        for nside in [1, 2, 3, 4, 8, 16] {
            let centres = healpix_centres(nside).unwrap();
            let count = centres.len() as f64;
            assert_eq!(centres.len(), 12 * (nside * nside) as usize);
            let mut second = hepml_core::nalgebra::Matrix3::zeros();
            for centre in &centres {
                assert!((centre.norm() - 1.0).abs() < 1e-15);
                second += centre * centre.transpose() / count;
            }
            assert!(centres.iter().sum::<Vector3<f64>>().norm() < 1e-12 * count);
            // Of the second moments, trace and symmetry are exact, the rest is as good as the grid.
            let isotropic = hepml_core::nalgebra::Matrix3::identity() / 3.0;
            assert!((second - isotropic).amax() < 0.1 / f64::from(nside * nside), "{nside}: {second}");
            // No two centres are nearer than half the side of a pixel.
            let side = (4.0 * PI / count).sqrt();
            for (i, a) in centres.iter().enumerate() {
                for b in &centres[..i] {
                    assert!((a - b).norm() > 0.5 * side, "{nside}: {a} {b}");
                }
            }
        }
        assert!(healpix_centres(0).is_err() && healpix_centres(2049).is_err());
    }
}
