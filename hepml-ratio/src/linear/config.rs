//! How a polynomial ln r is fitted.

use hepml_core::nalgebra::DVector;
use hepml_core::rand::Rng;
use hepml_core::serde::{Deserialize, Serialize};
use hepml_core::{Error as CoreError, FitReport, Fitted, Observer, RatioEstimator, Table, Weighted};

use super::degree::Degree;
use super::model::LinearRatio;
use super::newton;
use super::objective::Objective;
use crate::error::{Error, Result};
use crate::loss::RatioLoss;
use crate::standardisation::{Standardisation, warn_of_constant_columns};
use crate::training_tables::TrainingTables;

/// The most terms of the polynomial: the matrix of second derivatives has their square.
const MOST_TERMS: usize = 2000;

/// Learns a polynomial ln r by Newton's method.
///
/// The report has the curve `loss` (one value an iteration, ridge included), the measures `iterations`, `decrement` (how far
/// the loss is above its minimum, in quadratic approximation), `clipped losses`, and each coefficient with its error
/// (`coefficient/constant`, `coefficient/0`, `coefficient/0*1`, ... by columns; that of x_i x_j with i < j is 2 Q_ij). The
/// errors are those of independent weighted events (sandwich formula), without the bias of the ridge.
///
/// ```
/// use hepml_core::ndarray::Array2;
/// use hepml_core::rand::SeedableRng;
/// use hepml_core::rand_chacha::ChaCha8Rng;
/// use hepml_core::{RatioEstimator, Weighted};
/// use hepml_ratio::LinearConfig;
///
/// // Bins of a histogram: shares 1/4, 3/4 against 1/2, 1/2.
/// let x = Array2::from_shape_vec((2, 1), vec![0.0, 1.0]).unwrap();
/// let numerator = Weighted::new(x, vec![1.0, 3.0])?;
/// let denominator = numerator.reweighted(vec![1.0, 1.0])?;
/// let config = LinearConfig::default().ridge(0.0).examination(0.0);
/// let model = config.fit(&numerator, &denominator, &mut ChaCha8Rng::seed_from_u64(1), &mut ())?.model;
/// assert!((model.constant() - 0.5_f64.ln()).abs() < 1e-12);
/// assert!((model.linear()[0] - 3.0_f64.ln()).abs() < 1e-12);
/// # Ok::<(), hepml_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde", deny_unknown_fields, default)]
pub struct LinearConfig {
    pub(super) degree: Degree,
    pub(super) loss: RatioLoss,
    pub(super) ridge: f64,
    pub(super) iterations: usize,
    pub(super) tolerance: f64,
    pub(super) examination: f64,
}

impl Default for LinearConfig {
    fn default() -> Self {
        Self {
            degree: Degree::default(),
            loss: RatioLoss::default(),
            ridge: 1e-6,
            iterations: 100,
            tolerance: 1e-14,
            examination: 0.1,
        }
    }
}

impl LinearConfig {
    /// The degree of the polynomial (linear).
    #[must_use]
    pub fn degree(mut self, degree: Degree) -> Self {
        self.degree = degree;
        self
    }

    /// The loss (BCE), one that is convex.
    #[must_use]
    pub fn loss(mut self, loss: RatioLoss) -> Self {
        self.loss = loss;
        self
    }

    /// The strength of the ridge (1e-6: enough to keep separable samples finite).
    #[must_use]
    pub fn ridge(mut self, ridge: f64) -> Self {
        self.ridge = ridge;
        self
    }

    /// The most iterations (100); a fit that needs more is warned of.
    #[must_use]
    pub fn iterations(mut self, iterations: usize) -> Self {
        self.iterations = iterations;
        self
    }

    /// The decrement of the loss below which the fit has converged (1e-14).
    #[must_use]
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// The fraction of the events that nothing of the fit sees and the report speaks of (0.1); 0 for no examination.
    #[must_use]
    pub fn examination(mut self, fraction: f64) -> Self {
        self.examination = fraction;
        self
    }

    fn check(&self) -> Result<()> {
        self.loss.check()?;
        if !self.loss.is_convex() {
            return Err(Error::UnsuitableLoss { loss: self.loss, needs: "convex in ln r" });
        }
        if !(self.ridge >= 0.0 && self.ridge.is_finite()) {
            return Err(CoreError::out_of_range("ridge", self.ridge, "finite and 0 or more").into());
        }
        if !(self.tolerance > 0.0 && self.tolerance.is_finite()) {
            return Err(CoreError::out_of_range("tolerance", self.tolerance, "finite and positive").into());
        }
        if self.iterations == 0 {
            return Err(CoreError::out_of_range("number of iterations", 0.0, "at least 1").into());
        }
        Ok(())
    }

    fn fit_sides(
        &self,
        numerator: &Weighted<Table>,
        denominator: &Weighted<Table>,
        rng: &mut dyn Rng,
        observer: &mut dyn Observer,
    ) -> Result<Fitted<LinearRatio>> {
        self.check()?;
        let mut report = FitReport::new();
        let training = TrainingTables::new([numerator, denominator], self.examination, rng, &mut report)?;
        let terms = self.degree.terms(training.features());
        if terms > MOST_TERMS {
            let allowed = "at most 2000";
            return Err(
                CoreError::out_of_range("number of terms of the polynomial", terms as f64, allowed).into()
            );
        }
        warn_of_constant_columns(&training.sides, &mut report);
        let standardisation = Standardisation::of(&training.sides);
        standardisation.warn_of_narrow_columns(&training.sides, &mut report);
        let mut model =
            LinearRatio { degree: self.degree, standardisation, parameters: DVector::zeros(terms) };
        // All events, so that they are named by their place in the sample.
        for (name, side) in [("numerator", numerator), ("denominator", denominator)] {
            model.check_terms(name, side)?;
        }
        let objective = Objective::new(self, &model, &training);
        let covariance = newton::minimise(self, &objective, &mut model.parameters, &mut report, observer)?;
        if let Some(covariance) = covariance {
            model.report_coefficients(&covariance, &mut report);
        }
        training.examine(&model, self.loss, rng, &mut report)?;
        Ok(Fitted { model, report })
    }
}

impl RatioEstimator<Table> for LinearConfig {
    type Model = LinearRatio;

    /// # Errors
    /// A configuration out of range, or a loss that is not convex; a side without events (or none left to learn from) or whose
    /// sum of weights is not positive; tables of different columns; more than 2000 terms; a feature that is not finite, naming
    /// side, event and column; a term whose square overflows, naming side and event; parameters that run to infinity.
    fn fit(
        &self,
        numerator: &Weighted<Table>,
        denominator: &Weighted<Table>,
        rng: &mut dyn Rng,
        observer: &mut dyn Observer,
    ) -> hepml_core::Result<Fitted<LinearRatio>> {
        Ok(self.fit_sides(numerator, denominator, rng, observer)?)
    }
}
