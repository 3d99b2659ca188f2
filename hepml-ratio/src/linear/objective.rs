//! The loss of a polynomial, as a function of its parameters.

use hepml_core::nalgebra::{DMatrix, DVector, DVectorView};

use super::config::LinearConfig;
use super::model::LinearRatio;
use crate::loss::RatioLoss;
use crate::training_tables::TrainingTables;

/// A value with its first and second derivatives.
pub(super) struct Expansion {
    pub(super) value: f64,
    pub(super) slope: DVector<f64>,
    pub(super) curvature: DMatrix<f64>,
}

/// The loss as a function of the parameters.
pub(super) struct Objective<'a> {
    loss: RatioLoss,
    ridge: f64,
    training: &'a TrainingTables,
    /// The terms of the polynomial of every event, of each side: one column an event, of zeros where it has no weight.
    terms: [DMatrix<f64>; 2],
    /// Parameters of constant columns: nothing depends on them.
    free: Vec<bool>,
}

impl<'a> Objective<'a> {
    /// With terms whose squares are finite in all events with a weight.
    pub(super) fn new(config: &LinearConfig, model: &LinearRatio, training: &'a TrainingTables) -> Self {
        let count = model.parameters.len();
        let mut terms = training.sides.each_ref().map(|side| DMatrix::zeros(count, side.len()));
        let mut largest = vec![0.0_f64; count];
        for (side, terms) in training.sides.iter().zip(&mut terms) {
            let rows = side.events().rows().into_iter().zip(terms.column_iter_mut());
            // Events without a weight count nothing, however far away they are.
            for ((row, mut column), _) in rows.zip(side.weights()).filter(|(_, weight)| **weight != 0.0) {
                for ((entry, largest), value) in column.iter_mut().zip(&mut largest).zip(model.terms(&row)) {
                    *entry = value;
                    *largest = largest.max(value.abs());
                }
            }
        }
        let free = largest.into_iter().map(|largest| largest == 0.0).collect();
        Self { loss: config.loss, ridge: config.ridge, training, terms, free }
    }

    /// For each event: its side, its terms, its share of the side's weight and its z.
    fn events<'b>(
        &'b self,
        parameters: &'b DVector<f64>,
    ) -> impl Iterator<Item = (bool, DVectorView<'b, f64>, f64, f64)> {
        (0..2).flat_map(move |side| {
            let sum = self.training.sums[side];
            self.terms[side]
                .column_iter()
                .zip(self.training.sides[side].weights())
                .map(move |(terms, weight)| (side == 0, terms, weight / sum, terms.dot(parameters)))
        })
    }

    fn penalty(&self, parameters: &DVector<f64>) -> f64 {
        0.5 * self.ridge * parameters.iter().skip(1).map(|value| value * value).sum::<f64>()
    }

    pub(super) fn value(&self, parameters: &DVector<f64>) -> f64 {
        let sum: f64 = self
            .events(parameters)
            .map(|(numerator, _, share, z)| share * self.loss.terms(numerator, z)[0])
            .sum();
        sum + self.penalty(parameters)
    }

    pub(super) fn expand(&self, parameters: &DVector<f64>) -> Expansion {
        let count = parameters.len();
        let mut value = self.penalty(parameters);
        let mut slope = self.ridge * parameters;
        slope[0] = 0.0;
        let mut curvature = DMatrix::identity(count, count) * self.ridge;
        curvature[(0, 0)] = 0.0;
        for (numerator, terms, share, z) in self.events(parameters) {
            let [v, d, dd] = self.loss.terms(numerator, z);
            value += share * v;
            slope.axpy(share * d, &terms, 1.0);
            curvature.syger(share * dd, &terms, &terms, 1.0);
        }
        for (i, _) in self.free.iter().enumerate().filter(|(_, free)| **free) {
            curvature[(i, i)] = 1.0;
        }
        curvature.fill_upper_triangle_with_lower_triangle();
        Expansion { value, slope, curvature }
    }

    /// The covariance of the slope: for each side, the sum of the squared deviations of the events' slopes from their mean.
    pub(super) fn fluctuation(&self, parameters: &DVector<f64>) -> DMatrix<f64> {
        let count = parameters.len();
        let mut means = [DVector::zeros(count), DVector::zeros(count)];
        for (numerator, terms, share, z) in self.events(parameters) {
            means[usize::from(!numerator)].axpy(share * self.loss.terms(numerator, z)[1], &terms, 1.0);
        }
        let mut covariance = DMatrix::zeros(count, count);
        for (numerator, terms, share, z) in self.events(parameters) {
            let slope = terms * self.loss.terms(numerator, z)[1] - &means[usize::from(!numerator)];
            covariance.syger(share * share, &slope, &slope, 1.0);
        }
        covariance.fill_upper_triangle_with_lower_triangle();
        covariance
    }

    /// Whether every event of the numerator that counts has a larger z than any of the denominator.
    pub(super) fn separates(&self, parameters: &DVector<f64>) -> bool {
        let (mut least, mut largest) = (f64::INFINITY, f64::NEG_INFINITY);
        for (numerator, _, share, z) in self.events(parameters) {
            if share != 0.0 && numerator {
                least = least.min(z);
            } else if share != 0.0 {
                largest = largest.max(z);
            }
        }
        least > largest
    }

    pub(super) fn clipped(&self, parameters: &DVector<f64>) -> usize {
        self.events(parameters).filter(|(numerator, _, _, z)| self.loss.is_clipped(*numerator, *z)).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linear::Degree;
    use hepml_core::rand::{RngExt, SeedableRng};
    use hepml_core::rand_chacha::ChaCha8Rng;
    use hepml_core::{FitReport, RatioEstimator, Table, Weighted};

    #[test]
    fn derivatives_of_the_objective() {
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let mut side = |shift: f64| {
            let table = Table::from_shape_simple_fn((200, 2), || random.random::<f64>() + shift);
            Weighted::new(table, (0..200).map(|_| random.random()).collect()).unwrap()
        };
        let (num, den) = (side(0.3), side(0.0));
        for loss in [RatioLoss::Bce, RatioLoss::Mlc, RatioLoss::Sqr] {
            let config = LinearConfig::default().degree(Degree::Quadratic).loss(loss).ridge(0.1);
            let rng = &mut ChaCha8Rng::seed_from_u64(4);
            let training = TrainingTables::new([&num, &den], 0.0, rng, &mut FitReport::new()).unwrap();
            let model = config.examination(0.0).fit(&num, &den, rng, &mut ()).unwrap().model;
            let objective = Objective::new(&config, &model, &training);
            let at = DVector::from_fn(model.parameters.len(), |i, _| 0.1 * (i as f64 - 2.0));
            let Expansion { value, slope, curvature } = objective.expand(&at);
            assert!((value - objective.value(&at)).abs() < 1e-14 * 100.0);
            let h = 1e-5;
            for i in 0..at.len() {
                let mut shift = DVector::zeros(at.len());
                shift[i] = h;
                let (up, down) = (objective.expand(&(&at + &shift)), objective.expand(&(&at - &shift)));
                // Central differences of step 1e-5: truncation 1e-10, rounding 1e-11.
                assert!((slope[i] - (up.value - down.value) / (2.0 * h)).abs() < 1e-8);
                for j in 0..at.len() {
                    assert!((curvature[(i, j)] - (up.slope[j] - down.slope[j]) / (2.0 * h)).abs() < 1e-7);
                }
            }
        }
    }
}
