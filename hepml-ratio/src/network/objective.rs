//! What the training of a ratio minimises.

use std::sync::atomic::{AtomicU64, Ordering};

use hepml_nn::{Inputs, Matrix, Network, Objective, Pass, Scalar, Var};

use super::parts::Part;
use crate::loss::RatioLoss;

/// E_num\[a(z)\] + E_den\[b(z)\] of a network's z, as a sum over weighted events of both sides.
pub(super) struct RatioObjective<'a, T: Scalar, N: Network<T>> {
    network: &'a N,
    part: &'a Part<T, N::Input>,
    loss: RatioLoss,
    /// How often the loss of an event was clipped.
    clipped: AtomicU64,
}

/// What [`RatioObjective`] keeps between batches.
#[derive(Default)]
pub(super) struct Workspace<T: Scalar, I> {
    inputs: I,
    signs: Matrix<T>,
    weights: Matrix<T>,
}

impl<'a, T: Scalar, N: Network<T>> RatioObjective<'a, T, N> {
    pub(super) fn new(network: &'a N, part: &'a Part<T, N::Input>, loss: RatioLoss) -> Self {
        Self { network, part, loss, clipped: AtomicU64::new(0) }
    }

    /// How often the loss of an event was clipped so far.
    pub(super) fn clipped(&self) -> u64 {
        self.clipped.load(Ordering::Relaxed)
    }
}

impl<T: Scalar, N: Network<T>> Objective<T> for RatioObjective<'_, T, N> {
    type Workspace = Workspace<T, N::Input>;

    fn count(&self) -> usize {
        self.part.weights.len()
    }

    fn cost(&self, event: usize) -> usize {
        self.part.inputs.rows_of(event)
    }

    fn loss(
        &self,
        pass: &mut Pass<'_, T>,
        workspace: &mut Self::Workspace,
        events: &[usize],
    ) -> hepml_nn::Result<Var> {
        let part = self.part;
        workspace.inputs.select_from(&part.inputs, events)?;
        workspace.signs.select_from(&part.signs, events)?;
        workspace.weights.select_from(&part.rounded_weights, events)?;
        let outputs = self.network.evaluate(pass, &workspace.inputs)?;
        let z = pass.affine(outputs, self.loss.output_scale(), 0.0)?;
        let values = pass.value(z)?;
        let is_clipped = |(row, event): (usize, &usize)| {
            self.loss.is_clipped(part.is_numerator(*event), values.row(row)[0].to_f64())
        };
        let clipped = events.iter().enumerate().filter(|event| is_clipped(*event)).count();
        // A sum: the same in whatever order threads add to it.
        self.clipped.fetch_add(clipped as u64, Ordering::Relaxed);
        let signs = pass.constant(workspace.signs.view());
        let losses = self.loss.record(pass, z, signs).map_err(hepml_core::Error::from)?;
        let weights = pass.constant(workspace.weights.view());
        let losses = pass.mul(losses, weights)?;
        pass.sum(losses)
    }

    fn weights(&self) -> Option<&[f64]> {
        Some(&self.part.weights)
    }
}
