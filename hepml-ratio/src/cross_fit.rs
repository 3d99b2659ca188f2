//! Cross-fitting: every event is scored, and none by a model that saw it.

use std::io::{Read, Write};

use hepml_core::ndarray::Array1;
use hepml_core::rand::Rng;
use hepml_core::serde::{Deserialize, Serialize};
use hepml_core::{
    Error as CoreError, EventSet, FitReport, Fitted, Load, LogRatio, ModelFile, Observer, RatioEstimator,
    Save, Weighted, fit_parts,
};

use crate::ensemble::{EnsembleMean, EnsembleRatio};
use crate::error::Result;
use crate::report::{Scored, can_examine, examine_scores};
use crate::split::{Part, SIDES, folds_alike, of_side};

const KIND: &str = "hepml-ratio/cross-fit";
/// The version of the layout of saved models.
const LAYOUT: u32 = 1;
/// What the scores of the sides are called in files.
const SCORES: [[&str; 2]; 2] =
    [["numerator, log ratios", "numerator, folds"], ["denominator, log ratios", "denominator, folds"]];

/// The models of k folds and the ln r that they give to the events they have not seen.
///
/// As a [`LogRatio`] it is for *other* events: the arithmetic mean of the folds' ratios. The events of the fit have been seen by all
/// models but one; theirs are [`numerator`](Self::numerator) and [`denominator`](Self::denominator).
#[derive(Debug, Clone, PartialEq)]
pub struct CrossFitted<M> {
    models: EnsembleRatio<M>,
    sides: [OutOfFold; 2],
}

/// What cross-fitting says of the events of one side, in their order.
#[derive(Debug, Clone, PartialEq)]
pub struct OutOfFold {
    /// ln r of each event, by the model that has not seen it.
    pub log_ratio: Array1<f64>,
    /// The fold of each event: which model that is.
    pub folds: Vec<usize>,
}

impl<M> CrossFitted<M> {
    /// The models, in the order of the folds; the ensemble of them is what other events are given.
    pub fn models(&self) -> &EnsembleRatio<M> {
        &self.models
    }

    /// The events of the numerator.
    pub fn numerator(&self) -> &OutOfFold {
        &self.sides[0]
    }

    /// The events of the denominator.
    pub fn denominator(&self) -> &OutOfFold {
        &self.sides[1]
    }
}

impl<E: ?Sized, M: LogRatio<E>> LogRatio<E> for CrossFitted<M> {
    fn log_ratio(&self, events: &E) -> hepml_core::Result<Array1<f64>> {
        self.models.log_ratio(events)
    }
}

/// With the scores of the events of the fit, which have to be finite.
impl<M: Save> Save for CrossFitted<M> {
    fn save(&self, writer: &mut dyn Write) -> hepml_core::Result<()> {
        let mut file = ModelFile::new(KIND, LAYOUT, &())?;
        for ([log_ratio, folds], side) in SCORES.into_iter().zip(&self.sides) {
            file.insert_f64(log_ratio, &side.log_ratio)?;
            let numbers = side.folds.iter().map(|fold| i64::try_from(*fold).expect("folds are few"));
            file.insert_i64(folds, &Array1::from_iter(numbers))?;
        }
        file.insert_model("models", &self.models)?;
        file.save(writer)
    }
}

impl<M: Load> Load for CrossFitted<M> {
    fn load(reader: &mut dyn Read) -> hepml_core::Result<Self> {
        let file = ModelFile::load(reader)?;
        file.expect(KIND, LAYOUT)?;
        let models: EnsembleRatio<M> = file.model("models")?;
        let side = |[log_ratio, folds]: [&str; 2]| {
            let log_ratio: Array1<f64> = file.f64(log_ratio)?;
            let numbers: Array1<i64> = file.i64(folds)?;
            file.expect_shape(folds, &[log_ratio.len()])?;
            let fold =
                |number: &i64| usize::try_from(*number).ok().filter(|fold| *fold < models.members().len());
            let folds = numbers.iter().map(fold).collect::<Option<Vec<usize>>>();
            let folds = folds.ok_or_else(|| CoreError::Model("a fold that has no model".to_owned()))?;
            Ok::<_, CoreError>(OutOfFold { log_ratio, folds })
        };
        let sides = [side(SCORES[0])?, side(SCORES[1])?];
        Ok(Self { models, sides })
    }
}

/// Fits [`CrossFitted`] ratios: both sides are cut into k random folds, and the model of a fold is fitted to all others.
///
/// The sides are cut alike: an event that is in both at the same place (one a reweighting of the other) is in the same fold of
/// both, and no model that saw it scores it.
///
/// Folds are fitted at the same time, each with random numbers of its own; the result does not depend on the number of threads.
/// The report has those of the folds as parts, and what [`examine_scores`] says of all events, each scored by the model that has
/// not seen it: E_den\[r\] is that of the folds' models, without the bias that scores of events of the fit have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde", deny_unknown_fields)]
pub struct CrossFitConfig<R> {
    estimator: R,
    folds: usize,
}

impl<R> CrossFitConfig<R> {
    /// So many folds, at least 2.
    pub fn new(estimator: R, folds: usize) -> Self {
        Self { estimator, folds }
    }

    fn learn<E: EventSet>(
        &self,
        numerator: &Weighted<E>,
        denominator: &Weighted<E>,
        rng: &mut dyn Rng,
        observer: &mut dyn Observer,
    ) -> Result<Fitted<CrossFitted<R::Model>>>
    where
        R: RatioEstimator<E>,
        R::Model: Send,
    {
        let sides = [numerator, denominator];
        let folds = folds_alike(sides, self.folds, rng)?;
        let fits = fit_parts(self.folds, "fold", rng, observer, |fold, rng, observer| {
            let others = [0, 1].map(|side: usize| {
                let folds = folds[side].iter().enumerate();
                let mut others: Vec<usize> = folds
                    .filter(|(other, _)| *other != fold)
                    .flat_map(|(_, events)| events)
                    .copied()
                    .collect();
                others.sort_unstable();
                others
            });
            let part = Part::new(sides, others)?;
            let fitted = self.estimator.fit(&part.sides[0], &part.sides[1], rng, observer);
            fitted.map_err(|error| part.named(error))
        })?;

        let mut report = FitReport::new();
        let mut models = Vec::with_capacity(self.folds);
        let mut out_of_fold =
            sides.map(|side| OutOfFold { log_ratio: Array1::zeros(side.len()), folds: vec![0; side.len()] });
        for (fold, fitted) in fits.into_iter().enumerate() {
            // Without one fold, its events have no score.
            let Some(Fitted { model, report: of_fold }) = fitted else {
                return Err(CoreError::Stopped { stage: "the folds of a cross-fit".into() }.into());
            };
            for warning in &of_fold.warnings {
                report.warn(format!("fold {fold}: {warning}"));
            }
            report.part(format!("fold {fold}"), of_fold);
            let unseen = Part::new(sides, [0, 1].map(|side: usize| folds[side][fold].clone()))?;
            for (side, scored) in out_of_fold.iter_mut().enumerate() {
                let (events, indices) = (unseen.sides[side].events(), &unseen.indices[side]);
                let z = model.log_ratio(events);
                let z = z.map_err(|error| unseen.named(of_side(SIDES[side], error)))?;
                if z.len() != indices.len() {
                    return Err(CoreError::shape("log ratios of a fold", indices.len(), z.len()).into());
                }
                for (&event, z) in indices.iter().zip(z) {
                    scored.log_ratio[event] = z;
                    scored.folds[event] = fold;
                }
            }
            models.push(model);
        }
        report.measure("folds", self.folds as f64, None);
        let z = [0, 1].map(|side| out_of_fold[side].log_ratio.to_vec());
        if can_examine(numerator, denominator, &mut report) {
            let scored = |side: usize| {
                let scored = Scored::new(&z[side], sides[side].weights());
                scored.map_err(|error| of_side(SIDES[side], error.into()))
            };
            examine_scores(scored(0)?, scored(1)?, rng, &mut report)?;
        }
        let models = EnsembleRatio::new(models, EnsembleMean::Arithmetic)?;
        Ok(Fitted { model: CrossFitted { models, sides: out_of_fold }, report })
    }
}

impl<E, R> RatioEstimator<E> for CrossFitConfig<R>
where
    E: EventSet,
    R: RatioEstimator<E>,
    R::Model: Send,
{
    type Model = CrossFitted<R::Model>;

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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use hepml_core::rand::SeedableRng;
    use hepml_core::rand_chacha::ChaCha8Rng;
    use hepml_core::{Result as CoreResult, Table};

    use super::*;

    /// Remembers every event that it is fitted to.
    struct Memorises;

    /// ln r = 1 for an event of the numerator that it remembers, -1 for one of the denominator, 0 for others.
    #[derive(Debug, PartialEq)]
    struct Memory([BTreeSet<u64>; 2]);

    impl LogRatio<Table> for Memory {
        fn log_ratio(&self, events: &Table) -> CoreResult<Array1<f64>> {
            Ok(events.column(0).mapv(|x| {
                let [numerator, denominator] = [0, 1].map(|side| self.0[side].contains(&x.to_bits()));
                f64::from(u8::from(numerator)) - f64::from(u8::from(denominator))
            }))
        }
    }

    impl RatioEstimator<Table> for Memorises {
        type Model = Memory;

        fn fit(
            &self,
            numerator: &Weighted<Table>,
            denominator: &Weighted<Table>,
            _: &mut dyn Rng,
            _: &mut dyn Observer,
        ) -> CoreResult<Fitted<Memory>> {
            let seen =
                [numerator, denominator].map(|side| side.events().iter().map(|x| x.to_bits()).collect());
            Ok(Fitted { model: Memory(seen), report: FitReport::new() })
        }
    }

    fn sides() -> [Weighted<Table>; 2] {
        [(0.0, 103), (1e4, 57)]
            .map(|(shift, count)| Weighted::unit(Table::from_shape_fn((count, 1), |(i, _)| i as f64 + shift)))
    }

    #[test]
    fn no_event_is_scored_by_a_model_that_saw_it() {
        let [numerator, denominator] = sides();
        let rng = &mut ChaCha8Rng::seed_from_u64(1);
        // What a fit to all events says of them.
        let plain = Memorises.fit(&numerator, &denominator, rng, &mut ()).unwrap().model;
        assert!(plain.log_ratio(numerator.events()).unwrap().iter().all(|z| *z == 1.0));
        let fitted = CrossFitConfig::new(Memorises, 5).fit(&numerator, &denominator, rng, &mut ()).unwrap();
        let model = &fitted.model;
        for (side, scored) in [(&numerator, model.numerator()), (&denominator, model.denominator())] {
            assert_eq!(scored.log_ratio.len(), side.len());
            assert!(scored.log_ratio.iter().all(|z| *z == 0.0));
            for (event, fold) in scored.folds.iter().enumerate() {
                let one = side.events().select_events(&[event]).unwrap();
                for (index, of_fold) in model.models().members().iter().enumerate() {
                    // All others have seen it.
                    assert_eq!(of_fold.log_ratio(&one).unwrap()[0] == 0.0, index == *fold);
                }
            }
        }
        let auc = fitted.report.get("auc").unwrap();
        assert_eq!((auc.value, auc.error), (0.5, Some(0.0)));
        assert_eq!(fitted.report.parts.len(), 5);
    }

    #[test]
    fn no_model_scores_an_event_that_it_saw_on_the_other_side() {
        // The same events on both sides, one a reweighting of the other.
        let [numerator, _] = sides();
        let denominator = numerator.reweighted(vec![0.5; 103]).unwrap();
        let rng = &mut ChaCha8Rng::seed_from_u64(2);
        let fitted = CrossFitConfig::new(Memorises, 5).fit(&numerator, &denominator, rng, &mut ()).unwrap();
        for (event, fold) in fitted.model.numerator().folds.iter().enumerate() {
            let Memory(seen) = &fitted.model.models().members()[*fold];
            assert!(seen.iter().all(|side| !side.contains(&(event as f64).to_bits())), "{event}");
        }
        assert_eq!(fitted.model.numerator().folds, fitted.model.denominator().folds);
    }

    /// Has no ratio at some place.
    #[derive(Debug)]
    struct Undefined(f64);

    impl LogRatio<Table> for Undefined {
        fn log_ratio(&self, events: &Table) -> CoreResult<Array1<f64>> {
            match events.iter().position(|x| *x == self.0) {
                Some(event) => Err(CoreError::out_of_range("ratio", 0.0, "positive").at_event(event)),
                None => Ok(Array1::zeros(events.nrows())),
            }
        }
    }

    impl RatioEstimator<Table> for Undefined {
        type Model = Self;

        fn fit(
            &self,
            _: &Weighted<Table>,
            _: &Weighted<Table>,
            _: &mut dyn Rng,
            _: &mut dyn Observer,
        ) -> CoreResult<Fitted<Self>> {
            Ok(Fitted { model: Self(self.0), report: FitReport::new() })
        }
    }

    #[test]
    fn events_without_a_score_are_named_as_the_user_knows_them() {
        let [numerator, denominator] = sides();
        let rng = &mut ChaCha8Rng::seed_from_u64(4);
        for (place, text) in
            [(71.0, "numerator: ratio of event 71 is 0"), (1e4 + 33.0, "denominator: ratio of event 33 is 0")]
        {
            let config = CrossFitConfig::new(Undefined(place), 4);
            let error = config.fit(&numerator, &denominator, rng, &mut ()).unwrap_err().to_string();
            assert!(error.starts_with(text), "{error}");
        }
    }

    #[test]
    fn sides_without_a_sum_of_weights_are_scored_and_not_examined() {
        let [numerator, denominator] = sides();
        let weights = (0..57).map(|event| if event % 2 == 0 { 0.1 } else { -0.1 }).collect::<Vec<_>>();
        let cancelling = denominator.reweighted([&weights[..56], &[0.0]].concat()).unwrap();
        let rng = &mut ChaCha8Rng::seed_from_u64(5);
        let fitted = CrossFitConfig::new(Memorises, 5).fit(&numerator, &cancelling, rng, &mut ()).unwrap();
        assert!(fitted.report.warnings.iter().any(|w| w.contains("not examined")), "{:?}", fitted.report);
    }

    impl Save for Memory {
        fn save(&self, writer: &mut dyn Write) -> CoreResult<()> {
            ModelFile::new("test/memory", 1, &self.0)?.save(writer)
        }
    }

    impl Load for Memory {
        fn load(reader: &mut dyn Read) -> CoreResult<Self> {
            Ok(Self(ModelFile::load(reader)?.header()?))
        }
    }

    #[test]
    fn models_and_scores_are_saved() {
        let [numerator, denominator] = sides();
        let rng = &mut ChaCha8Rng::seed_from_u64(3);
        let mut model =
            CrossFitConfig::new(Memorises, 3).fit(&numerator, &denominator, rng, &mut ()).unwrap().model;
        let bytes = model.to_bytes().unwrap();
        assert_eq!(CrossFitted::<Memory>::from_bytes(&bytes).unwrap(), model);
        assert!(CrossFitted::<Memory>::from_bytes(&bytes[..bytes.len() - 1]).is_err());
        model.sides[0].folds[7] = 3;
        let error = CrossFitted::<Memory>::from_bytes(&model.to_bytes().unwrap()).unwrap_err().to_string();
        assert!(error.contains("no model"), "{error}");
        model.sides[1].log_ratio[0] = f64::INFINITY;
        assert!(model.to_bytes().is_err());
    }

    #[test]
    fn bad_input() {
        let [numerator, denominator] = sides();
        let rng = &mut ChaCha8Rng::seed_from_u64(1);
        for folds in [0, 1, 58] {
            let error = CrossFitConfig::new(Memorises, folds)
                .fit(&numerator, &denominator, rng, &mut ())
                .unwrap_err()
                .to_string();
            assert!(error.contains("folds"), "{error}");
        }
    }
}
