//! Ratios of samples with negative weights, fitted by parts.

use std::io::{Read, Write};

use hepml_core::ndarray::Array1;
use hepml_core::rand::Rng;
use hepml_core::serde::{Deserialize, Serialize};
use hepml_core::{
    Error as CoreError, EventSet, FitReport, Fitted, Item, Load, LogRatio, ModelFile, Nested, Observer,
    RatioEstimator, Save, Weighted,
};

use crate::error::Result;
use crate::report::{Scored, can_examine, examine_scores, of_densities, warn_of_side};
use crate::split::{Origin, Part, SIDES, of_side, split_alike};
use crate::weight_sum::WeightSum;

const KIND: &str = "hepml-ratio/signed-parts";
/// The version of the layout of saved models.
const LAYOUT: u32 = 1;
/// What the fits of the parts are called in reports, progress and files.
const PARTS: [&str; 3] = ["numerator, positive", "numerator, negative", "denominator, negative"];

/// Fits the positive and negative parts of signed samples apart, so that no loss ever sees a negative weight.
///
/// The numerator is p = c+ p+ - c- p-, with densities p+ and p- of its events of positive and of negative weight and
/// c± = sum |w±|/sum w; the denominator is q = d+ q+ - d- q- in the same way. Each of p+, p-, q- is fitted against q+, and
/// r = (c+ r+ - c- r-)/(d+ - d- t) with r± = p±/q+ and t = q-/q+; for a denominator without negative weights
/// r = c+ r+ - c- r-. It can be negative, where the net weight of a side is.
///
/// A tenth of each side is held out from all parts. The report has those of the parts, the coefficients as measures, `negative
/// ratios` (the share of the held-out events at which r is not positive, or not defined; of the events of the fit where none are
/// held out), and what held-out events say of r, which there may be negative (see [`examine_scores`]).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde", deny_unknown_fields)]
pub struct SignedPartsConfig<R> {
    estimator: R,
    examination: f64,
}

impl<R> SignedPartsConfig<R> {
    /// The estimator of the parts.
    pub fn new(estimator: R) -> Self {
        Self { estimator, examination: 0.1 }
    }

    /// The fraction of each side on which the ratio is examined; 0 for none.
    #[must_use]
    pub fn examination(mut self, fraction: f64) -> Self {
        self.examination = fraction;
        self
    }

    fn learn<E: EventSet>(
        &self,
        numerator: &Weighted<E>,
        denominator: &Weighted<E>,
        rng: &mut dyn Rng,
        observer: &mut dyn Observer,
    ) -> Result<Fitted<SignedRatio<R::Model>>>
    where
        R: RatioEstimator<E>,
    {
        let (held_out, training) = if self.examination == 0.0 {
            (None, Part::whole([numerator, denominator]))
        } else {
            let [held_out, training] = split_alike([numerator, denominator], self.examination, rng)?;
            (Some(held_out), training)
        };
        let halves = |side: usize| Halves::new(SIDES[side], &training.sides[side], &training.indices[side]);
        let [above, below] = [halves(0)?, halves(1)?];
        let mut report = FitReport::new();
        of_densities(&mut report);
        for (name, side) in [("numerator", numerator), ("denominator", denominator)] {
            warn_of_side(name, side.weights(), &mut report);
        }
        let mut fit = |index: usize, side: usize, part: &Half<E>, rng: &mut dyn Rng| {
            let mut observer = Nested::new(PARTS[index], observer);
            let origin =
                Origin { names: [SIDES[side], SIDES[1]], indices: [&part.indices, &below.positive.indices] };
            let fitted = self
                .estimator
                .fit(&part.events, &below.positive.events, rng, &mut observer)
                .map_err(|error| origin.named(error))?;
            for warning in &fitted.report.warnings {
                report.warn(format!("{}: {warning}", PARTS[index]));
            }
            report.part(PARTS[index], fitted.report);
            Ok::<_, CoreError>(fitted.model)
        };
        let positive = fit(0, 0, &above.positive, rng)?;
        let negative = above.negative.as_ref().map(|part| fit(1, 0, part, rng)).transpose()?;
        let below_negative = below.negative.as_ref().map(|part| fit(2, 1, part, rng)).transpose()?;
        let coefficients = Coefficients { numerator: above.coefficients, denominator: below.coefficients };
        let model = SignedRatio { positive, negative, below_negative, coefficients };
        for (name, [plus, minus]) in
            [("numerator", coefficients.numerator), ("denominator", coefficients.denominator)]
        {
            report.measure(format!("coefficient/{name}, positive"), plus, None);
            report.measure(format!("coefficient/{name}, negative"), minus, None);
        }
        let judges = held_out.as_ref().unwrap_or(&training);
        let score = |side: usize| {
            Signed::new(&model, &judges.sides[side])
                .map_err(|error| judges.named(of_side(SIDES[side], error.into())))
        };
        let scores = [score(0)?, score(1)?];
        let events = judges.sides[0].len() + judges.sides[1].len();
        let not_positive = scores[0].not_positive + scores[1].not_positive;
        // Without events to ask there is no share.
        if events > 0 {
            report.measure("negative ratios", not_positive as f64 / events as f64, None);
        }
        if not_positive > 0 {
            report.warn(format!("at {not_positive} of {events} events r is not positive: they have no ln r"));
        }
        if let Some(Part { sides: [numerator, denominator], .. }) = &held_out
            && can_examine(numerator, denominator, &mut report)
        {
            let undefined = events - scores[0].z.len() - scores[1].z.len();
            if undefined > 0 {
                report.warn(format!(
                    "at {undefined} of {events} held-out events the net density of the denominator is not positive, and there is no r: \
                     what the report says of r is of the others"
                ));
            }
            match (scores[0].scored(), scores[1].scored()) {
                (Ok(above), Ok(below)) => examine_scores(above, below, rng, &mut report)?,
                (Err(error), _) | (_, Err(error)) => {
                    report.warn(format!("the ratio is not examined: {error}"));
                }
            }
        }
        Ok(Fitted { model, report })
    }
}

impl<E: EventSet, R: RatioEstimator<E>> RatioEstimator<E> for SignedPartsConfig<R> {
    type Model = SignedRatio<R::Model>;

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

/// What a model says of the events of a side at which it has an r.
struct Signed {
    /// ln |r|, whether r is negative, and the weight.
    z: Vec<f64>,
    is_negative: Vec<bool>,
    weights: Vec<f64>,
    /// The events at which r is not positive, or not defined.
    not_positive: usize,
}

impl Signed {
    fn new<E: EventSet, M: LogRatio<E>>(model: &SignedRatio<M>, side: &Weighted<E>) -> Result<Self> {
        let [n, d] = model.parts(side.events())?;
        let mut signed =
            Self { z: Vec::new(), is_negative: Vec::new(), weights: Vec::new(), not_positive: 0 };
        for ((&n, &d), weight) in n.iter().zip(&d).zip(side.weights()) {
            signed.not_positive += usize::from(!(n > 0.0 && d > 0.0));
            if d > 0.0 && d.is_finite() && n.is_finite() {
                signed.z.push(n.abs().ln() - d.ln());
                signed.is_negative.push(n < 0.0);
                signed.weights.push(*weight);
            }
        }
        Ok(signed)
    }

    fn scored(&self) -> Result<Scored<'_>> {
        Scored::signed(&self.z, &self.is_negative, &self.weights)
    }
}

/// The events of a side by the sign of their weights, which are then all positive.
struct Halves<E> {
    positive: Half<E>,
    negative: Option<Half<E>>,
    coefficients: [f64; 2],
}

/// The events of one sign, and which they are.
struct Half<E> {
    events: Weighted<E>,
    indices: Vec<usize>,
}

impl<E: EventSet> Halves<E> {
    /// The events of a side, which have these numbers.
    fn new(name: &'static str, side: &Weighted<E>, indices: &[usize]) -> Result<Self> {
        if side.is_empty() {
            return Err(CoreError::Empty { what: name.into() }.into());
        }
        let weights = side.weights();
        let WeightSum { largest, .. } =
            WeightSum::of(weights).positive(|| format!("weights of the {name}"))?;
        let sum = |sign: f64| weights.iter().map(|w| (sign * w / largest).max(0.0)).sum::<f64>();
        let [plus, minus] = [sum(1.0), sum(-1.0)];
        let of_sign = |sign: f64| {
            let events: Vec<usize> =
                (0..weights.len()).filter(|event| sign * weights[*event] > 0.0).collect();
            let selected = side.select(&events)?;
            let sizes = selected.weights().iter().map(|w| w.abs()).collect();
            let indices = events.into_iter().map(|event| indices[event]).collect();
            Ok::<_, CoreError>(Half { events: selected.reweighted(sizes)?, indices })
        };
        let negative = if minus > 0.0 { Some(of_sign(-1.0)?) } else { None };
        let coefficients = [plus / (plus - minus), minus / (plus - minus)];
        Ok(Self { positive: of_sign(1.0)?, negative, coefficients })
    }
}

/// c+ and c-, d+ and d-.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde", deny_unknown_fields)]
struct Coefficients {
    numerator: [f64; 2],
    denominator: [f64; 2],
}

/// A ratio that can be negative, fitted by [`SignedPartsConfig`]: `ratio` always, `log_ratio` where it is positive.
#[derive(Debug, Clone, PartialEq)]
pub struct SignedRatio<M> {
    positive: M,
    negative: Option<M>,
    below_negative: Option<M>,
    coefficients: Coefficients,
}

impl<M> SignedRatio<M> {
    /// The model of p+/q+.
    pub fn positive(&self) -> &M {
        &self.positive
    }

    /// The model of p-/q+, if the numerator has negative weights.
    pub fn negative(&self) -> Option<&M> {
        self.negative.as_ref()
    }

    /// The model of q-/q+, if the denominator has negative weights.
    pub fn below_negative(&self) -> Option<&M> {
        self.below_negative.as_ref()
    }

    /// r of each event, of either sign.
    ///
    /// # Errors
    /// Those of the parts; a denominator that is not positive, or a ratio that overflows, naming the event.
    pub fn ratio<E: ?Sized>(&self, events: &E) -> Result<Array1<f64>>
    where
        M: LogRatio<E>,
    {
        let [mut ratio, denominator] = self.parts(events)?;
        for (event, (r, d)) in ratio.iter_mut().zip(denominator).enumerate() {
            if d <= 0.0 {
                let (what, item) = ("net density of the denominator (over that of its positive part)", event);
                return Err(out_of_range(what, item, d).into());
            }
            *r /= d;
            if !r.is_finite() {
                let (what, item) = ("ratio".into(), Item::event(event));
                return Err(CoreError::NotFinite { what, item, value: *r }.into());
            }
        }
        Ok(ratio)
    }

    /// Numerator and denominator of r.
    fn parts<E: ?Sized>(&self, events: &E) -> Result<[Array1<f64>; 2]>
    where
        M: LogRatio<E>,
    {
        let Coefficients { numerator, denominator } = self.coefficients;
        let positive = self.positive.log_ratio(events)?.mapv(|z| numerator[0] * z.exp());
        let less = |from: Array1<f64>, model: &Option<M>, coefficient: f64| {
            let Some(model) = model else { return Ok(from) };
            let z = model.log_ratio(events)?;
            if z.len() != from.len() {
                return Err(CoreError::shape("log ratios of a part", from.len(), z.len()));
            }
            Ok(from - z.mapv(|z| coefficient * z.exp()))
        };
        let whole = Array1::from_elem(positive.len(), denominator[0]);
        Ok([
            less(positive, &self.negative, numerator[1])?,
            less(whole, &self.below_negative, denominator[1])?,
        ])
    }
}

fn out_of_range(what: &'static str, event: usize, value: f64) -> CoreError {
    CoreError::out_of_range(what, value, "positive").at_event(event)
}

/// ln r where r > 0; elsewhere an error that names the event.
impl<E: ?Sized, M: LogRatio<E>> LogRatio<E> for SignedRatio<M> {
    fn log_ratio(&self, events: &E) -> hepml_core::Result<Array1<f64>> {
        let ratio = self.ratio(events)?;
        match ratio.iter().position(|r| *r <= 0.0) {
            Some(event) => Err(out_of_range("ratio, whose logarithm is asked for,", event, ratio[event])),
            None => Ok(ratio.mapv_into(f64::ln)),
        }
    }
}

impl<M: Save> Save for SignedRatio<M> {
    fn save(&self, writer: &mut dyn Write) -> hepml_core::Result<()> {
        let mut file = ModelFile::new(KIND, LAYOUT, &self.coefficients)?;
        let models = [Some(&self.positive), self.negative.as_ref(), self.below_negative.as_ref()];
        for (name, model) in PARTS.into_iter().zip(models) {
            if let Some(model) = model {
                file.insert_model(name, model)?;
            }
        }
        file.save(writer)
    }
}

impl<M: Load> Load for SignedRatio<M> {
    fn load(reader: &mut dyn Read) -> hepml_core::Result<Self> {
        let file = ModelFile::load(reader)?;
        file.expect(KIND, LAYOUT)?;
        let coefficients: Coefficients = file.header()?;
        // A part is there if and only if it has a coefficient.
        let part = |index: usize, coefficient: f64| {
            (coefficient != 0.0).then(|| file.model(PARTS[index])).transpose()
        };
        Ok(Self {
            positive: file.model(PARTS[0])?,
            negative: part(1, coefficients.numerator[1])?,
            below_negative: part(2, coefficients.denominator[1])?,
            coefficients,
        })
    }
}

#[cfg(test)]
mod tests {
    use hepml_core::ndarray::array;
    use hepml_core::rand::SeedableRng;
    use hepml_core::rand_chacha::ChaCha8Rng;
    use hepml_core::{Result as CoreResult, Table};

    use super::*;

    /// Two bins, x below and above 0: exact.
    struct TwoBins;

    #[derive(Debug, Clone, PartialEq)]
    struct Bins([f64; 2]);

    impl LogRatio<Table> for Bins {
        fn log_ratio(&self, events: &Table) -> CoreResult<Array1<f64>> {
            Ok(events.column(0).mapv(|x| self.0[usize::from(x > 0.0)].ln()))
        }
    }

    impl Save for Bins {
        fn save(&self, writer: &mut dyn Write) -> CoreResult<()> {
            ModelFile::new("test/bins", 1, &self.0)?.save(writer)
        }
    }

    impl Load for Bins {
        fn load(reader: &mut dyn Read) -> CoreResult<Self> {
            Ok(Self(ModelFile::load(reader)?.header()?))
        }
    }

    impl RatioEstimator<Table> for TwoBins {
        type Model = Bins;

        fn fit(
            &self,
            numerator: &Weighted<Table>,
            denominator: &Weighted<Table>,
            _: &mut dyn Rng,
            _: &mut dyn Observer,
        ) -> CoreResult<Fitted<Bins>> {
            let share = |side: &Weighted<Table>, above: bool| {
                assert!(side.weights().iter().all(|w| *w > 0.0), "no part has negative weights");
                let here = side.events().iter().zip(side.weights()).filter(|(x, _)| (**x > 0.0) == above);
                here.map(|(_, w)| w).sum::<f64>() / side.sum_weights()
            };
            let model = Bins([false, true].map(|above| share(numerator, above) / share(denominator, above)));
            Ok(Fitted { model, report: FitReport::new() })
        }
    }

    fn side(weights: [f64; 4]) -> Weighted<Table> {
        Weighted::new(array![[-1.0], [-2.0], [1.0], [2.0]], weights.to_vec()).unwrap()
    }

    fn fit(numerator: [f64; 4], denominator: [f64; 4]) -> CoreResult<Fitted<SignedRatio<Bins>>> {
        let rng = &mut ChaCha8Rng::seed_from_u64(1);
        let config = SignedPartsConfig::new(TwoBins).examination(0.0);
        config.fit(&side(numerator), &side(denominator), rng, &mut ())
    }

    #[test]
    fn signed_parts_are_put_together_exactly() {
        let places: Table = array![[-1.0], [1.0]];
        // Shares (3 - 1)/6 and (5 - 1)/6 over (2 - 1/2)/3 and (2 - 1/2)/3.
        let fitted = fit([3.0, -1.0, 5.0, -1.0], [2.0, -0.5, 2.0, -0.5]).unwrap();
        let ratio = fitted.model.ratio(&places).unwrap();
        assert!((ratio[0] - 2.0 / 3.0).abs() < 1e-14 && (ratio[1] - 4.0 / 3.0).abs() < 1e-14, "{ratio}");
        let z = fitted.model.log_ratio(&places).unwrap();
        assert!((z[1] - (4.0_f64 / 3.0).ln()).abs() < 1e-14);
        assert_eq!(fitted.report.get("negative ratios").unwrap().value, 0.0);
        let loaded = SignedRatio::<Bins>::from_bytes(&fitted.model.to_bytes().unwrap()).unwrap();
        assert_eq!(loaded, fitted.model);
        // Without negative weights it is the plain fit.
        let fitted = fit([3.0, 1.0, 1.0, 1.0], [1.0; 4]).unwrap();
        assert!(fitted.model.negative().is_none());
        let plain = fitted.model.positive().log_ratio(&places).unwrap();
        assert_eq!(fitted.model.log_ratio(&places).unwrap(), plain);
        let loaded = SignedRatio::<Bins>::from_bytes(&fitted.model.to_bytes().unwrap()).unwrap();
        assert_eq!(loaded, fitted.model);
    }

    #[test]
    fn negative_ratios_have_no_logarithm() {
        let places: Table = array![[1.0], [-1.0]];
        // Below 0 the numerator has (1 - 2)/4, the denominator 1/2.
        let fitted = fit([1.0, -2.0, 4.0, 1.0], [1.0; 4]).unwrap();
        let ratio = fitted.model.ratio(&places).unwrap();
        assert!((ratio[1] + 0.5).abs() < 1e-14, "{ratio}");
        let error = fitted.model.log_ratio(&places).unwrap_err().to_string();
        assert!(error.contains("event 1") && error.contains("ratio"), "{error}");
        assert_eq!(fitted.report.get("negative ratios").unwrap().value, 0.5);
        assert_eq!(fitted.report.warnings.len(), 1);
        // A negative denominator has no ratio.
        let fitted = fit([1.0; 4], [1.0, -2.0, 4.0, 1.0]).unwrap();
        let error = fitted.model.ratio(&places).unwrap_err().to_string();
        assert!(error.contains("denominator") && error.contains("event 1"), "{error}");
    }

    #[test]
    fn held_out_events_examine_ratios_of_either_sign() {
        // Below 0 one in three events of the numerator has the weight -3, above 0 all have 1: r is -1/2 and 3/2 + 1/2 or so.
        let places = |i: usize| if i.is_multiple_of(2) { -1.0 } else { 1.0 };
        let events = Table::from_shape_fn((9000, 1), |(i, _)| places(i));
        let weights = (0..9000).map(|i| if i % 6 == 0 { -3.0 } else { 1.0 }).collect();
        let numerator = Weighted::new(events.clone(), weights).unwrap();
        let rng = &mut ChaCha8Rng::seed_from_u64(2);
        let config = SignedPartsConfig::new(TwoBins);
        let fitted = config.fit(&numerator, &Weighted::unit(events), rng, &mut ()).unwrap();
        let report = &fitted.report;
        // 1500 (1 + 1 - 3) below 0 and 4500 above, of 3000, over 1/2 each: r = -1 and 3.
        let ratio = fitted.model.ratio(&array![[-1.0], [1.0]]).unwrap();
        assert!((ratio[0] + 1.0).abs() < 0.2 && (ratio[1] - 3.0).abs() < 0.2, "{ratio}");
        assert!((report.get("negative ratios").unwrap().value - 0.5).abs() < 0.05);
        // Beyond 4 sigma a fixed seed would be bad luck of 1 in 16,000.
        let measure = report.get("normalisation").unwrap();
        assert!((measure.value - 1.0).abs() < 4.0 * measure.error.unwrap(), "{measure:?}");
        assert!(report.get("inverse normalisation").is_none());
        assert!(report.get("closure auc").is_some() && report.get("tail index/denominator").is_none());
        assert_eq!(report.get("effective sample size/denominator").unwrap().value, 900.0);
        assert_eq!(report.get("ratio of densities").unwrap().value, 1.0);
        assert!(report.warnings.iter().any(|w| w.contains("r is negative at")), "{:?}", report.warnings);
    }

    #[test]
    fn bad_input() {
        for weights in [[0.0; 4], [1.0, -1.0, 1.0, -2.0], [1.0, f64::EPSILON - 1.0, 0.0, 0.0]] {
            assert!(fit(weights, [1.0; 4]).unwrap_err().to_string().contains("numerator"));
            assert!(fit([1.0; 4], weights).unwrap_err().to_string().contains("denominator"));
        }
        for fraction in [-0.1, 1.0, f64::NAN] {
            let config = SignedPartsConfig::new(TwoBins).examination(fraction);
            let rng = &mut ChaCha8Rng::seed_from_u64(1);
            let error = config.fit(&side([1.0; 4]), &side([1.0; 4]), rng, &mut ()).unwrap_err().to_string();
            assert!(error.contains("examination"), "{error}");
        }
        let empty = Weighted::unit(Table::zeros((0, 1)));
        let rng = &mut ChaCha8Rng::seed_from_u64(1);
        let error = SignedPartsConfig::new(TwoBins).fit(&side([1.0; 4]), &empty, rng, &mut ()).unwrap_err();
        assert_eq!(error.to_string(), "denominator is empty");
    }
}
