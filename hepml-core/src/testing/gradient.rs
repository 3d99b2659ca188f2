//! Gradients against finite differences.

use super::check_error::{CheckError, judge};

/// Checks a gradient against central differences and returns the largest deviation of a component.
///
/// The differences are extrapolated to zero step (Ridders 1982): from a step of `scale`, shrunk until the extrapolation
/// stops improving. `scale` is the distance over which the function bends (1 for most; the distance to the next kink
/// bounds it from above).
///
/// # Errors
/// A deviation above `tolerance` (absolute), a value that is not finite, a gradient of another length than `x`, a failing
/// function.
pub fn check_gradient<E>(
    function: impl Fn(&[f64]) -> Result<f64, E>,
    gradient: &[f64],
    x: &[f64],
    scale: f64,
    tolerance: f64,
) -> Result<f64, CheckError>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    const PROPERTY: &str = "the gradient";
    if gradient.len() != x.len() {
        return Err(CheckError::CountChanged { property: PROPERTY, before: x.len(), after: gradient.len() });
    }
    if !(scale.is_finite() && scale > 0.0) {
        return Err(CheckError::Misuse("the scale of a gradient check must be positive"));
    }
    let mut worst = 0.0_f64;
    let mut at = x.to_vec();
    for (i, &expected) in gradient.iter().enumerate() {
        let item = || format!("component {i}");
        if !expected.is_finite() {
            return Err(CheckError::NotFinite { property: PROPERTY, item: item(), value: expected });
        }
        let mut difference = |step: f64| {
            // The step actually taken, after rounding of x + step.
            let (above, below) = (x[i] + step, x[i] - step);
            let mut evaluate = |value: f64| {
                at[i] = value;
                let y = function(&at).map_err(|error| CheckError::Function(error.into()))?;
                if y.is_finite() {
                    Ok(y)
                } else {
                    Err(CheckError::NotFinite {
                        property: PROPERTY,
                        item: format!("component {i}"),
                        value: y,
                    })
                }
            };
            let slope = (evaluate(above)? - evaluate(below)?) / (above - below);
            at[i] = x[i];
            Ok::<f64, CheckError>(slope)
        };
        let estimate = ridders(&mut difference, scale)?;
        worst = worst.max(judge(PROPERTY, item, (estimate - expected).abs(), tolerance)?);
    }
    Ok(worst)
}

/// The limit of a symmetric difference quotient for step -> 0, by polynomial extrapolation in the squared step.
fn ridders(
    difference: &mut impl FnMut(f64) -> Result<f64, CheckError>,
    first: f64,
) -> Result<f64, CheckError> {
    const SHRINK: f64 = 2.0;
    const ROWS: usize = 30;
    let mut previous = vec![difference(first)?];
    let (mut best, mut error) = (previous[0], f64::INFINITY);
    let mut step = first;
    for row in 1..ROWS {
        step /= SHRINK;
        let mut current = vec![difference(step)?];
        let mut factor = SHRINK * SHRINK;
        for k in 1..=row {
            let extrapolated = (current[k - 1] * factor - previous[k - 1]) / (factor - 1.0);
            let spread = (extrapolated - current[k - 1]).abs().max((extrapolated - previous[k - 1]).abs());
            if spread <= error {
                (best, error) = (extrapolated, spread);
            }
            current.push(extrapolated);
            factor *= SHRINK * SHRINK;
        }
        // Past the best step, rounding takes over and the diagonal drifts away.
        if row > 8 && (current[row] - previous[row - 1]).abs() >= 2.0 * error {
            break;
        }
        previous = current;
    }
    Ok(best)
}
