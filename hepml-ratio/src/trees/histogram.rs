//! Histograms of the derivatives over the bins of a group of features, and the best splits in them.

use super::binned::WIDTH;
use super::gradients::{Gradients, Pair};

/// The histograms of a group of features.
pub(super) type Group = [[Pair; 256]; WIDTH];

/// A histogram that is all zero.
pub(super) const EMPTY: Group = [[[0; 2]; 256]; WIDTH];

/// Adds up events: all where `rows` is `None` (in order, as `gradients` are), else those, with `gradients` in the same order.
pub(super) fn accumulate(
    group: &mut Group,
    width: usize,
    bins: &[[u8; WIDTH]],
    rows: Option<&[u32]>,
    gradients: &[Pair],
) {
    match width {
        1 => accumulate_first::<1>(group, bins, rows, gradients),
        2 => accumulate_first::<2>(group, bins, rows, gradients),
        3 => accumulate_first::<3>(group, bins, rows, gradients),
        _ => accumulate_first::<WIDTH>(group, bins, rows, gradients),
    }
}

fn accumulate_first<const W: usize>(
    group: &mut Group,
    bins: &[[u8; WIDTH]],
    rows: Option<&[u32]>,
    gradients: &[Pair],
) {
    match rows {
        None => {
            for (bins, gradient) in bins.iter().zip(gradients) {
                add::<W>(group, *bins, *gradient);
            }
        }
        Some(rows) => {
            for (row, gradient) in rows.iter().zip(gradients) {
                add::<W>(group, bins[*row as usize], *gradient);
            }
        }
    }
}

#[inline]
fn add<const W: usize>(group: &mut Group, bins: [u8; WIDTH], gradient: Pair) {
    for feature in 0..W {
        let cell = &mut group[feature][usize::from(bins[feature])];
        *cell = [cell[0] + gradient[0], cell[1] + gradient[1]];
    }
}

/// Takes a part away from a whole.
pub(super) fn subtract(whole: &mut Group, part: &Group) {
    for (whole, part) in whole.as_flattened_mut().iter_mut().zip(part.as_flattened()) {
        *whole = [whole[0] - part[0], whole[1] - part[1]];
    }
}

/// A split of a node.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Split {
    pub(super) gain: f64,
    pub(super) feature: usize,
    /// The last bin that goes left.
    pub(super) bin: u8,
    /// The sums of the left child.
    pub(super) left: Pair,
}

/// What a split has to satisfy.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rule {
    pub(super) lambda: f64,
    pub(super) min_gain: f64,
    /// The least curvature of a child, in units of the histogram; at least 1.
    pub(super) least: i64,
}

impl Rule {
    pub(super) fn new(lambda: f64, min_gain: f64, min_child_weight: f64, gradients: &Gradients) -> Self {
        // A weight beyond all sums becomes i64::MAX, which no child has.
        #[expect(clippy::cast_possible_truncation, reason = "saturates")]
        let least = ((min_child_weight / gradients.units[1]).ceil() as i64).max(1);
        Self { lambda, min_gain, least }
    }
}

/// The best split of a node by one feature of `bins` bins, and how many candidates had a child whose curvature is not positive.
pub(super) fn best_split(
    cells: &[Pair; 256],
    bins: usize,
    feature: usize,
    sums: Pair,
    rule: Rule,
    gradients: &Gradients,
) -> (Option<Split>, u64) {
    let [slope, curvature] = gradients.numbers(sums);
    let parent = slope * slope / (curvature + rule.lambda);
    let mut best: Option<(f64, u8, Pair)> = None;
    // Twice the gain; what does not exceed it is no candidate.
    let mut threshold = 2.0 * rule.min_gain;
    let mut refused = 0;
    let mut left = [0, 0];
    for (bin, cell) in cells[..bins - 1].iter().enumerate() {
        left = [left[0] + cell[0], left[1] + cell[1]];
        let right = [sums[0] - left[0], sums[1] - left[1]];
        if left[1] < rule.least || right[1] < rule.least {
            // No curvature and no slope either: no events.
            let bad = |[slope, curvature]: Pair| curvature < 0 || curvature == 0 && slope != 0;
            refused += u64::from(bad(left) || bad(right));
            continue;
        }
        let ([g_left, h_left], [g_right, h_right]) = (gradients.numbers(left), gradients.numbers(right));
        let (h_left, h_right) = (h_left + rule.lambda, h_right + rule.lambda);
        let score = (g_left * g_left * h_right + g_right * g_right * h_left) / (h_left * h_right);
        let gain = score - parent;
        if gain > threshold {
            threshold = gain;
            #[expect(clippy::cast_possible_truncation, reason = "at most 255 bins")]
            let bin = bin as u8;
            best = Some((0.5 * gain, bin, left));
        }
    }
    (best.map(|(gain, bin, left)| Split { gain, feature, bin, left }), refused)
}
