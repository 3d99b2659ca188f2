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
/// event; a weight that overflows; no event kept.
pub fn resample_by_moments<E: EventSet>(
    events: &Weighted<E>,
    means: &[f64],
    mean_squares: &[f64],
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
        if probability > 1.0 {
            below += 1;
            kept.push(event);
            weights.push(mean);
            sum_k += 1.0;
        } else if drawn < probability {
            kept.push(event);
            weights.push(square / mean);
            sum_k += probability.recip();
        }
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
