//! Isotonic calibration by pool-adjacent-violators.

use hepml_core::serde::{Deserialize, Serialize};
use hepml_core::{Error as CoreError, FitReport, Item};

use crate::calibration::{Calibration, CalibrationMap, HeldOut, HeldOutSide};
use crate::error::Result;

/// The monotone function of z closest to the labels, by pool-adjacent-violators.
///
/// Minimises sum w (label - y(z))^2 over all non-decreasing y, each side normalised to 1, and returns ln y/(1 - y); the same
/// y minimises the cross-entropy (Robertson, Wright and Dykstra, Order Restricted Statistical Inference, 1988, section 1.5).
/// Events of the same z are one point. The result is constant on each pooled block, a straight line in z from one block to
/// the next, and constant beyond the first and the last.
///
/// It is monotone; keeps the sum of w label, hence E_den\[r\] = 1 on the events it was fitted on; and is idempotent.
///
/// A slice of one side only has an infinite z. There can be two, the denominator's below all of the numerator and the
/// numerator's above all of the denominator; each is made one point with the nearest event of the other side before pooling,
/// so that the ends carry a ratio that at least one event of each side vouches for. All three properties stay; the report
/// counts the events ("events in pure ends").
///
/// A block of negative weight has no fraction to order by: weights must not be negative (a [`HistogramCalibration`] or a
/// [`PlattCalibration`] takes signed ones).
///
/// [`HistogramCalibration`]: crate::calibration::HistogramCalibration
/// [`PlattCalibration`]: crate::calibration::PlattCalibration
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde", deny_unknown_fields)]
pub struct IsotonicCalibration {}

impl IsotonicCalibration {
    /// There is nothing to configure.
    pub const fn new() -> Self {
        Self {}
    }
}

/// Neighbouring events: their range of z, the weight of each side, and how many they are.
#[derive(Debug, Clone, Copy)]
struct Block {
    low: f64,
    high: f64,
    numerator: f64,
    denominator: f64,
    events: usize,
}

impl Block {
    fn joined(self, next: Self) -> Self {
        Self {
            low: self.low,
            high: next.high,
            numerator: self.numerator + next.numerator,
            denominator: self.denominator + next.denominator,
            events: self.events + next.events,
        }
    }

    /// Whether the label fraction does not rise from this block to the next.
    fn violates(self, next: Self) -> bool {
        // In units of the larger side, one is 1 and the other may be 0: products of small shares would be 0.
        let [a, b] = [self, next].map(|block| {
            let unit = block.numerator.max(block.denominator);
            [block.numerator / unit, block.denominator / unit]
        });
        a[0] * b[1] >= b[0] * a[1]
    }
}

impl Calibration for IsotonicCalibration {
    fn fit_map(&self, held_out: &HeldOut, report: &mut FitReport) -> Result<CalibrationMap> {
        check_signs("numerator", &held_out.numerator)?;
        check_signs("denominator", &held_out.denominator)?;
        let mut points: Vec<Block> = Vec::new();
        for (z, is_numerator, weight) in held_out.ascending() {
            if weight == 0.0 {
                continue;
            }
            let (numerator, denominator) = if is_numerator { (weight, 0.0) } else { (0.0, weight) };
            let point = Block { low: z, high: z, numerator, denominator, events: 1 };
            match points.last_mut() {
                // -0.0 and 0.0 are the same z.
                Some(last) if last.low == z => *last = last.joined(point),
                _ => points.push(point),
            }
        }
        let join = |points: &[Block]| points.iter().copied().reduce(Block::joined);
        let first = points.iter().position(|point| point.numerator > 0.0).expect("the weights sum to 1");
        let last = points.iter().rposition(|point| point.denominator > 0.0).expect("the weights sum to 1");
        let pure: usize = points[..first].iter().chain(&points[last + 1..]).map(|point| point.events).sum();
        let points: Vec<Block> = if first < last {
            let ends = (join(&points[..=first]), join(&points[last..]));
            ends.0.into_iter().chain(points[first + 1..last].iter().copied()).chain(ends.1).collect()
        } else {
            // The sides share no more than one z, which then belongs to both ends.
            join(&points).into_iter().collect()
        };
        let mut blocks: Vec<Block> = Vec::new();
        for mut block in points {
            while let Some(last) = blocks.pop_if(|last| last.violates(block)) {
                block = last.joined(block);
            }
            blocks.push(block);
        }
        report.measure("blocks", blocks.len() as f64, None);
        report.measure("events in pure ends", pure as f64, None);
        if blocks.len() == 1 {
            report.warn("isotonic calibration leaves one block: z does not order the two samples");
        }
        let (mut knots, mut values) = (Vec::new(), Vec::new());
        for block in blocks {
            let value = block.numerator.ln() - block.denominator.ln();
            for z in if block.low < block.high { vec![block.low, block.high] } else { vec![block.low] } {
                knots.push(z);
                values.push(value);
            }
        }
        CalibrationMap::piecewise(knots, values)
    }
}

fn check_signs(side: &str, scored: &HeldOutSide) -> Result<()> {
    match scored.weights().iter().position(|&weight| weight < 0.0) {
        Some(event) => Err(CoreError::OutOfRange {
            what: format!("weight (over the sum) in the {side} of an isotonic calibration").into(),
            item: Item::event(event),
            value: scored.weights()[event],
            allowed: "non-negative",
        }
        .into()),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn light_events_are_not_pooled_for_their_weight() {
        // The label fraction rises from z to z; only that the shares are small cannot pool them.
        for unit in [1.0, 1e-170] {
            let side = |name, weights: [f64; 4]| {
                let weights = [unit * weights[0], unit * weights[1], unit * weights[2], weights[3]];
                HeldOutSide::from_log_ratios(name, vec![0.0, 1.0, 2.0, 3.0], &weights).unwrap()
            };
            let held_out = HeldOut {
                numerator: side("numerator", [1.0, 2.0, 3.0, 90.0]),
                denominator: side("denominator", [6.0, 5.0, 4.0, 9.0]),
            };
            let mut report = FitReport::new();
            IsotonicCalibration::new().fit_map(&held_out, &mut report).unwrap();
            assert_eq!(report.get("blocks").unwrap().value, 4.0, "{unit}");
        }
    }
}
