//! The weighted logistic regression that is to be solved.

use hepml_core::ndarray::ArrayRef2;
use hepml_core::{Error as CoreError, Table, Weighted, check_finite};

use crate::error::Result;
use crate::loss::RatioLoss;

/// One of the two samples.
pub(super) struct Side<'a> {
    pub(super) table: &'a ArrayRef2<f64>,
    pub(super) weights: &'a [f64],
    /// The sums of the weights and of their absolute values, in units of the largest.
    largest: f64,
    sum: f64,
    sum_absolute: f64,
}

impl<'a> Side<'a> {
    pub(super) fn new(name: &'static str, sample: &'a Weighted<Table>) -> Result<Self> {
        if sample.is_empty() {
            return Err(CoreError::Empty { what: name.into() }.into());
        }
        check_finite(name, sample.events())?;
        let weights = sample.weights();
        let largest = weights.iter().fold(0.0_f64, |largest, w| largest.max(w.abs()));
        // All-zero weights are found out by the sum.
        let unit = if largest > 0.0 { largest } else { 1.0 };
        let sum = weights.iter().map(|w| w / unit).sum();
        let sum_absolute = weights.iter().map(|w| w.abs() / unit).sum();
        if sum <= 0.0 {
            let what = format!("sum of weights of the {name}");
            return Err(CoreError::out_of_range(what, sum * unit, "positive").into());
        }
        Ok(Self { table: sample.events(), weights, largest: unit, sum, sum_absolute })
    }

    /// The weights as shares of their sum: 1/2 in all.
    pub(super) fn shares(&self) -> impl Iterator<Item = f64> {
        self.weights.iter().map(|w| 0.5 * (w / self.largest) / self.sum)
    }

    /// The same of their absolute values.
    pub(super) fn absolute(&self) -> impl Iterator<Item = f64> {
        self.weights.iter().map(|w| 0.5 * (w.abs() / self.largest) / self.sum_absolute)
    }

    /// The share of the largest |w| in the sum of |w|.
    pub(super) fn largest_share(&self) -> f64 {
        1.0 / self.sum_absolute
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
