//! Features cut into bins.

use hepml_core::ndarray::Axis;
use hepml_core::rand::RngExt;
use hepml_core::{Streams, Table};

use super::parallel;
use super::sample::Sample;

/// The largest number of bins of a feature.
pub(super) const MAX_BINS: usize = 255;
/// The features whose bins lie side by side.
pub(super) const WIDTH: usize = 4;
/// Of how many events of each side quantiles are taken.
const QUANTILE_EVENTS: usize = 1 << 17;

/// The bins of all events.
pub(super) struct Binned {
    /// For each group of [`WIDTH`] features the bins of each event; features past the last have bin 0.
    pub(super) groups: Vec<Vec<[u8; WIDTH]>>,
    /// For each feature the largest value of each bin but the last, rising.
    pub(super) cuts: Vec<Vec<f64>>,
}

impl Binned {
    /// Cuts every feature into at most `max_bins` bins.
    pub(super) fn new(sample: &Sample, max_bins: usize, streams: Streams) -> Self {
        let features = sample.table.ncols();
        let sides = [(0, sample.numerator), (sample.numerator, sample.len())];
        // The same stream for both sides, so that swapping them swaps the events.
        let chosen = sides.map(|(start, end)| choose(start, end, QUANTILE_EVENTS, streams));
        let cuts = parallel::map((0..features).collect(), true, |feature| {
            cuts(&sample.table, feature, &chosen, max_bins)
        });
        let groups = parallel::map((0..features.div_ceil(WIDTH)).collect(), true, |group| {
            let first = group * WIDTH;
            let searches: Vec<Search> =
                cuts[first..features.min(first + WIDTH)].iter().map(|cuts| Search::new(cuts)).collect();
            let rows = sample.table.axis_iter(Axis(0));
            rows.map(|row| {
                let row = row.to_slice().expect("rows of a table put together are contiguous");
                let mut bins = [0; WIDTH];
                for ((bin, search), value) in bins.iter_mut().zip(&searches).zip(&row[first..]) {
                    *bin = search.bin(*value);
                }
                bins
            })
            .collect()
        });
        Self { groups, cuts }
    }
}

/// At most `most` of the events start..end, without order or repetition (selection sampling).
pub(super) fn choose(start: usize, end: usize, most: usize, streams: Streams) -> Vec<usize> {
    if end - start <= most {
        return (start..end).collect();
    }
    let mut rng = streams.stream(0);
    let mut wanted = most;
    (start..end)
        .filter(|event| {
            let take = rng.random_range(0..end - event) < wanted;
            wanted -= usize::from(take);
            take
        })
        .collect()
}

/// The largest value of each bin but the last.
fn cuts(table: &Table, feature: usize, sides: &[Vec<usize>; 2], max_bins: usize) -> Vec<f64> {
    let sorted = |events: &[usize]| {
        // -0 counts as 0.
        let mut values: Vec<f64> = events.iter().map(|&event| table[[event, feature]] + 0.0).collect();
        values.sort_unstable_by(f64::total_cmp);
        values
    };
    let values = [sorted(&sides[0]), sorted(&sides[1])];
    // Distinct values with how many events at or below they have, an event of one side counting the other side's number.
    let counts = [values[1].len(), values[0].len()];
    let mut next = [0, 0];
    let mut distinct: Vec<(f64, usize)> = Vec::new();
    let mut below = 0;
    while next[0] < values[0].len() || next[1] < values[1].len() {
        let front = |side: usize| values[side].get(next[side]).copied().unwrap_or(f64::INFINITY);
        let value = front(0).min(front(1));
        for side in [0, 1] {
            while values[side].get(next[side]) == Some(&value) {
                next[side] += 1;
                below += counts[side];
            }
        }
        distinct.push((value, below));
    }
    distinct.pop();
    if distinct.len() < max_bins {
        return distinct.into_iter().map(|(value, _)| value).collect();
    }
    let total = below;
    let mut cuts = Vec::with_capacity(max_bins - 1);
    let mut candidates = distinct.into_iter().peekable();
    for quantile in 1..max_bins {
        // The first value with at least that share of the events at or below it, unless it was taken already.
        let wanted = (total as u128 * quantile as u128).div_ceil(max_bins as u128) as usize;
        while candidates.next_if(|(_, below)| *below < wanted).is_some() {}
        if let Some((value, _)) = candidates.peek()
            && cuts.last() != Some(value)
        {
            cuts.push(*value);
        }
    }
    cuts
}

/// Looks up the bin of a value in eight steps without branches.
struct Search {
    cuts: Box<[f64; 256]>,
}

impl Search {
    fn new(cuts: &[f64]) -> Self {
        let mut padded = Box::new([f64::INFINITY; 256]);
        padded[..cuts.len()].copy_from_slice(cuts);
        Self { cuts: padded }
    }

    /// How many cuts are below the value.
    #[expect(clippy::cast_possible_truncation, reason = "at most 255")]
    fn bin(&self, value: f64) -> u8 {
        let mut below = 0_usize;
        for step in [128, 64, 32, 16, 8, 4, 2, 1] {
            let probe = (below + step - 1) & 255;
            below += if self.cuts[probe] < value { step } else { 0 };
        }
        below as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_are_the_number_of_cuts_below() {
        for count in [0, 1, 7, 254] {
            let cuts: Vec<f64> = (0..count).map(f64::from).collect();
            let search = Search::new(&cuts);
            for value in [-1.0, 0.0, 0.5, 3.0, 6.0, 6.5, 253.0, 253.5, 1e300] {
                assert_eq!(usize::from(search.bin(value)), cuts.iter().filter(|cut| **cut < value).count());
            }
        }
    }

    #[test]
    fn few_values_have_a_bin_each_and_many_have_quantiles_in_which_sides_count_half() {
        let table = Table::from_shape_fn((1000, 2), |(i, j)| {
            if j == 0 { (i % 3) as f64 } else { (if i < 900 { i } else { i + 1000 }) as f64 }
        });
        let sides = [(0..900).collect(), (900..1000).collect()];
        assert_eq!(cuts(&table, 0, &sides, 255), [0.0, 1.0]);
        // Four bins of a quarter each: two halves of the first 900 events, two of the last 100.
        assert_eq!(cuts(&table, 1, &sides, 4), [449.0, 899.0, 1949.0]);
    }
}
