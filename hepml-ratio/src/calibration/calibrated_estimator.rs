//! An estimator that keeps events aside for its calibration.

use hepml_core::rand::Rng;
use hepml_core::serde::{Deserialize, Serialize};
use hepml_core::{
    Error as CoreError, EventSet, FitReport, Fitted, Nested, Observer, RatioEstimator, Weighted,
};

use crate::calibration::{Calibrated, Calibration};
use crate::error::Result;
use crate::report::{examine_part, of_densities, warn_of_side};
use crate::split::{SIDES, split_parts};

/// Fits an estimator on a part of each sample, calibrates it on another, and examines it on a third.
///
/// ```
/// use hepml_core::{RatioEstimator, Table, Weighted, rand::SeedableRng, rand_chacha::ChaCha8Rng};
/// use hepml_ratio::{CalibratedEstimator, LinearConfig, PlattCalibration};
///
/// // Densities 2x and 1 on [0, 1].
/// let numerator = Table::from_shape_fn((1000, 1), |(i, _)| ((i as f64 + 0.5) / 1000.0).sqrt());
/// let denominator = Table::from_shape_fn((1000, 1), |(i, _)| (i as f64 + 0.5) / 1000.0);
/// let learner = CalibratedEstimator {
///     estimator: LinearConfig::default(),
///     calibration: PlattCalibration::new(),
///     held_out: 0.3,
///     examination: 0.1,
/// };
/// let mut rng = ChaCha8Rng::seed_from_u64(1);
/// let fitted = learner.fit(&Weighted::unit(numerator), &Weighted::unit(denominator), &mut rng, &mut ())?;
/// assert!(fitted.report.get("normalisation").is_some());
/// # Ok::<(), hepml_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde", deny_unknown_fields)]
pub struct CalibratedEstimator<R, C> {
    /// The estimator.
    pub estimator: R,
    /// The calibration.
    pub calibration: C,
    /// The fraction of each sample that is kept aside for the calibration, between 0 and 1.
    pub held_out: f64,
    /// The fraction of each sample that neither fit sees, and on which the calibrated ratio is examined; 0 for none.
    pub examination: f64,
}

impl<R, C> CalibratedEstimator<R, C> {
    fn check(&self) -> Result<()> {
        if !(self.held_out > 0.0 && self.held_out < 1.0) {
            let what = "fraction held out for a calibration";
            return Err(CoreError::out_of_range(what, self.held_out, "above 0 and below 1").into());
        }
        if !(0.0..1.0 - self.held_out).contains(&self.examination) {
            let allowed = "at least 0, and below 1 with the fraction held out for the calibration";
            return Err(CoreError::out_of_range("examination fraction", self.examination, allowed).into());
        }
        Ok(())
    }

    fn learn<E: EventSet>(
        &self,
        numerator: &Weighted<E>,
        denominator: &Weighted<E>,
        rng: &mut dyn Rng,
        observer: &mut dyn Observer,
    ) -> Result<Fitted<Calibrated<R::Model>>>
    where
        R: RatioEstimator<E>,
        C: Calibration,
    {
        self.check()?;
        let sides = [numerator, denominator];
        let parts = split_parts(sides, &[self.held_out, self.examination], rng)?;
        let [held_out, examination, training] =
            <[_; 3]>::try_from(parts).unwrap_or_else(|_| unreachable!("two fractions and the rest"));
        let [above, below] = &training.sides;
        let fitted = self.estimator.fit(above, below, rng, &mut Nested::new("fit", observer));
        let fitted = fitted.map_err(|error| training.named(error))?;
        let [above, below] = &held_out.sides;
        let calibrated = self.calibration.calibrate(fitted.model, above, below);
        let calibrated = calibrated.map_err(|error| held_out.named(error.into()))?;
        let mut report = FitReport::new();
        of_densities(&mut report);
        for (name, side) in SIDES.into_iter().zip(sides) {
            warn_of_side(name, side.weights(), &mut report);
        }
        for (name, part) in [("fit", fitted.report), ("calibration", calibrated.report)] {
            for warning in &part.warnings {
                report.warn(format!("{name}: {warning}"));
            }
            report.part(name, part);
        }
        if self.examination > 0.0 {
            examine_part(&calibrated.model, &examination, rng, &mut report)?;
        }
        Ok(Fitted { model: calibrated.model, report })
    }
}

impl<E, R, C> RatioEstimator<E> for CalibratedEstimator<R, C>
where
    E: EventSet,
    R: RatioEstimator<E>,
    C: Calibration,
{
    type Model = Calibrated<R::Model>;

    /// The report has the parts "fit" and "calibration", their warnings, and what [`examine`](crate::report::examine) says of the
    /// calibrated ratio on events that neither of them saw.
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
