//! The two samples of a fit as one table of events, numerator first.

use hepml_core::{Error as CoreError, EventSet, Table, Weighted};

use crate::error::Result;
use crate::loss::RatioLoss;
use crate::trees::parallel;
use crate::weight_sum::WeightSum;

/// The events of a chunk of work whose sums are added up on their own.
const CHUNK: usize = 8192;

/// Events of both sides, with weights that have the same sum on both.
pub(super) struct Sample {
    /// The features, rows contiguous, numerator first.
    pub(super) table: Table,
    /// One an event.
    pub(super) weights: Vec<f64>,
    /// How many events are of the numerator.
    pub(super) numerator: usize,
    /// The effective sample sizes of numerator and denominator.
    pub(super) effective: [f64; 2],
    /// The sum of the weights of a side.
    pub(super) total: f64,
}

impl Sample {
    /// # Errors
    /// A side without events or without a positive sum of weights; `what` says which sample it is.
    pub(super) fn new(what: &str, sides: [&Weighted<Table>; 2]) -> Result<Self> {
        let mut effective = [0.0; 2];
        let mut sums = Vec::with_capacity(2);
        for ((side, name), effective) in sides.iter().zip(["numerator", "denominator"]).zip(&mut effective) {
            if side.is_empty() {
                return Err(CoreError::Empty { what: format!("{what} sample of the {name}").into() }.into());
            }
            let of = || format!("weights of the {what} sample of the {name}");
            sums.push(WeightSum::of(side.weights()).positive(of)?);
            *effective = side.effective_sample_size();
        }
        let total = 2.0 * effective[0] * effective[1] / (effective[0] + effective[1]);
        let mut weights = Vec::with_capacity(sides[0].len() + sides[1].len());
        for (side, WeightSum { largest, scaled, .. }) in sides.into_iter().zip(sums) {
            // Divided first by the largest, so that a factor cannot overflow.
            weights.extend(side.weights().iter().map(|w| w / largest * (total / scaled)));
        }
        let numerator = sides[0].len();
        let table = Table::concat_events(&sides.map(Weighted::events))?;
        Ok(Self { table, weights, numerator, effective, total })
    }

    pub(super) fn len(&self) -> usize {
        self.weights.len()
    }

    /// The chunks of the two sides: first event, end.
    fn chunks(&self) -> Vec<(usize, usize)> {
        let side = |start: usize, end: usize| {
            (start..end).step_by(CHUNK).map(move |first| (first, (first + CHUNK).min(end)))
        };
        side(0, self.numerator).chain(side(self.numerator, self.len())).collect()
    }

    /// The loss E_num[a] + E_den[b] at `z`; and how many events it clips; each event's weighted slope and absolute
    /// curvature go to `derivatives`.
    ///
    /// Sums are over chunks of each side, whatever the number of threads, and the sides are added last: swapping them leaves
    /// the sum.
    pub(super) fn evaluate(&self, loss: RatioLoss, z: &[f64], derivatives: &mut [[f64; 2]]) -> (f64, usize) {
        let chunks = self.chunks();
        let mut rest = derivatives;
        let mut items = Vec::with_capacity(chunks.len());
        for (start, end) in chunks {
            let (chunk, after) = rest.split_at_mut(end - start);
            rest = after;
            items.push((start, end, chunk));
        }
        let sums = parallel::map(items, true, |(start, end, chunk)| {
            let numerator = start < self.numerator;
            let (mut sum, mut clipped) = (0.0, 0);
            for ((z, weight), derivatives) in z[start..end].iter().zip(&self.weights[start..end]).zip(chunk) {
                let [value, slope, curvature] = loss.terms(numerator, *z);
                sum += weight * value;
                clipped += usize::from(loss.is_clipped(numerator, *z));
                *derivatives = [weight * slope, weight * curvature.abs()];
            }
            (numerator, sum, clipped)
        });
        let side = |wanted: bool| -> f64 {
            sums.iter().filter(|(numerator, ..)| *numerator == wanted).map(|(_, sum, _)| sum).sum()
        };
        let clipped = sums.iter().map(|(.., clipped)| clipped).sum();
        ((side(true) + side(false)) / self.total, clipped)
    }

    /// The loss at `z`.
    pub(super) fn loss(&self, loss: RatioLoss, z: &[f64]) -> f64 {
        let sums = parallel::map(self.chunks(), true, |(start, end)| {
            let numerator = start < self.numerator;
            let events = z[start..end].iter().zip(&self.weights[start..end]);
            (numerator, events.map(|(z, weight)| weight * loss.terms(numerator, *z)[0]).sum::<f64>())
        });
        let side = |wanted: bool| -> f64 {
            sums.iter().filter(|(numerator, _)| *numerator == wanted).map(|(_, sum)| sum).sum()
        };
        (side(true) + side(false)) / self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_of_a_part_that_cancel_name_their_sum() {
        let side = |weights: [f64; 3]| Weighted::new(Table::zeros((3, 1)), weights.to_vec()).unwrap();
        let (good, bad) = (side([1.0; 3]), side([1.0, -1.0, 5e-324]));
        let error = Sample::new("training", [&good, &bad]).err().map(|error| error.to_string()).unwrap();
        assert!(error.contains("weights of the training sample of the denominator"), "{error}");
    }
}
