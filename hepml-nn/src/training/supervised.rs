//! A network that learns targets.

use std::fmt;

use hepml_core::Error as CoreError;

use super::{Loss, Objective};
use crate::error::{Error, Result};
use crate::inputs::Inputs;
use crate::matrix::Matrix;
use crate::network::Network;
use crate::pass::Pass;
use crate::scalar::Scalar;
use crate::tape::Var;

/// The loss of a network's outputs against targets, summed over weighted events.
///
/// Weights may be negative. They are scaled so that the mean of |w| is 1: neither their unit nor the number of events
/// changes what a learning rate means.
pub struct Supervised<'a, T: Scalar, N: Network<T>> {
    network: &'a N,
    inputs: &'a N::Input,
    targets: &'a Matrix<T>,
    /// Scaled.
    weights: Vec<f64>,
    /// Whether they are all the same.
    uniform: bool,
    loss: Loss,
}

/// What [`Supervised`] keeps between batches.
#[derive(Debug, Default)]
pub struct SupervisedWorkspace<T: Scalar, I> {
    inputs: I,
    targets: Matrix<T>,
    weights: Matrix<T>,
}

impl<T: Scalar, N: Network<T>> fmt::Debug for Supervised<'_, T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (events, targets) = self.targets.shape();
        let mut fields = f.debug_struct("Supervised");
        fields.field("events", &events).field("targets", &targets).field("loss", &self.loss).finish()
    }
}

impl<'a, T: Scalar, N: Network<T>> Supervised<'a, T, N> {
    /// The loss of `network` on `inputs`, one row of `targets` [events, targets] and one weight each.
    ///
    /// # Errors
    /// No events; other numbers of targets or weights than of inputs; a target that is not finite or that the loss does not
    /// take, a weight that is not finite, naming the event; weights that are all zero.
    pub fn new(
        network: &'a N,
        inputs: &'a N::Input,
        targets: &'a Matrix<T>,
        weights: &[f64],
        loss: Loss,
    ) -> Result<Self> {
        let events = inputs.count();
        if events == 0 {
            return Err(CoreError::Empty { what: "list of events".into() }.into());
        }
        if targets.rows() != events {
            return Err(Error::shape("rows of targets", events, targets.rows()));
        }
        loss.check_targets(targets)?;
        let weights = scaled_weights(weights, events)?;
        let uniform = weights.iter().all(|weight| *weight == weights[0]) && weights[0] > 0.0;
        Ok(Self { network, inputs, targets, weights, uniform, loss })
    }
}

/// The weights over the mean of their absolute values.
pub(crate) fn scaled_weights(weights: &[f64], events: usize) -> Result<Vec<f64>> {
    if weights.len() != events {
        return Err(Error::shape("weights", events, weights.len()));
    }
    if let Some((event, &value)) = weights.iter().enumerate().find(|(_, weight)| !weight.is_finite()) {
        return Err(CoreError::not_finite("weight", value).at_event(event).into());
    }
    // By the largest first, so that no sum overflows.
    let largest = weights.iter().fold(0.0_f64, |largest, weight| largest.max(weight.abs()));
    if largest == 0.0 {
        return Err(CoreError::out_of_range("largest |weight|", 0.0, "positive: all weights are 0").into());
    }
    let mean = weights.iter().map(|weight| (weight / largest).abs()).sum::<f64>() / events as f64;
    Ok(weights.iter().map(|weight| weight / largest / mean).collect())
}

impl<T: Scalar, N: Network<T>> Objective<T> for Supervised<'_, T, N> {
    type Workspace = SupervisedWorkspace<T, N::Input>;

    fn count(&self) -> usize {
        self.weights.len()
    }

    fn cost(&self, event: usize) -> usize {
        self.inputs.rows_of(event)
    }

    fn loss(&self, pass: &mut Pass<'_, T>, workspace: &mut Self::Workspace, events: &[usize]) -> Result<Var> {
        workspace.inputs.select_from(self.inputs, events)?;
        workspace.targets.select_from(self.targets, events)?;
        let outputs = self.network.evaluate(pass, &workspace.inputs)?;
        let targets = pass.constant(workspace.targets.view());
        let mut losses = self.loss.of(pass, outputs, targets)?;
        if !self.uniform {
            workspace.weights.reset_zeros(events.len(), 1);
            for (row, &event) in events.iter().enumerate() {
                workspace.weights.row_mut(row)[0] = T::from_f64(self.weights[event]);
            }
            let weights = pass.constant(workspace.weights.view());
            losses = pass.mul(losses, weights)?;
        }
        pass.sum(losses)
    }

    fn weights(&self) -> Option<&[f64]> {
        (!self.uniform).then_some(&self.weights)
    }
}
