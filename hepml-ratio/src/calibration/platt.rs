//! Platt and temperature scaling.

use hepml_core::FitReport;
use hepml_core::serde::{Deserialize, Serialize};

use crate::RatioLoss;
use crate::calibration::{Calibration, CalibrationMap, HeldOut};
use crate::error::{Error, Result};

/// z -> a z + b that minimises the cross-entropy, each side normalised to 1, by Newton's method.
///
/// The order of events, and so the AUC, stays as it is for a > 0; a fit with a <= 0 is returned with a warning. Exact where
/// the error of z is a factor and an offset, as a wrong prior or over-training leaves it (Platt, Advances in Large Margin
/// Classifiers, 1999; temperature scaling: arXiv:1706.04599). Signed weights are allowed as long as the cross-entropy stays
/// convex on Newton's way.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde", deny_unknown_fields, default)]
pub struct PlattCalibration {
    offset: bool,
    max_iterations: usize,
}

impl Default for PlattCalibration {
    /// With an offset, at most 100 iterations.
    fn default() -> Self {
        Self { offset: true, max_iterations: 100 }
    }
}

/// Newton's method ends where a step would gain less than this in the cross-entropy, an O(1) quantity: rounding of its sum.
const GAIN: f64 = 1e-15;
/// A step is halved at most so often: 2^-40 of a Newton step is none.
const HALVINGS: i32 = 40;

impl PlattCalibration {
    /// Slope and offset.
    pub fn new() -> Self {
        Self::default()
    }

    /// The slope alone, 1/temperature.
    pub fn temperature() -> Self {
        Self { offset: false, ..Self::default() }
    }

    /// The largest number of Newton steps.
    #[must_use]
    pub const fn max_iterations(mut self, max_iterations: usize) -> Self {
        self.max_iterations = max_iterations;
        self
    }
}

/// The cross-entropy of slope (z - centre)/scale + offset with its gradient and Hessian (slope, offset).
struct Entropy {
    value: f64,
    gradient: [f64; 2],
    /// slope-slope, slope-offset, offset-offset.
    hessian: [f64; 3],
}

fn entropy(held_out: &HeldOut, [slope, offset]: [f64; 2], [centre, scale]: [f64; 2]) -> Entropy {
    let mut sum = Entropy { value: 0.0, gradient: [0.0; 2], hessian: [0.0; 3] };
    for (numerator, side) in [(true, &held_out.numerator), (false, &held_out.denominator)] {
        for (z, w) in side.iter().filter(|(_, w)| *w != 0.0) {
            let z = (z - centre) / scale;
            let [value, first, second] = RatioLoss::Bce.terms(numerator, slope * z + offset);
            sum.value += w * value;
            sum.gradient[0] += w * first * z;
            sum.gradient[1] += w * first;
            sum.hessian[0] += w * second * z * z;
            sum.hessian[1] += w * second * z;
            sum.hessian[2] += w * second;
        }
    }
    sum
}

impl Calibration for PlattCalibration {
    fn fit_map(&self, held_out: &HeldOut, report: &mut FitReport) -> Result<CalibrationMap> {
        let ranges = [held_out.numerator.range(), held_out.denominator.range()];
        let (low, high) = (ranges[0].0.min(ranges[1].0), ranges[0].1.max(ranges[1].1));
        // From -1 to 1, so that nothing overflows and slope and offset are told apart; without an offset z = 0 stays where it is.
        let frame @ [centre, scale] = if self.offset {
            [0.5 * low + 0.5 * high, 0.5 * high - 0.5 * low]
        } else {
            [0.0, low.abs().max(high.abs())]
        };
        if low >= high || scale == 0.0 {
            return Err(Error::calibration("all log ratios are equal: there is no slope"));
        }
        // Where the cross-entropy is flat (z of many hundreds), Newton's method has nothing to start from but zero.
        let (mut slope, mut offset) = (0.0, 0.0);
        let mut now = entropy(held_out, [slope, offset], frame);
        for iteration in 0..self.max_iterations {
            let [g, k] = now.gradient;
            let [hgg, hgk, hkk] = now.hessian;
            let determinant = hgg * hkk - hgk * hgk;
            let (step, other) = if self.offset {
                if !(hgg > 0.0 && determinant > 0.0) {
                    return Err(Error::calibration("the cross-entropy is not convex in slope and offset"));
                }
                ((hkk * g - hgk * k) / determinant, (hgg * k - hgk * g) / determinant)
            } else {
                if hgg <= 0.0 {
                    return Err(Error::calibration("the cross-entropy is not convex in the slope"));
                }
                (g / hgg, 0.0)
            };
            let gain = 0.5 * (step * g + other * if self.offset { k } else { 0.0 });
            if gain <= GAIN {
                return affine(slope / scale, offset - slope / scale * centre, iteration, report);
            }
            let descent = (0..HALVINGS).find_map(|halvings| {
                let fraction = 0.5_f64.powi(halvings);
                let (slope, offset) = (slope - fraction * step, offset - fraction * other);
                let then = entropy(held_out, [slope, offset], frame);
                (then.value < now.value).then_some((slope, offset, then))
            });
            match descent {
                Some(then) => (slope, offset, now) = then,
                // Downhill all the way, and yet no lower: what is left to gain is less than the rounding of the sum.
                None => return affine(slope / scale, offset - slope / scale * centre, iteration, report),
            }
        }
        Err(Error::calibration(format!(
            "slope and offset did not converge in {} Newton steps",
            self.max_iterations
        )))
    }
}

/// The map, with what the report says of it.
fn affine(slope: f64, offset: f64, iterations: usize, report: &mut FitReport) -> Result<CalibrationMap> {
    let map = CalibrationMap::affine(slope, offset)?;
    report.measure("slope", slope, None);
    report.measure("offset", offset, None);
    report.measure("iterations", iterations as f64, None);
    if slope <= 0.0 {
        report.warn(format!("the slope is {slope}: z orders the two samples the wrong way round"));
    }
    Ok(map)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibration::HeldOutSide;

    fn held_out(numerator: &[f64], denominator: &[f64], weights: &[f64]) -> HeldOut {
        let side = |name, z: &[f64]| HeldOutSide::from_log_ratios(name, z.to_vec(), weights).unwrap();
        HeldOut { numerator: side("numerator", numerator), denominator: side("denominator", denominator) }
    }

    #[test]
    fn an_offset_of_z_does_not_matter() {
        let [numerator, denominator] = [[0.0, 1.0, 2.0, 3.0], [-2.0, -1.0, 0.5, 1.5]];
        let fit = |slope: f64, offset: f64| {
            let sides = [numerator, denominator].map(|z| z.map(|z| offset + slope * z));
            let map = PlattCalibration::new()
                .fit_map(&held_out(&sides[0], &sides[1], &[1.0; 4]), &mut FitReport::new());
            numerator.map(|z| map.as_ref().unwrap().apply(offset + slope * z))
        };
        let expected = fit(1.0, 0.0);
        for (slope, offset, rounding) in [(1e-9, 5.0, 1e-5), (1e3, -1e6, 1e-8), (1e-300, 0.0, 1e-12)] {
            for (got, expected) in fit(slope, offset).iter().zip(expected) {
                // z itself is rounded by epsilon times the offset over the slope.
                assert!((got - expected).abs() < rounding, "{slope} {offset}: {got} {expected}");
            }
        }
    }

    #[test]
    fn events_without_weight_do_not_count() {
        let fit = |far: f64, config: PlattCalibration| {
            let sides = held_out(&[0.0, 0.1, far], &[-0.1, 0.05, -far], &[1.0, 1.0, 0.0]);
            config.fit_map(&sides, &mut FitReport::new()).unwrap()
        };
        for config in [PlattCalibration::new(), PlattCalibration::temperature()] {
            // In units of the others, this is infinitely far.
            assert_eq!(fit(1e308, config), fit(0.0, config));
        }
    }
}
