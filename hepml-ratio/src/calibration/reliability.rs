//! How well a log ratio is calibrated.

use hepml_core::{EventSet, LogRatio, Weighted};

use crate::RatioLoss;
use crate::calibration::HeldOut;
use crate::error::Result;
use crate::report::{CalibrationCurve, Scored, calibration_curve};

/// The calibration curve of a log ratio, and what it costs to be off it.
#[derive(Debug, Clone, PartialEq)]
pub struct Reliability {
    /// Estimated against observed ln r in quantile bins of z.
    pub curve: CalibrationCurve,
    /// (E_num\[ln(1 + e^-z)\] + E_den\[ln(1 + e^z)\])/2 in nats: ln 2 minus the Jensen-Shannon divergence at best.
    pub cross_entropy: f64,
    /// 1 + E_num\[z\] - E_den\[e^z\], at most KL(num|den) in expectation; not finite where e^z overflows.
    pub kl_bound: f64,
}

impl Reliability {
    /// Measures a model on samples it has not seen, with a curve of so many bins.
    ///
    /// # Errors
    /// As [`HeldOut::new`]; no bins, or more than 2^20.
    pub fn measure<E, M>(
        model: &M,
        numerator: &Weighted<E>,
        denominator: &Weighted<E>,
        bins: usize,
    ) -> Result<Self>
    where
        E: EventSet,
        M: LogRatio<E> + ?Sized,
    {
        Self::of(&HeldOut::new(model, numerator, denominator)?, bins)
    }

    pub(super) fn of(held_out: &HeldOut, bins: usize) -> Result<Self> {
        let HeldOut { numerator, denominator } = held_out;
        let curve = calibration_curve(
            Scored::new(numerator.log_ratios(), numerator.weights())?,
            Scored::new(denominator.log_ratios(), denominator.weights())?,
            bins,
        )?;
        let bce = |numerator: bool| move |z: f64| RatioLoss::Bce.terms(numerator, z)[0];
        let cross_entropy = 0.5 * (numerator.mean(bce(true)) + denominator.mean(bce(false)));
        let kl_bound = 1.0 + numerator.mean(|z| z) - denominator.mean(f64::exp);
        Ok(Self { curve, cross_entropy, kl_bound })
    }
}
