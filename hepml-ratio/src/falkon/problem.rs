//! The weighted logistic regression that is to be solved.

use hepml_core::{Table, Weighted};

use crate::loss::RatioLoss;

/// One of the two samples.
pub(super) struct Side<'a> {
    weights: &'a [f64],
    /// The sums of the weights and of their absolute values, in units of the largest.
    largest: f64,
    sum: f64,
    sum_absolute: f64,
}

impl<'a> Side<'a> {
    /// A sample of finite features whose weights sum to a positive number.
    pub(super) fn new(sample: &'a Weighted<Table>) -> Self {
        let weights = sample.weights();
        let largest = weights.iter().fold(0.0_f64, |largest, w| largest.max(w.abs()));
        let sum = weights.iter().map(|w| w / largest).sum();
        let sum_absolute = weights.iter().map(|w| w.abs() / largest).sum();
        Self { weights, largest, sum, sum_absolute }
    }

    /// The weights as shares of their sum: 1/2 in all.
    pub(super) fn shares(&self) -> impl Iterator<Item = f64> {
        self.weights.iter().map(|w| 0.5 * (w / self.largest) / self.sum)
    }

    /// The same of their absolute values.
    pub(super) fn absolute(&self) -> impl Iterator<Item = f64> {
        self.weights.iter().map(|w| 0.5 * (w.abs() / self.largest) / self.sum_absolute)
    }
}

/// Labels and weights of all events, numerator first.
pub(super) struct Logistic {
    numerators: usize,
    omega: Vec<f64>,
}

impl Logistic {
    pub(super) fn new(sides: &[Side<'_>; 2]) -> Self {
        Self { numerators: sides[0].weights.len(), omega: sides.iter().flat_map(Side::shares).collect() }
    }

    fn terms(&self, event: usize, z: f64) -> [f64; 3] {
        RatioLoss::Bce.terms(event < self.numerators, z).map(|term| self.omega[event] * term)
    }

    /// The loss without the penalty.
    pub(super) fn value(&self, z: impl Iterator<Item = f64>) -> f64 {
        z.enumerate().map(|(event, z)| self.terms(event, z)[0]).sum()
    }

    /// Its derivative by each event's z.
    pub(super) fn slopes(&self, z: &[f64]) -> Vec<f64> {
        z.iter().enumerate().map(|(event, &z)| self.terms(event, z)[1]).collect()
    }

    /// Its second derivative by each event's z.
    pub(super) fn curvatures(&self, z: &[f64]) -> Vec<f64> {
        z.iter().enumerate().map(|(event, &z)| self.terms(event, z)[2]).collect()
    }
}
