//! Invariance and equivariance.

use super::check_error::{CheckError, judge};
use super::values::Values;
use crate::Transformation;

/// Checks f(g x) = f(x) and returns the largest deviation of a value.
///
/// # Errors
/// A deviation above `tolerance` (absolute), a value that is not finite, another number of values, a failing function.
pub fn check_invariant<X, V, E>(
    function: impl Fn(&X) -> Result<V, E>,
    x: &X,
    transformation: &impl Transformation<X>,
    tolerance: f64,
) -> Result<f64, CheckError>
where
    V: Values,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let before = call(&function, x)?;
    let after = call(&function, &transformation.apply(x)?)?;
    compare("invariance", &before, &after, tolerance)
}

/// Checks f(g x) = g f(x) and returns the largest deviation of a value.
///
/// # Errors
/// As [`check_invariant`].
pub fn check_equivariant<X, Y, E>(
    function: impl Fn(&X) -> Result<Y, E>,
    x: &X,
    transformation: &(impl Transformation<X> + Transformation<Y>),
    tolerance: f64,
) -> Result<f64, CheckError>
where
    Y: Values,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let expected = transformation.apply(&call(&function, x)?)?;
    let got = call(&function, &transformation.apply(x)?)?;
    compare("equivariance", &expected, &got, tolerance)
}

pub(super) fn call<X, V, E>(function: impl Fn(&X) -> Result<V, E>, x: &X) -> Result<V, CheckError>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    function(x).map_err(|error| CheckError::Function(error.into()))
}

/// The largest difference between two results, value by value.
pub(super) fn compare<V: Values>(
    property: &'static str,
    before: &V,
    after: &V,
    tolerance: f64,
) -> Result<f64, CheckError> {
    let (expected, got) = (before.values(), after.values());
    if expected.len() != got.len() {
        return Err(CheckError::CountChanged { property, before: expected.len(), after: got.len() });
    }
    let mut worst = (0, 0.0);
    for (index, (&e, &g)) in expected.iter().zip(&got).enumerate() {
        if let Some(value) = [e, g].into_iter().find(|value| !value.is_finite()) {
            return Err(CheckError::NotFinite { property, item: before.item(index), value });
        }
        if (g - e).abs() > worst.1 {
            worst = (index, (g - e).abs());
        }
    }
    judge(property, || before.item(worst.0), worst.1, tolerance)
}
