//! Neural resampling: the moments of the weight at x, learned by classifiers.

use std::io::{Read, Write};

use hepml_core::ndarray::Array1;
use hepml_core::rand::Rng;
use hepml_core::{
    Error as CoreError, EventSet, FitReport, Fitted, Item, Load, LogRatio, ModelFile, Nested, Observer,
    RatioEstimator, Save, Weighted,
};

use crate::error::Result;
use crate::resampling::moments::resample_in_units;
use crate::resampling::resampled::Resampled;

/// Learns E\[w|x\] and E\[w^2|x\] with any ratio estimators (arXiv:2007.11586).
///
/// The ratio of the events weighted by f(w) to the same events unweighted is E\[f(w)|x\]/E\[f(w)\]: two fits, with f = w and
/// f = w^2, give both moments. The second has positive weights whatever w is. The first has the signed ones: its estimator's
/// loss must bear them (see [`RatioLoss`](crate::RatioLoss)), or it learns the positive and the negative part apart
/// ([`SignedPartsConfig`](crate::SignedPartsConfig)). As a logarithm is asked for, a mean that is not positive is an error of
/// the model; where it is meant to be,
/// [`resample_by_moments`](crate::resample_by_moments) takes means of either sign.
///
/// Fewer events carry the same effective sample size; what that means for errors is told with [`Resampled`].
#[derive(Debug, Clone, PartialEq)]
pub struct NeuralResampling<R, Q> {
    mean: R,
    mean_square: Q,
}

impl<R, Q> NeuralResampling<R, Q> {
    /// With the estimators of E\[w|x\] and of E\[w^2|x\].
    pub const fn new(mean: R, mean_square: Q) -> Self {
        Self { mean, mean_square }
    }

    /// Fits both moments. The report has the parts "mean" and "mean square".
    ///
    /// # Errors
    /// No events; weights whose sum is not positive; what the estimators return.
    pub fn fit<E>(
        &self,
        events: &Weighted<E>,
        rng: &mut dyn Rng,
        observer: &mut dyn Observer,
    ) -> Result<Fitted<NeuralResampler<R::Model, Q::Model>>>
    where
        E: EventSet,
        R: RatioEstimator<E>,
        Q: RatioEstimator<E>,
    {
        if events.is_empty() {
            return Err(CoreError::Empty { what: "sample to resample".into() }.into());
        }
        // In units of the largest |w|, so that squares neither overflow nor underflow.
        let unit = events.weights().iter().fold(0.0_f64, |largest, weight| largest.max(weight.abs()));
        let relative: Vec<f64> =
            events.weights().iter().map(|w| if unit > 0.0 { w / unit } else { 0.0 }).collect();
        let sum: f64 = relative.iter().sum();
        if sum <= 0.0 {
            return Err(hepml_stats::Error::NonPositiveSum { what: "weights", sum: sum * unit }.into());
        }
        let plain = Weighted::unit(events.shared_events());
        let mut report = FitReport::new();
        let squares = relative.iter().map(|w| w * w).collect();
        let mean = Moment::fit(&self.mean, "mean", &plain, relative, rng, observer, &mut report)?;
        let mean_square =
            Moment::fit(&self.mean_square, "mean square", &plain, squares, rng, observer, &mut report)?;
        Ok(Fitted { model: NeuralResampler { unit, mean, mean_square }, report })
    }
}

/// E\[f|x\] = E\[f\] r(x).
#[derive(Debug, Clone, PartialEq)]
struct Moment<M> {
    factor: f64,
    ratio: M,
}

impl<M> Moment<M> {
    fn fit<E, R>(
        estimator: &R,
        name: &str,
        plain: &Weighted<E>,
        weights: Vec<f64>,
        rng: &mut dyn Rng,
        observer: &mut dyn Observer,
        report: &mut FitReport,
    ) -> Result<Self>
    where
        E: EventSet,
        R: RatioEstimator<E, Model = M>,
    {
        let factor = weights.iter().sum::<f64>() / weights.len() as f64;
        let weighted = plain.reweighted(weights)?;
        let fitted = estimator.fit(&weighted, plain, rng, &mut Nested::new(name, observer))?;
        report.part(name, fitted.report);
        Ok(Self { factor, ratio: fitted.model })
    }

    /// The moment of each event, times these units.
    fn at<E: EventSet>(&self, events: &E, units: &[f64]) -> Result<Array1<f64>>
    where
        M: LogRatio<E>,
    {
        let z = self.ratio.log_ratio(events)?;
        if z.len() != events.event_count() {
            return Err(CoreError::shape("log ratios", events.event_count(), z.len()).into());
        }
        // One unit after the other: their product may overflow where the moment does not.
        let moment = z.mapv(|z| units.iter().fold(self.factor * z.exp(), |moment, unit| moment * unit));
        match moment.iter().position(|moment| !moment.is_finite()) {
            Some(event) => {
                let what = format!("moment of the weight, at a log ratio of {},", z[event]).into();
                Err(CoreError::NotFinite { what, item: Item::event(event), value: moment[event] }.into())
            }
            None => Ok(moment),
        }
    }
}

/// Learned moments of the weight at x.
///
/// Saved (where both models are) as a [`ModelFile`] of kind `hepml-ratio/neural-resampler`.
#[derive(Debug, Clone, PartialEq)]
pub struct NeuralResampler<M, Q> {
    /// The weight in units of which both moments are.
    unit: f64,
    mean: Moment<M>,
    mean_square: Moment<Q>,
}

impl<M, Q> NeuralResampler<M, Q> {
    /// E\[w|x\] of each event.
    ///
    /// # Errors
    /// What the model returns; a moment that is not finite or overflows, naming the event.
    pub fn mean<E: EventSet>(&self, events: &E) -> Result<Array1<f64>>
    where
        M: LogRatio<E>,
    {
        self.mean.at(events, &[self.unit])
    }

    /// E\[w^2|x\] of each event.
    ///
    /// # Errors
    /// As [`mean`](Self::mean).
    pub fn mean_square<E: EventSet>(&self, events: &E) -> Result<Array1<f64>>
    where
        Q: LogRatio<E>,
    {
        self.mean_square.at(events, &[self.unit; 2])
    }

    /// Resamples events, those of the fit or others of the same kind; see
    /// [`resample_by_moments`](crate::resample_by_moments).
    ///
    /// # Errors
    /// As [`mean`](Self::mean) and [`resample_by_moments`](crate::resample_by_moments).
    pub fn resample<E: EventSet>(&self, events: &Weighted<E>, rng: &mut dyn Rng) -> Result<Resampled<E>>
    where
        M: LogRatio<E>,
        Q: LogRatio<E>,
    {
        // In units of the weight: its square may be beyond the range of numbers.
        let means = self.mean.at(events.events(), &[])?.to_vec();
        let squares = self.mean_square.at(events.events(), &[])?.to_vec();
        resample_in_units(events, self.unit, [&means, &squares], rng)
    }
}

const KIND: &str = "hepml-ratio/neural-resampler";
const LAYOUT: u32 = 1;

impl<M: Save, Q: Save> Save for NeuralResampler<M, Q> {
    fn save(&self, writer: &mut dyn Write) -> Result<(), CoreError> {
        let mut file = ModelFile::new(KIND, LAYOUT, &[self.unit, self.mean.factor, self.mean_square.factor])?;
        file.insert_model("mean", &self.mean.ratio)?;
        file.insert_model("mean square", &self.mean_square.ratio)?;
        file.save(writer)
    }
}

impl<M: Load, Q: Load> Load for NeuralResampler<M, Q> {
    fn load(reader: &mut dyn Read) -> Result<Self, CoreError> {
        let file = ModelFile::load(reader)?;
        file.expect(KIND, LAYOUT)?;
        let [unit, mean, mean_square]: [f64; 3] = file.header()?;
        Ok(Self {
            unit,
            mean: Moment { factor: mean, ratio: file.model("mean")? },
            mean_square: Moment { factor: mean_square, ratio: file.model("mean square")? },
        })
    }
}
