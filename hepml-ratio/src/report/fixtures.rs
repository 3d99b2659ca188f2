//! What the tests of examinations share.

use hepml_core::ndarray::Array1;
use hepml_core::rand::{RngExt, SeedableRng};
use hepml_core::rand_chacha::ChaCha8Rng;
use hepml_core::{FitReport, LogRatio, Result, Table, Weighted};

use super::examine;

/// z = scale * x + shift.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) scale: f64,
    pub(super) shift: f64,
}

impl LogRatio<Table> for Line {
    fn log_ratio(&self, events: &Table) -> Result<Array1<f64>> {
        Ok(events.column(0).mapv(|x| self.scale * x + self.shift))
    }
}

/// r = 2 above 0, and 0 below.
pub(super) struct Step;

impl LogRatio<Table> for Step {
    fn log_ratio(&self, events: &Table) -> Result<Array1<f64>> {
        Ok(events.column(0).mapv(|x| if x < 0.0 { f64::NEG_INFINITY } else { 2.0_f64.ln() }))
    }
}

/// Numbers between 0 and 1.
pub(super) fn uniforms(events: usize, seed: u64) -> Table {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    Table::from_shape_simple_fn((events, 1), || rng.random())
}

/// N(+mu, 1) against N(-mu, 1): ln r = 2 mu x.
pub(super) fn gaussians(mu: f64, events: usize, seed: u64) -> [Weighted<Table>; 2] {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut normal = || {
        let (u, v): (f64, f64) = (rng.random(), rng.random());
        (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    };
    [mu, -mu].map(|mean| Weighted::unit(Table::from_shape_simple_fn((events, 1), || normal() + mean)))
}

pub(super) fn examined(model: &dyn LogRatio<Table>, sides: &[Weighted<Table>; 2], seed: u64) -> FitReport {
    let mut report = FitReport::new();
    examine(model, &sides[0], &sides[1], &mut ChaCha8Rng::seed_from_u64(seed), &mut report).unwrap();
    report
}

/// Beyond this many standard deviations a fixed seed would be bad luck of 1 in 16,000.
pub(super) const SIGMA: f64 = 4.0;

pub(super) fn pull(report: &FitReport, name: &str, truth: f64) -> f64 {
    let measure = report.get(name).unwrap_or_else(|| panic!("{name} in {report:?}"));
    (measure.value - truth) / measure.error.unwrap_or_else(|| panic!("an error of {name} in {report:?}"))
}
