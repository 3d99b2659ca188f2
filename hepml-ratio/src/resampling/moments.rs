//! Resampling by the first two moments of the weight at x.

use hepml_core::rand::{Rng, RngExt};
use hepml_core::{Error as CoreError, EventSet, Item, Weighted};

use crate::error::Result;
use crate::resampling::resampled::Resampled;

/// Draws events so that E\[w|x\] and E\[w^2|x\], given for each event, are kept (arXiv:2007.11586, section II).
///
/// With W = E\[w|x\], V = E\[w^2|x\] and K = V/W^2 >= 1, an event is kept with probability 1/K and weight K W = V/W. Of n
/// events near x, n/K (K W) = n W is then the expected sum of weights and n/K (K W)^2 = n V that of their squares, as before;
/// where W > 0 no weight is negative.
///
/// Estimates may have V < W^2, which no weights have; such an event is kept with weight W, and counted ("events with V <
/// W^2"). An event with W = 0 is dropped. The report adds to that of [`Resampled`] the "mean of K" over the events kept.
///
/// # Errors
/// No events; other numbers of moments than of events; a moment that is not finite, or a negative mean square, naming the
/// event; a weight that overflows, naming the event; no event kept.
pub fn resample_by_moments<E: EventSet>(
    events: &Weighted<E>,
    means: &[f64],
    mean_squares: &[f64],
    rng: &mut dyn Rng,
) -> Result<Resampled<E>> {
    resample_in_units(events, 1.0, [means, mean_squares], rng)
}

/// [`resample_by_moments`] with moments in units of a weight and of its square, which may be beyond the range of numbers.
pub(super) fn resample_in_units<E: EventSet>(
    events: &Weighted<E>,
    unit: f64,
    [means, mean_squares]: [&[f64]; 2],
    rng: &mut dyn Rng,
) -> Result<Resampled<E>> {
    if events.is_empty() {
        return Err(CoreError::Empty { what: "sample to resample".into() }.into());
    }
    for (what, moments) in [("means of the weight", means), ("mean squares of the weight", mean_squares)] {
        if moments.len() != events.len() {
            return Err(CoreError::shape(what, events.len(), moments.len()).into());
        }
        if let Some(event) = moments.iter().position(|moment| !moment.is_finite()) {
            let (item, value) = (Item::event(event), moments[event]);
            return Err(CoreError::NotFinite { what: what.into(), item, value }.into());
        }
    }
    let (mut kept, mut weights) = (Vec::new(), Vec::new());
    let (mut below, mut sum_k) = (0_usize, 0.0);
    for (event, (&mean, &square)) in means.iter().zip(mean_squares).enumerate() {
        if square < 0.0 {
            let (what, item) = ("mean square of the weight".into(), Item::event(event));
            return Err(CoreError::OutOfRange { what, item, value: square, allowed: "non-negative" }.into());
        }
        // One number an event, whatever becomes of it.
        let drawn: f64 = rng.random();
        if mean == 0.0 {
            continue;
        }
        // W^2/V in an order that does not overflow.
        let probability = mean / square * mean;
        let weight = if probability > 1.0 {
            below += 1;
            sum_k += 1.0;
            unit * mean
        } else if drawn < probability {
            sum_k += probability.recip();
            unit * (square / mean)
        } else {
            continue;
        };
        if !weight.is_finite() {
            let (what, item) = ("resampled weight".into(), Item::event(event));
            return Err(CoreError::NotFinite { what, item, value: weight }.into());
        }
        kept.push(event);
        weights.push(weight);
    }
    if kept.is_empty() {
        return Err(CoreError::Empty { what: "resampled sample".into() }.into());
    }
    let after = events.select(&kept)?.reweighted(weights)?;
    let mut resampled = Resampled::new(events, after);
    resampled.report.measure("mean of K", sum_k / kept.len() as f64, None);
    resampled.report.measure("events with V < W^2", below as f64, None);
    if below > 0 {
        resampled.report.warn(format!(
            "{below} of {} events have an estimated E[w^2|x] below E[w|x]^2 and are kept with K = 1",
            events.len()
        ));
    }
    let negative = resampled.events.negative_fraction();
    if negative > 0.0 {
        resampled.report.warn(format!(
            "{negative:.3} of the events still have a negative weight: E[w|x] is negative there"
        ));
    }
    Ok(resampled)
}

#[cfg(test)]
mod tests {
    use hepml_core::Table;
    use hepml_core::rand::SeedableRng;
    use hepml_core::rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn a_weight_that_overflows_is_named_by_its_event() {
        let (events, rng) = (Weighted::unit(Table::zeros((2, 1))), &mut ChaCha8Rng::seed_from_u64(1));
        // The first event is dropped, the second kept with V < W^2.
        let error =
            resample_in_units(&events, 1e308, [&[0.0, 20.0], &[1.0, 1.0]], rng).unwrap_err().to_string();
        assert!(error.contains("resampled weight of event 1"), "{error}");
    }
}
