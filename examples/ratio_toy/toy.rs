//! The toys, by name.

use std::fmt;

use clap::ValueEnum;
use hepml::core::ndarray::Array2;
use hepml::core::{Observer, ParticleSets, Table};
use hepml::ratio::toys::{
    Emissions, Exponentials, Gaussian, Gaussians, MuonPairs, PointProcess, QuadraticEft,
};

use crate::learner::{LearnerName, LossName};
use crate::study::{Failure, Study};

/// A toy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ToyName {
    /// Two correlated Gaussians in two dimensions.
    Gaussian,
    /// Exponentials of rates 3/2 and 1.
    Exponential,
    /// Sets of particles: Poisson numbers, exponential pt, normal rapidities.
    PointProcess,
    /// The polar angle in e+ e- -> mu+ mu- at asymmetries 1/2 and 0.
    Mumu,
    /// A rate quadratic in a coupling, at 1/2 and 0.
    Eft,
}

impl fmt::Display for ToyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.to_possible_value().expect("no toy is skipped").get_name())
    }
}

/// N((1/4, 1/4), 1 with correlation 0.3) against N((-1/4, -1/4), 3/2): r is bounded.
fn gaussians() -> Result<Gaussians, Failure> {
    const MEAN: f64 = 0.25;
    let correlated = Array2::from_shape_fn((2, 2), |(i, j)| if i == j { 1.0 } else { 0.3 });
    let wide = Array2::from_diag_elem(2, 1.5);
    Ok(Gaussians::new(Gaussian::new(&[MEAN; 2], &correlated)?, Gaussian::new(&[-MEAN; 2], &wide)?)?)
}

/// On average 5 against 4 particles, the former softer and more central.
fn point_process() -> Result<PointProcess, Failure> {
    Ok(PointProcess::new(Emissions::new(5.0, 2.0, 1.0)?, Emissions::new(4.0, 2.4, 1.2)?))
}

impl ToyName {
    pub(crate) fn default_learner(self) -> LearnerName {
        match self {
            Self::PointProcess => LearnerName::Pfn,
            _ => LearnerName::Mlp,
        }
    }

    /// An error where a learner does not take this toy or a loss.
    pub(crate) fn check(self, learner: LearnerName, loss: LossName, n: usize) -> Result<(), Failure> {
        match self {
            Self::PointProcess => learner.of_sets(self, loss).map(drop),
            _ => learner.of_tables(self, loss, self.columns(), n).map(drop),
        }
    }

    /// The columns of a table.
    fn columns(self) -> usize {
        if self == Self::Gaussian { 2 } else { 1 }
    }

    /// Fits the ratio of `n` events of each side, and measures it.
    pub(crate) fn study(
        self,
        learner: LearnerName,
        loss: LossName,
        n: usize,
        seed: u64,
        observer: &mut dyn Observer,
    ) -> Result<Study, Failure> {
        let table = || learner.of_tables(self, loss, self.columns(), n);
        match self {
            Self::Gaussian => {
                let family = Gaussians::maximum_likelihood;
                Study::new::<Table, _, _>(&gaussians()?, family, &table()?, n, seed, observer)
            }
            Self::Exponential => {
                let family = Exponentials::maximum_likelihood;
                Study::new(&Exponentials::new(1.5, 1.0)?, family, &table()?, n, seed, observer)
            }
            Self::Mumu => {
                let family = MuonPairs::maximum_likelihood;
                Study::new(&MuonPairs::new(0.5, 0.0)?, family, &table()?, n, seed, observer)
            }
            Self::Eft => {
                // The denominator, c = 0, is known.
                let family = |numerator: &_, _: &_| QuadraticEft::maximum_likelihood(numerator);
                Study::new(&QuadraticEft::new(0.5)?, family, &table()?, n, seed, observer)
            }
            Self::PointProcess => {
                let family = PointProcess::maximum_likelihood;
                let learner = learner.of_sets(self, loss)?;
                Study::new::<ParticleSets, _, _>(&point_process()?, family, &learner, n, seed, observer)
            }
        }
    }
}
