//! An estimator that keeps events aside for its calibration.

use hepml_core::rand::Rng;
use hepml_core::serde::{Deserialize, Serialize};
use hepml_core::{
    Error as CoreError, EventSet, FitReport, Fitted, Nested, Observer, RatioEstimator, Weighted,
};

use crate::calibration::{Calibrated, Calibration};
use crate::split::split_alike;

/// Fits an estimator on a part of each sample and calibrates it on the rest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde")]
pub struct CalibratedEstimator<R, C> {
    /// The estimator.
    pub estimator: R,
    /// The calibration.
    pub calibration: C,
    /// The fraction of each sample that is kept aside for the calibration, between 0 and 1.
    pub held_out: f64,
}

impl<E, R, C> RatioEstimator<E> for CalibratedEstimator<R, C>
where
    E: EventSet,
    R: RatioEstimator<E>,
    C: Calibration,
{
    type Model = Calibrated<R::Model>;

    /// The report has the parts "fit" and "calibration".
    fn fit(
        &self,
        numerator: &Weighted<E>,
        denominator: &Weighted<E>,
        rng: &mut dyn Rng,
        observer: &mut dyn Observer,
    ) -> Result<Fitted<Self::Model>, CoreError> {
        if !(self.held_out > 0.0 && self.held_out < 1.0) {
            let allowed = "above 0 and below 1";
            return Err(CoreError::out_of_range(
                "fraction held out for a calibration",
                self.held_out,
                allowed,
            ));
        }
        let [held_out, training] = split_alike([numerator, denominator], self.held_out, rng)?;
        let [above, below] = &training.sides;
        let fitted = self.estimator.fit(above, below, rng, &mut Nested::new("fit", observer));
        let fitted = fitted.map_err(|error| training.named(error))?;
        let [above, below] = &held_out.sides;
        let calibrated = self.calibration.calibrate(fitted.model, above, below);
        let calibrated = calibrated.map_err(|error| held_out.named(error.into()))?;
        let mut report = FitReport::new();
        report.part("fit", fitted.report);
        report.part("calibration", calibrated.report);
        Ok(Fitted { model: calibrated.model, report })
    }
}
