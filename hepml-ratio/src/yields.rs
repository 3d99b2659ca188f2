//! Ratios of yields.

use hepml_core::rand::Rng;
use hepml_core::serde::{Deserialize, Serialize};
use hepml_core::{EventSet, FitReport, Fitted, Observer, RatioEstimator, Weighted};

use crate::error::Result;
use crate::renormalised::{Renormalised, log_yield_ratio};

/// Fits a ratio of yields, Y_num p_num/(Y_den p_den) with the sums of weights Y, by any estimator of ratios of densities.
///
/// The report has that of the ratio of densities as its part `densities`, and the measure `ratio of yields`: Y_num/Y_den, which is
/// E_den\[r\] of the true r, with the error of Poisson numbers of events. It is a factor of all ratios alike.
///
/// ```
/// use hepml_core::{LogRatio, RatioEstimator, Table, Weighted, rand::SeedableRng, rand_chacha::ChaCha8Rng};
/// use hepml_ratio::{HistogramConfig, RatioBins, YieldRatioConfig};
///
/// let events = Table::from_shape_fn((100, 1), |(i, _)| i as f64);
/// let numerator = Weighted::new(events.clone(), vec![3.0; 100])?;
/// let learner = YieldRatioConfig::new(HistogramConfig::new(RatioBins::Quantiles(2)));
/// let mut rng = ChaCha8Rng::seed_from_u64(1);
/// let fitted = learner.fit(&numerator, &Weighted::unit(events.clone()), &mut rng, &mut ())?;
/// // The same density, and three times the yield.
/// assert!((fitted.report.get("ratio of yields").expect("measured").value - 3.0).abs() < 1e-12);
/// # Ok::<(), hepml_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde", deny_unknown_fields)]
pub struct YieldRatioConfig<R> {
    estimator: R,
}

impl<R> YieldRatioConfig<R> {
    /// The estimator of the ratio of densities.
    pub fn new(estimator: R) -> Self {
        Self { estimator }
    }

    fn learn<E: EventSet>(
        &self,
        numerator: &Weighted<E>,
        denominator: &Weighted<E>,
        rng: &mut dyn Rng,
        observer: &mut dyn Observer,
    ) -> Result<Fitted<Renormalised<R::Model>>>
    where
        R: RatioEstimator<E>,
    {
        // Before the fit: yields that have no ratio are found at once.
        let yields = log_yield_ratio(numerator, denominator)?;
        let fitted = self.estimator.fit(numerator, denominator, rng, observer)?;
        let mut report = FitReport::new();
        let ratio = yields.value.exp();
        report.measure("ratio of yields", ratio, Some(ratio * yields.error));
        for warning in &fitted.report.warnings {
            report.warn(format!("densities: {warning}"));
        }
        report.part("densities", fitted.report);
        let model = Renormalised::to_yields(fitted.model, numerator, denominator)?;
        Ok(Fitted { model, report })
    }
}

impl<E: EventSet, R: RatioEstimator<E>> RatioEstimator<E> for YieldRatioConfig<R> {
    type Model = Renormalised<R::Model>;

    fn fit(
        &self,
        numerator: &Weighted<E>,
        denominator: &Weighted<E>,
        rng: &mut dyn Rng,
        observer: &mut dyn Observer,
    ) -> hepml_core::Result<Fitted<Self::Model>> {
        Ok(self.learn(numerator, denominator, rng, observer)?)
    }
}
