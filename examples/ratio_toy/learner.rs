//! The learners, by name.

use std::fmt;

use clap::ValueEnum;
use hepml::core::{DynRatioEstimator, Erased, ParticleSets, Table};
use hepml::nn::{Function, MlpConfig, ParticleInput, PfnConfig, StackConfig};
use hepml::ratio::{FalkonConfig, HistogramConfig, NetworkConfig, RatioBins, RatioLoss, TreesConfig};

use crate::study::Failure;
use crate::toy::ToyName;

/// A learner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LearnerName {
    /// A network of two hidden layers, for tables.
    Mlp,
    /// Boosted trees, for tables.
    Trees,
    /// Kernel logistic regression, for tables; its loss is BCE.
    Kernel,
    /// Bins of equal content, for tables; their ratio is the minimum of every loss.
    Histogram,
    /// A Particle Flow Network, for sets of particles.
    Pfn,
}

/// What is minimised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LossName {
    /// Binary cross-entropy.
    Bce,
    /// Mean squared error.
    Mse,
    /// Maximum likelihood classifier.
    Mlc,
    /// Square root.
    Sqr,
}

impl fmt::Display for LearnerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.to_possible_value().expect("no learner is skipped").get_name())
    }
}

impl fmt::Display for LossName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.to_possible_value().expect("no loss is skipped").get_name())
    }
}

impl From<LossName> for RatioLoss {
    fn from(name: LossName) -> Self {
        match name {
            LossName::Bce => Self::Bce,
            LossName::Mse => Self::Mse,
            LossName::Mlc => Self::Mlc,
            LossName::Sqr => Self::Sqr,
        }
    }
}

/// Hidden layers of these widths. The ratios are smooth, and so is SiLU.
fn smooth(widths: &[usize]) -> StackConfig {
    StackConfig::new(widths).activation(Function::Silu)
}

impl LearnerName {
    /// The learner for a toy of tables.
    ///
    /// # Errors
    /// A learner of sets; a loss that the learner does not minimise.
    pub(crate) fn of_tables(
        self,
        toy: ToyName,
        loss: LossName,
        columns: usize,
        n: usize,
    ) -> Result<Box<dyn DynRatioEstimator<Table>>, Failure> {
        Ok(match self {
            Self::Mlp => {
                let network = MlpConfig::new(1).hidden(smooth(&[32, 32]));
                Box::new(Erased(NetworkConfig::new(network).loss(loss.into())))
            }
            Self::Trees => Box::new(Erased(TreesConfig::new().loss(loss.into()))),
            Self::Kernel if loss == LossName::Bce => Box::new(Erased(FalkonConfig::default())),
            Self::Kernel => {
                return Err(format!("--learner kernel minimises bce only, not {loss}").into());
            }
            Self::Histogram => Box::new(Erased(HistogramConfig::new(RatioBins::Quantiles(bins(n, columns))))),
            Self::Pfn => {
                return Err(format!(
                    "--learner pfn learns from sets of particles, and events of {toy} are rows of a table: mlp, trees, kernel and histogram can"
                )
                .into());
            }
        })
    }

    /// The learner for a toy of sets.
    ///
    /// # Errors
    /// A learner of tables.
    pub(crate) fn of_sets(
        self,
        toy: ToyName,
        loss: LossName,
    ) -> Result<Box<dyn DynRatioEstimator<ParticleSets>>, Failure> {
        if self != Self::Pfn {
            return Err(format!(
                "--learner {self} learns from tables, and events of {toy} are sets of particles: pfn can"
            )
            .into());
        }
        // Momenta and rapidities in the detector, not relative to an axis.
        let inputs = vec![ParticleInput::LnPt, ParticleInput::Feature("rapidity".into())];
        let network = PfnConfig::new(1).inputs(inputs).phi(smooth(&[24, 24])).f(smooth(&[24]));
        Ok(Box::new(Erased(NetworkConfig::new(network).loss(loss.into()))))
    }
}

/// The bins of each column. Where ln r is smooth, its change within a bin and its error in one, sqrt(2/events), are balanced by
/// n^(1/(columns + 2)) bins a column; 1.5 times as many serve one column, but in two the corners would run empty.
fn bins(n: usize, columns: usize) -> usize {
    let factor = if columns == 1 { 1.5 } else { 1.0 };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive, far below 2^64")]
    let bins = (factor * (n as f64).powf(1.0 / (columns as f64 + 2.0))) as usize;
    bins.max(2)
}
