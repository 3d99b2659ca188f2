//! An estimator that keeps events aside for its calibration.

use hepml_core::rand::Rng;
use hepml_core::serde::{Deserialize, Serialize};
use hepml_core::{
    Error as CoreError, EventSet, FitReport, Fitted, Nested, Observer, RatioEstimator, Streams, Weighted,
};

use crate::calibration::{Calibrated, Calibration};

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
        // The same stream for both sides: an event that is in both samples at the same place (one of them a reweighting of the
        // other) is held out of both.
        let streams = Streams::from_rng(rng);
        let [(held_numerator, numerator), (held_denominator, denominator)] = [
            numerator.split(self.held_out, &mut streams.stream(0))?,
            denominator.split(self.held_out, &mut streams.stream(0))?,
        ];
        let fitted = self.estimator.fit(&numerator, &denominator, rng, &mut Nested::new("fit", observer))?;
        let calibrated = self.calibration.calibrate(fitted.model, &held_numerator, &held_denominator)?;
        let mut report = FitReport::new();
        report.part("fit", fitted.report);
        report.part("calibration", calibrated.report);
        Ok(Fitted { model: calibrated.model, report })
    }
}
