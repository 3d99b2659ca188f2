//! Estimated against observed ratios.

use hepml_core::Error as CoreError;
use hepml_stats::weighted_quantiles;

use super::SIGMAS;
use super::scored::Scored;
use crate::error::Result;
use crate::histogram::MOST_BINS;

/// A bin of z in a calibration curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CalibrationPoint {
    /// What the model says: ln E_den\[r | bin\], which is what the ratio of a bin should be, however wide it is.
    pub estimated: f64,
    /// What the events say: ln (share of the numerator's weight/share of the denominator's).
    pub observed: f64,
    /// One standard deviation of `observed`.
    pub error: f64,
}

/// A calibration curve: its points in order of z, and what its bins say of negative weights.
#[derive(Debug, Clone, PartialEq)]
pub struct CalibrationCurve {
    /// The bins in which there is a ratio, estimated and observed.
    pub points: Vec<CalibrationPoint>,
    /// Bins with events in which the weights of a side do not sum to a positive number.
    pub negative: usize,
    /// The side, upper edge in z and significance of the most negative net weight, where it is beyond chance (5 sigma).
    pub most_negative: Option<(&'static str, f64, f64)>,
}

/// What a bin holds of a side.
#[derive(Debug, Clone, Copy, Default)]
struct Content {
    events: usize,
    /// The sum of shares w/sum w, of their squares, and of shares times r.
    share: f64,
    squares: f64,
    reweighted: f64,
}

/// Estimated against observed ln r in bins of z, which hold about the same share of the two sides together.
///
/// The shares p of a side have the error of a sum over independent events, sqrt(sum w² (1 - p)² in the bin + sum w² p² outside)/sum w.
/// Negative ratios are in bins of sign(r) ln(1 + |r|) instead.
///
/// # Errors
/// No bins, or more than 2^20; no event with a weight and a finite z.
pub fn calibration_curve(
    numerator: Scored<'_>,
    denominator: Scored<'_>,
    bins: usize,
) -> Result<CalibrationCurve> {
    if bins == 0 || bins > MOST_BINS {
        let allowed = "at least 1 and at most 1048576";
        return Err(CoreError::out_of_range("number of bins", bins as f64, allowed).into());
    }
    let sides = [numerator, denominator];
    let scores = Scored::scores(sides);
    let (mut pooled, mut sizes) = (Vec::new(), Vec::new());
    for (side, scores) in sides.iter().zip(&scores) {
        let largest = side.weights.iter().fold(0.0_f64, |m, w| m.max(w.abs()));
        let size: f64 = side.weights.iter().map(|w| w.abs() / largest).sum();
        for (&score, w) in scores.iter().zip(side.weights).filter(|(s, w)| s.is_finite() && **w != 0.0) {
            pooled.push(score);
            sizes.push(w.abs() / largest / size);
        }
    }
    if pooled.is_empty() {
        return Err(CoreError::Empty { what: "list of finite log ratios".into() }.into());
    }
    let levels: Vec<f64> = (1..bins).map(|k| k as f64 / bins as f64).collect();
    let mut edges = weighted_quantiles(&pooled, Some(&sizes), &levels)?;
    edges.dedup();

    let mut contents = vec![[Content::default(); 2]; edges.len() + 1];
    let mut squares = [0.0; 2];
    for (index, (side, scores)) in sides.iter().zip(&scores).enumerate() {
        let sum: f64 = side.weights.iter().sum();
        let events = side.terms().zip(side.weights).zip(scores).filter(|((_, w), _)| **w != 0.0);
        for (((z, signed), weight), score) in events {
            let share = weight / sum;
            let content = &mut contents[edges.partition_point(|edge| edge < score)][index];
            content.events += 1;
            content.share += share;
            content.squares += share * share;
            content.reweighted += signed / sum * z.exp();
            squares[index] += share * share;
        }
    }
    let mut curve = CalibrationCurve { points: Vec::new(), negative: 0, most_negative: None };
    for (bin, sides) in contents.iter().enumerate() {
        let place = edges.get(bin).or(edges.last()).copied().unwrap_or(0.0);
        for (side, content) in ["numerator", "denominator"].into_iter().zip(sides) {
            let sigmas = -content.share / content.squares.sqrt();
            if sigmas > curve.most_negative.map_or(SIGMAS, |(_, _, most)| most) {
                curve.most_negative = Some((side, place, sigmas));
            }
        }
        curve.negative += usize::from(sides.iter().any(|side| side.events > 0 && side.share <= 0.0));
        curve.points.extend(point(sides, squares));
    }
    Ok(curve)
}

/// The point of a bin, if both sides have a positive share of it and the model a positive ratio.
fn point(sides: &[Content; 2], squares: [f64; 2]) -> Option<CalibrationPoint> {
    let relative = |side: usize| {
        let Content { share, squares: within, .. } = sides[side];
        let variance = within * (1.0 - share).powi(2) + (squares[side] - within).max(0.0) * share * share;
        variance.sqrt() / share
    };
    let point = CalibrationPoint {
        estimated: sides[1].reweighted.ln() - sides[1].share.ln(),
        observed: sides[0].share.ln() - sides[1].share.ln(),
        error: relative(0).hypot(relative(1)),
    };
    let is_positive = sides[0].share > 0.0 && sides[1].share > 0.0 && sides[1].reweighted > 0.0;
    (is_positive && point.estimated.is_finite()).then_some(point)
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::gaussians;
    use super::*;

    #[test]
    fn shares_have_the_errors_of_binomials() {
        // 300 and 100 of 400 events against 100 and 300: p (1 - p)/n = 3/16/400 for each share.
        let z: Vec<f64> = (0..400).map(|event| if event < 100 { -1.0 } else { 1.0 }).collect();
        let mirrored: Vec<f64> = z.iter().map(|z| -z).collect();
        let weights = [0.7; 400];
        let (above, below) = (Scored::new(&z, &weights).unwrap(), Scored::new(&mirrored, &weights).unwrap());
        let curve = calibration_curve(above, below, 2).unwrap();
        let relative = (3.0 / 16.0 / 400.0_f64).sqrt() * (16.0_f64 + 16.0 / 9.0).sqrt();
        assert_eq!(curve.points.len(), 2);
        for (point, sign) in curve.points.iter().zip([-1.0, 1.0]) {
            // A few hundred roundings of sums.
            assert!((point.observed - sign * 3.0_f64.ln()).abs() < 1e-12, "{point:?}");
            assert!((point.estimated - sign).abs() < 1e-12, "{point:?}");
            assert!((point.error - relative).abs() < 1e-12, "{point:?}");
        }
        // All there is in one bin is no surprise.
        let curve = calibration_curve(above, below, 1).unwrap();
        assert!(curve.points[0].observed.abs() < 1e-12 && curve.points[0].error < 1e-12, "{curve:?}");
    }

    #[test]
    fn negative_ratios_are_in_the_bins_below() {
        // r = x in {-1, 2}: the numerator has -1/3 and 4/3 of its weight there, the denominator 1/3 and 2/3.
        let z = [0.0, 2.0_f64.ln()];
        let (above, below) = ([-1.0, 4.0], [1.0, 2.0]);
        let side = |weights| Scored::signed(&z, &[true, false], weights).unwrap();
        let curve = calibration_curve(side(&above), side(&below), 4).unwrap();
        assert_eq!((curve.negative, curve.points.len()), (1, 1));
        let point = curve.points[0];
        assert!(
            (point.estimated - 2.0_f64.ln()).abs() < 1e-14 && (point.observed - 2.0_f64.ln()).abs() < 1e-14
        );
    }

    #[test]
    fn points_come_in_order_and_bins_share_the_events() {
        let [above, below] = gaussians(0.3, 4000, 1);
        let [z, y] = [&above, &below].map(|side| side.events().mapv(|x| 0.6 * x).into_raw_vec_and_offset().0);
        let side = |z| Scored::new(z, above.weights()).unwrap();
        let curve = calibration_curve(side(&z), side(&y), 8).unwrap();
        assert!(curve.points.windows(2).all(|pair| pair[0].estimated < pair[1].estimated), "{curve:?}");
        assert_eq!(curve.points.len(), 8);
        // An eighth of the pool each: about 500 + 500 events, of which neither side has fewer than 200.
        assert!(curve.points.iter().all(|point| point.error > 0.03 && point.error < 0.09), "{curve:?}");
    }

    #[test]
    fn bad_input() {
        let side = Scored::new(&[0.0, 1.0], &[1.0, 1.0]).unwrap();
        assert!(calibration_curve(side, side, 0).is_err());
        let side = Scored::new(&[f64::NEG_INFINITY, 1.0], &[1.0, 0.0]).unwrap();
        assert!(calibration_curve(side, side, 2).unwrap_err().to_string().contains("finite log ratios"));
    }
}
