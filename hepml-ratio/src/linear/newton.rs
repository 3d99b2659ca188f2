//! Newton's method for the parameters of a polynomial.

use std::ops::ControlFlow;

use hepml_core::nalgebra::{Cholesky, DMatrix, DVector, Dyn};
use hepml_core::{FitReport, Observer, Progress};

use super::config::LinearConfig;
use super::objective::Objective;
use crate::error::Result;
use crate::loss::CLIP;

/// A step must lower the loss by this fraction of what the slope promises (Armijo's condition).
const SUFFICIENT: f64 = 1e-4;
/// Halvings of a step before the loss is taken to be at its minimum up to rounding.
const MOST_HALVINGS: u32 = 40;

/// Newton's method with damping and backtracking; the covariance of the parameters, where the loss has a minimum.
pub(super) fn minimise(
    config: &LinearConfig,
    objective: &Objective<'_>,
    parameters: &mut DVector<f64>,
    report: &mut FitReport,
    observer: &mut dyn Observer,
) -> Result<Option<DMatrix<f64>>> {
    let mut curve = Vec::new();
    let mut at = objective.expand(parameters);
    let (mut decrement, mut converged) = (f64::INFINITY, false);
    for step in 1..=config.iterations {
        curve.push(at.value);
        let Some(factor) = damped(&at.curvature) else { break };
        let direction = factor.solve(&-&at.slope);
        let promised = at.slope.dot(&direction);
        decrement = -0.5 * promised;
        let progress = Progress {
            stage: "newton",
            step: step as u64,
            total: Some(config.iterations as u64),
            measures: &[("loss", at.value), ("decrement", decrement)],
        };
        if observer.step(&progress) == ControlFlow::Break(()) {
            report.stopped = true;
            break;
        }
        if decrement <= config.tolerance {
            // The loss cannot tell any more, but the last step doubles the digits of the parameters.
            *parameters += direction;
            converged = true;
            break;
        }
        let mut length = 1.0;
        let next = (0..MOST_HALVINGS).find_map(|_| {
            let next = &*parameters + &direction * length;
            let lower = objective.value(&next) <= at.value + SUFFICIENT * length * promised;
            length *= 0.5;
            lower.then_some(next)
        });
        // No step lowers the loss: it is at its minimum, as far as rounding lets one see.
        let Some(next) = next else { break };
        *parameters = next;
        at = objective.expand(parameters);
    }
    report.curve("loss", curve.clone());
    report.measure("iterations", curve.len() as f64, None);
    if decrement.is_finite() {
        report.measure("decrement", decrement, None);
    }
    let clipped = objective.clipped(parameters);
    report.measure("clipped losses", clipped as f64, None);
    if clipped > 0 {
        report.warn(format!("the losses of {clipped} training events are clipped, at |ln r| > {CLIP}"));
    }
    if parameters.iter().any(|value| !value.is_finite()) {
        return Err(hepml_stats::Error::Undefined {
            what: "linear ratio".into(),
            reason: "its parameters run to infinity".into(),
        }
        .into());
    }
    if !converged && !report.stopped && decrement > config.tolerance.sqrt() {
        report.warn(format!(
            "not converged after {} iterations (decrement {decrement:.1e}): the samples may be separable, or a net weight negative",
            curve.len()
        ));
    }
    if objective.separates(parameters) {
        report.warn(
            "every training event of the numerator has a larger ln r than any of the denominator: its size is that of the ridge, not of the samples",
        );
    }
    let Some(factor) = Cholesky::new(at.curvature.clone()) else {
        report.warn("the loss has no minimum at the fitted parameters (negative net weights): no errors");
        return Ok(None);
    };
    let half = factor.solve(&objective.fluctuation(parameters));
    Ok(Some(factor.solve(&half.transpose())))
}

/// The factor of a matrix, made positive definite by the least damping that does, if it is finite.
fn damped(matrix: &DMatrix<f64>) -> Option<Cholesky<f64, Dyn>> {
    if let Some(factor) = Cholesky::new(matrix.clone()) {
        return Some(factor);
    }
    let size = matrix.diagonal().iter().fold(0.0_f64, |size, entry| size.max(entry.abs()));
    (-12..6).find_map(|power| {
        let mut raised = matrix.clone();
        for i in 0..raised.nrows() {
            raised[(i, i)] += size.max(f64::MIN_POSITIVE) * 10.0_f64.powi(power);
        }
        Cholesky::new(raised)
    })
}
