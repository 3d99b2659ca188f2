//! Ratios with another normalisation.

use std::io::{Read, Write};

use hepml_core::ndarray::Array1;
use hepml_core::serde::{Deserialize, Serialize};
use hepml_core::{Error as CoreError, EventSet, Load, LogRatio, ModelFile, Save, Weighted};
use hepml_stats::Estimate;

use crate::error::Result;
use crate::report::{ExponentialMean, Scored};
use crate::split::of_side;
use crate::weight_sum::WeightSum;

const KIND: &str = "hepml-ratio/renormalised";
/// The version of the layout of saved models.
const LAYOUT: u32 = 1;

/// What a ratio is one of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde")]
pub enum RatioOf {
    /// Densities: p_num/p_den, each side normalised to its own sum of weights; E_den\[r\] = 1.
    Densities,
    /// Yields: Y_num p_num/(Y_den p_den), with the sums of weights Y; E_den\[r\] = Y_num/Y_den.
    Yields,
}

/// A ratio over a number N: z - ln N.
///
/// With N = E_den\[e^z\] ([`new`](Self::new)) the reweighted denominator keeps its sum of weights; with N = Y_den/Y_num
/// ([`to_yields`](Self::to_yields)) a ratio of densities becomes one of yields, and the reweighted denominator gets the numerator's.
///
/// ```
/// use hepml_core::{LogRatio, Result, Table, Weighted, ndarray::{Array1, array}};
/// use hepml_ratio::Renormalised;
///
/// struct Twice;
/// impl LogRatio<Table> for Twice {
///     fn log_ratio(&self, events: &Table) -> Result<Array1<f64>> {
///         Ok(Array1::from_elem(events.nrows(), 2.0_f64.ln()))
///     }
/// }
/// let denominator = Weighted::unit(array![[1.0], [2.0]]);
/// let model = Renormalised::new(Twice, &denominator)?;
/// assert!(model.log_ratio(denominator.events())?.iter().all(|z| z.abs() < 1e-15));
/// # Ok::<(), hepml_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Renormalised<M> {
    model: M,
    about: About,
}

/// What there is beside the model.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde", deny_unknown_fields)]
struct About {
    log_normalisation: f64,
    of: RatioOf,
}

impl<M> Renormalised<M> {
    /// The model over its mean on these events of the denominator, with weights of either sign: a ratio of densities.
    ///
    /// Events that the model was fitted to see a mean that is biased; held-out ones do not.
    ///
    /// # Errors
    /// Those of the model; no events; a z that is NaN, or plus infinity at an event that has a weight, naming the event; weights, or
    /// weights times r, that do not sum to a positive number.
    pub fn new<E: EventSet>(model: M, denominator: &Weighted<E>) -> Result<Self>
    where
        M: LogRatio<E>,
    {
        let of_denominator = |error: CoreError| of_side("denominator", error);
        let z = model.log_ratio(denominator.events()).map_err(of_denominator)?.to_vec();
        let scored = Scored::new(&z, denominator.weights()).map_err(|error| of_denominator(error.into()))?;
        if let Some(event) = scored.infinite() {
            return Err(of_denominator(CoreError::not_finite("log ratio", z[event]).at_event(event)).into());
        }
        let mean = ExponentialMean::new(z.iter().copied(), denominator.weights())?;
        if mean.scaled.value <= 0.0 {
            let what = "weights times r of the denominator";
            return Err(hepml_stats::Error::NonPositiveSum { what, sum: mean.scaled.value }.into());
        }
        let log_normalisation = mean.shift + mean.scaled.value.ln();
        Ok(Self { model, about: About { log_normalisation, of: RatioOf::Densities } })
    }

    /// A ratio of densities times Y_num/Y_den, the ratio of the sums of weights of these samples: a ratio of yields.
    ///
    /// # Errors
    /// A sample without events, or with weights that do not sum to a positive number.
    pub fn to_yields<E: EventSet>(
        model: M,
        numerator: &Weighted<E>,
        denominator: &Weighted<E>,
    ) -> Result<Self> {
        let log_normalisation = -log_yield_ratio(numerator, denominator)?.value;
        Ok(Self { model, about: About { log_normalisation, of: RatioOf::Yields } })
    }

    /// The model before.
    pub fn model(&self) -> &M {
        &self.model
    }

    /// ln N: what is subtracted from the z of the model before.
    pub fn log_normalisation(&self) -> f64 {
        self.about.log_normalisation
    }

    /// What it is a ratio of.
    pub fn of(&self) -> RatioOf {
        self.about.of
    }
}

/// ln(Y_num/Y_den), with the error sqrt(sum w²)/sum w of the yield of a Poisson number of events on each side.
pub(crate) fn log_yield_ratio<E: EventSet>(
    numerator: &Weighted<E>,
    denominator: &Weighted<E>,
) -> Result<Estimate> {
    let (mut log, mut variance) = ([0.0; 2], 0.0);
    for (index, (name, side)) in
        [("numerator", numerator), ("denominator", denominator)].into_iter().enumerate()
    {
        if side.is_empty() {
            return Err(CoreError::Empty { what: name.into() }.into());
        }
        let WeightSum { largest, scaled: sum, .. } =
            WeightSum::of(side.weights()).positive(|| format!("weights of the {name}"))?;
        log[index] = sum.ln() + largest.ln();
        variance += side.weights().iter().map(|w| (w / largest).powi(2)).sum::<f64>() / (sum * sum);
    }
    Ok(Estimate::new(log[0] - log[1], variance.sqrt())?)
}

impl<E: ?Sized, M: LogRatio<E>> LogRatio<E> for Renormalised<M> {
    fn log_ratio(&self, events: &E) -> hepml_core::Result<Array1<f64>> {
        Ok(self.model.log_ratio(events)? - self.about.log_normalisation)
    }
}

impl<M: Save> Save for Renormalised<M> {
    fn save(&self, writer: &mut dyn Write) -> hepml_core::Result<()> {
        let mut file = ModelFile::new(KIND, LAYOUT, &self.about)?;
        file.insert_model("model", &self.model)?;
        file.save(writer)
    }
}

impl<M: Load> Load for Renormalised<M> {
    fn load(reader: &mut dyn Read) -> hepml_core::Result<Self> {
        let file = ModelFile::load(reader)?;
        file.expect(KIND, LAYOUT)?;
        Ok(Self { model: file.model("model")?, about: file.header()? })
    }
}

#[cfg(test)]
mod tests {
    use hepml_core::Table;
    use hepml_core::ndarray::array;

    use super::*;

    /// z = scale * x + shift.
    #[derive(Debug)]
    struct Line {
        scale: f64,
        shift: f64,
    }

    impl LogRatio<Table> for Line {
        fn log_ratio(&self, events: &Table) -> hepml_core::Result<Array1<f64>> {
            Ok(events.column(0).mapv(|x| self.scale * x + self.shift))
        }
    }

    #[test]
    fn renormalised_ratios_have_mean_one() {
        let below = Weighted::unit(Table::from_shape_fn((1000, 1), |(i, _)| 0.002 * i as f64 - 1.0));
        let model = Renormalised::new(Line { scale: 0.6, shift: 700.0 }, &below).unwrap();
        let mean = model.log_ratio(below.events()).unwrap().mapv(f64::exp).mean().unwrap();
        // z of 700 is known to 1e-13.
        assert!((mean - 1.0).abs() < 1e-12);
        assert_eq!(model.of(), RatioOf::Densities);
        // Infinite r is no matter at an event without a weight.
        let far = |weight: f64| {
            let far = Weighted::new(array![[f64::INFINITY]], vec![weight]).unwrap();
            Renormalised::new(Line { scale: 0.6, shift: 700.0 }, &Weighted::concat(&[&below, &far]).unwrap())
        };
        assert_eq!(far(0.0).unwrap().log_normalisation(), model.log_normalisation());
        assert!(far(1.0).unwrap_err().to_string().contains("event 1000"));
        let mut weights = vec![0.1; 1000];
        weights[999] = -90.0;
        let negative = below.reweighted(weights).unwrap();
        let error = Renormalised::new(Line { scale: 5.0, shift: 0.0 }, &negative).unwrap_err().to_string();
        assert!(error.contains("not positive"), "{error}");
        let error = Renormalised::new(Line { scale: f64::NAN, shift: 0.0 }, &below).unwrap_err().to_string();
        assert!(error.contains("event 0"), "{error}");
        let error =
            Renormalised::new(Line { scale: 1e308, shift: f64::INFINITY }, &below).unwrap_err().to_string();
        assert!(error.contains("event 0"), "{error}");
    }

    #[test]
    fn yields_have_the_errors_of_their_weights() {
        let side = |weights: Vec<f64>| Weighted::new(Table::zeros((weights.len(), 1)), weights).unwrap();
        // 6 +- sqrt(14) over 2 +- sqrt(10).
        let (above, below) = (side(vec![1.0, 2.0, 3.0]), side(vec![3.0, -1.0]));
        let ratio = log_yield_ratio(&above, &below).unwrap();
        assert!((ratio.value - 3.0_f64.ln()).abs() < 1e-15, "{ratio}");
        assert!((ratio.error - (14.0 / 36.0 + 10.0 / 4.0_f64).sqrt()).abs() < 1e-15, "{ratio}");
        let model = Renormalised::to_yields(Line { scale: 1.0, shift: 0.0 }, &above, &below).unwrap();
        assert_eq!(model.of(), RatioOf::Yields);
        let z = model.log_ratio(&array![[0.5]]).unwrap()[0];
        assert!((z - 0.5 - 3.0_f64.ln()).abs() < 1e-15, "{z}");
        // Sums beyond the range of numbers.
        let huge = side(vec![1e308; 3]);
        assert!((log_yield_ratio(&huge, &huge).unwrap().value).abs() < 1e-15);
        for (bad, name) in [(vec![1.0, -1.0], "numerator"), (vec![0.0], "numerator"), (vec![], "numerator")] {
            assert!(log_yield_ratio(&side(bad.clone()), &below).unwrap_err().to_string().contains(name));
            let error = log_yield_ratio(&above, &side(bad)).unwrap_err().to_string();
            assert!(error.contains("denominator"), "{error}");
        }
    }
}
