//! Likelihoods of samples, and where they are largest.

use hepml_core::{Error as CoreError, EventSet, Table, Weighted};

use crate::error::Result;

/// The intervals of the grid on which the highest maximum is looked for before it is found exactly.
const GRID: usize = 200;
/// The steps of a golden section, each of which shortens an interval to 0.618 of its length: rounding lets a maximum be known
/// to about the root of 2^-52 only, which 2/200 times 0.618^40 is.
const STEPS: usize = 40;

/// Checks that a sample has a likelihood.
///
/// # Errors
/// A side without events; a weight that is negative, naming its event; weights whose sum is not positive.
pub(super) fn check<E: EventSet>(side: &'static str, sample: &Weighted<E>) -> Result<()> {
    if sample.is_empty() {
        return Err(CoreError::Empty { what: side.into() }.into());
    }
    if let Some(event) = sample.weights().iter().position(|weight| *weight < 0.0) {
        let what = format!("weight of event {event} of the {side}");
        return Err(CoreError::out_of_range(what, sample.weights()[event], "at least 0").into());
    }
    let sum = sample.sum_weights();
    if sum > 0.0 && sum.is_finite() {
        Ok(())
    } else {
        Err(hepml_stats::Error::NonPositiveSum { what: "weights", sum }.into())
    }
}

/// The events and weights of a sample of one column, checked.
///
/// # Errors
/// Those of [`check`]; another number of columns; an entry that is not finite or not inside, naming its event.
pub(super) fn checked_column(
    side: &'static str,
    sample: &Weighted<Table>,
    allowed: &'static str,
    inside: impl Fn(f64) -> bool,
) -> Result<Vec<(f64, f64)>> {
    check(side, sample)?;
    super::toy::of_column(sample.events(), allowed, inside, |_| 0.0)?;
    Ok(sample.events().column(0).iter().copied().zip(sample.weights().iter().copied()).collect())
}

/// Where a continuous function is largest between two numbers; minus infinity is a value.
pub(super) fn maximum(low: f64, high: f64, value: impl Fn(f64) -> f64) -> f64 {
    let at = |i: usize| low + (high - low) * i as f64 / GRID as f64;
    let (mut highest, mut best) = (f64::NEG_INFINITY, 0);
    for i in 0..=GRID {
        let value = value(at(i));
        if value > highest {
            (highest, best) = (value, i);
        }
    }
    let (mut a, mut b) = (at(best.saturating_sub(1)), at((best + 1).min(GRID)));
    let golden = 0.5 * (5.0_f64.sqrt() - 1.0);
    let (mut left, mut right) = (b - golden * (b - a), a + golden * (b - a));
    let (mut value_left, mut value_right) = (value(left), value(right));
    for _ in 0..STEPS {
        if value_left < value_right {
            a = left;
            (left, value_left) = (right, value_right);
            right = a + golden * (b - a);
            value_right = value(right);
        } else {
            b = right;
            (right, value_right) = (left, value_left);
            left = b - golden * (b - a);
            value_left = value(left);
        }
    }
    0.5 * (a + b)
}
