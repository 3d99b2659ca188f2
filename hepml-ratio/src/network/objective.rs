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

#[cfg(test)]
mod tests {
    use hepml_core::rand::SeedableRng;
    use hepml_core::rand_chacha::ChaCha8Rng;
    use hepml_core::{Observables, Table, Weighted};
    use hepml_nn::{Architecture, Head, MlpConfig, Model, Parameters, StackConfig, TrainingConfig};

    use super::super::parts::Selection;
    use super::*;

    fn sides() -> [Weighted<Table>; 2] {
        [(0.3, 40), (-0.2, 30)].map(|(shift, count)| {
            let table =
                Table::from_shape_fn((count, 2), |(i, j)| ((7 * i + 3 * j) % 11) as f64 / 5.0 - shift);
            Weighted::new(table, (0..count).map(|i| 1.0 + (i % 4) as f64 - 0.5 * (i % 3) as f64).collect())
                .unwrap()
        })
    }

    /// The objective of an untrained network, and its z of the events of both sides.
    fn value(loss: RatioLoss, sides: &[Weighted<Table>; 2]) -> (f64, [Vec<f64>; 2]) {
        let architecture = MlpConfig::new(1).hidden(StackConfig::new([5]));
        let rng = &mut ChaCha8Rng::seed_from_u64(1);
        let whole = Selection::cut([&sides[0], &sides[1]], &[], rng).unwrap().pop().unwrap();
        let joined = whole.joined("training").unwrap();
        let encoder = architecture.fit_encoder(&joined).unwrap();
        let part = whole.encode::<f64, _>(&encoder, &joined).unwrap();
        let mut parameters = Parameters::<f64>::new();
        let rng = &mut ChaCha8Rng::seed_from_u64(2);
        let network = architecture.build(&encoder, &mut parameters, rng).unwrap();
        let objective = RatioObjective::new(&network, &part, loss);
        let value = TrainingConfig::new().evaluate(&parameters, &objective).unwrap();
        let model = Model::new(architecture, encoder, network, parameters, Head::Identity).unwrap();
        (value, [0, 1].map(|side| model.observe(sides[side].events()).unwrap().into_raw_vec_and_offset().0))
    }

    /// Sums over seventy events in f64.
    const ROUNDING: f64 = 1e-12;

    #[test]
    fn it_is_the_mean_of_the_means_of_both_sides() {
        let sides = sides();
        for loss in [RatioLoss::Bce, RatioLoss::Mlc, RatioLoss::Sqr, RatioLoss::Mse, RatioLoss::Lsif] {
            let (value, z) = value(loss, &sides);
            let mean = |side: usize| {
                let terms = z[side].iter().map(|z| loss.terms(side == 0, *z)[0]);
                let sum: f64 = terms.zip(sides[side].weights()).map(|(term, w)| w * term).sum();
                sum / sides[side].sum_weights()
            };
            let expected = 0.5 * (mean(0) + mean(1));
            assert!((value - expected).abs() < ROUNDING, "{loss:?}: {value} {expected}");
        }
    }

    #[test]
    fn events_with_half_the_weight_twice_change_nothing() {
        let sides = sides();
        let halved = [0, 1].map(|side| {
            let half =
                sides[side].reweighted(sides[side].weights().iter().map(|w| 0.5 * w).collect()).unwrap();
            Weighted::concat(&[&half, &half]).unwrap()
        });
        for loss in [RatioLoss::Bce, RatioLoss::Mlc] {
            let (once, twice) = (value(loss, &sides).0, value(loss, &halved).0);
            assert!((once - twice).abs() < ROUNDING, "{loss:?}: {once} {twice}");
        }
    }
}
