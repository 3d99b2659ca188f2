//! Checks at the door: samples and their weights.

use std::borrow::Cow;

use hepml_core::{Error as CoreError, Item};

use crate::error::{Error, Result};

/// Checks that there are at least `needed` values and that all are finite.
pub(crate) fn check_values(what: &'static str, values: &[f64], needed: usize) -> Result<()> {
    if values.is_empty() {
        return Err(CoreError::Empty { what: what.into() }.into());
    }
    if values.len() < needed {
        return Err(Error::TooFew { what: what.into(), needed, got: values.len() });
    }
    check_finite(what, values)
}

/// Checks that all values are finite.
pub(crate) fn check_finite(what: &'static str, values: &[f64]) -> Result<()> {
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => {
            Err(CoreError::NotFinite { what: what.into(), item: Item::event(index), value: values[index] }
                .into())
        }
        None => Ok(()),
    }
}

/// The weights, of the right number and finite; 1 each where none are given.
pub(crate) fn signed_weights(weights: Option<&[f64]>, count: usize) -> Result<Cow<'_, [f64]>> {
    let Some(weights) = weights else { return Ok(vec![1.0; count].into()) };
    if weights.len() != count {
        return Err(CoreError::shape("weights", count, weights.len()).into());
    }
    check_finite("weight", weights)?;
    Ok(weights.into())
}

/// As [`signed_weights`], but none may be negative and their sum must be positive.
pub(crate) fn positive_weights(weights: Option<&[f64]>, count: usize) -> Result<Cow<'_, [f64]>> {
    let weights = signed_weights(weights, count)?;
    if let Some(event) = weights.iter().position(|&weight| weight < 0.0) {
        return Err(CoreError::OutOfRange {
            what: "weight".into(),
            item: Item::event(event),
            value: weights[event],
            allowed: "0 or more",
        }
        .into());
    }
    let sum: f64 = weights.iter().sum();
    if sum > 0.0 && sum.is_finite() {
        Ok(weights)
    } else {
        Err(Error::NonPositiveSum { what: "weights", sum })
    }
}

/// Checks that a fraction (an efficiency, a quantile) lies in [0, 1].
pub(crate) fn check_fraction(what: &'static str, value: f64) -> Result<()> {
    if (0.0..=1.0).contains(&value) {
        Ok(())
    } else {
        Err(CoreError::out_of_range(what, value, "between 0 and 1").into())
    }
}

/// The indices of `values` in ascending order; equal values keep their order.
pub(crate) fn ascending(values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&i, &j| values[i].total_cmp(&values[j]));
    order
}

/// The mean of finite values, exact for a constant: the mean of the deviations from a first estimate is added.
pub(crate) fn centre(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    // Divided before summing, so that huge values do not overflow.
    let first: f64 = values.iter().map(|value| value / n).sum();
    first + values.iter().map(|value| (value - first) / n).sum::<f64>()
}
