//! Closure by a classifier of one's own.

use hepml_core::rand::Rng;
use hepml_core::{EventSet, LogRatio, Measure, Observer, RatioEstimator, Weighted};

use super::auc::auc;
use super::scored::Scored;
use super::tail::Tail;
use crate::error::Result;
use crate::split::{SIDES, of_side, split_alike};

/// The AUC with which a classifier of one's own tells the numerator from the denominator reweighted by r: 1/2 where r is right in
/// all that the classifier can see.
///
/// The events are ones that had no part in the fit of r. The classifier is any ratio estimator; it learns on a random half of them
/// and is judged on the other; an event that is in both samples at the same place is in the same half of both. An AUC above 1/2 by several errors is a failure of r; one that is compatible with 1/2 may be one of
/// the classifier. There is no error where the tail index of the weights w r is not below 1/2, or cannot be told (see the
/// [module](super)).
///
/// # Errors
/// Those of model and classifier, naming side and event; r that is infinite at an event of the denominator that has a weight, naming
/// it; reweighted halves whose weights do not sum to a positive number.
pub fn closure<E, M, R>(
    model: &M,
    classifier: &R,
    numerator: &Weighted<E>,
    denominator: &Weighted<E>,
    rng: &mut dyn Rng,
    observer: &mut dyn Observer,
) -> Result<Measure>
where
    E: EventSet,
    M: LogRatio<E> + ?Sized,
    R: RatioEstimator<E> + ?Sized,
{
    let of_denominator = |error: hepml_core::Error| of_side("denominator", error);
    let z = model.log_ratio(denominator.events()).map_err(of_denominator)?.to_vec();
    let scored = Scored::new(&z, denominator.weights()).map_err(|error| of_denominator(error.into()))?;
    if let Some(event) = scored.infinite() {
        return Err(
            of_denominator(hepml_core::Error::not_finite("log ratio", z[event]).at_event(event)).into()
        );
    }
    let tail = Tail::new(&scored.log_weights(1.0));
    let reweighted = denominator.reweighted(scored.reweighted())?;
    let [training, held_out] = split_alike([numerator, &reweighted], 0.5, rng)?;
    let fitted = classifier.fit(&training.sides[0], &training.sides[1], rng, observer);
    let fitted = fitted.map_err(|error| training.named(error))?;
    let named = |side: usize, error: hepml_core::Error| held_out.named(of_side(SIDES[side], error));
    let z = |side: usize| {
        let z = fitted.model.log_ratio(held_out.sides[side].events()).map_err(|error| named(side, error))?;
        Ok::<_, hepml_core::Error>(z.to_vec())
    };
    let z = [z(0)?, z(1)?];
    let scored = |side: usize| {
        let scored = Scored::new(&z[side], held_out.sides[side].weights());
        scored.map_err(|error| named(side, error.into()))
    };
    let auc = auc(scored(0)?, scored(1)?)?;
    Ok(Measure { value: auc.value, error: tail.is_finite().then_some(auc.error) })
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use hepml_core::rand::SeedableRng;
    use hepml_core::rand_chacha::ChaCha8Rng;
    use hepml_core::{FitReport, Fitted, Result as CoreResult, Table};

    use super::super::fixtures::{Line, SIGMA, gaussians, uniforms};
    use super::*;

    /// Learns nothing: its z is x. It remembers what it was to learn from.
    #[derive(Default)]
    struct Looks(Mutex<Vec<f64>>);

    impl RatioEstimator<Table> for Looks {
        type Model = Line;

        fn fit(
            &self,
            numerator: &Weighted<Table>,
            denominator: &Weighted<Table>,
            _: &mut dyn Rng,
            _: &mut dyn Observer,
        ) -> CoreResult<Fitted<Line>> {
            self.0.lock().unwrap().extend(numerator.events().iter().chain(denominator.events()));
            Ok(Fitted { model: Line { scale: 1.0, shift: 0.0 }, report: FitReport::new() })
        }
    }

    fn judged(classifier: &Looks, sides: &[Weighted<Table>; 2], scale: f64) -> Measure {
        let (model, rng) = (Line { scale, shift: 0.0 }, &mut ChaCha8Rng::seed_from_u64(19));
        closure(&model, classifier, &sides[0], &sides[1], rng, &mut ()).unwrap()
    }

    #[test]
    fn a_classifier_of_ones_own_judges_the_closure() {
        let sides = gaussians(0.3, 4000, 18);
        let classifier = Looks::default();
        let pull = |measure: Measure| (measure.value - 0.5) / measure.error.unwrap();
        assert!(pull(judged(&classifier, &sides, 0.6)).abs() < SIGMA);
        // It has seen half of the events.
        assert_eq!(classifier.0.lock().unwrap().len(), 4000);
        // A constant r, which is blind to all there is.
        assert!(pull(judged(&classifier, &sides, 0.0)) > 5.0);
    }

    #[test]
    fn events_of_both_samples_are_learned_from_or_judged() {
        let [above, below] = gaussians(0.3, 400, 19);
        // The denominator is among the first events of the numerator.
        let numerator = Weighted::concat(&[&below, &above]).unwrap();
        let classifier = Looks::default();
        judged(&classifier, &[numerator, below.clone()], 0.6);
        let learned = classifier.0.lock().unwrap();
        let shared = below.events().iter().filter(|x| learned.contains(x)).count();
        assert_eq!(shared, 200);
    }

    #[test]
    fn infinite_ratios_are_named_where_they_count() {
        let [above, below] = gaussians(0.3, 100, 20);
        let far = |weight: f64| {
            let far = Weighted::new(Table::from_elem((1, 1), f64::INFINITY), vec![weight]).unwrap();
            Weighted::concat(&[&below, &far]).unwrap()
        };
        let (model, rng) = (Line { scale: 0.6, shift: 0.0 }, &mut ChaCha8Rng::seed_from_u64(21));
        let mut judge =
            |below: &Weighted<Table>| closure(&model, &Looks::default(), &above, below, rng, &mut ());
        assert!(judge(&far(0.0)).is_ok());
        let error = judge(&far(1.0)).unwrap_err().to_string();
        assert_eq!(error, "denominator: log ratio of event 100 is not finite (inf)");
    }

    /// Cannot tell of events beyond 2.
    struct Shy;

    impl LogRatio<Table> for Shy {
        fn log_ratio(&self, events: &Table) -> CoreResult<hepml_core::ndarray::Array1<f64>> {
            match events.iter().position(|x| *x > 100.0) {
                Some(event) => Err(hepml_core::Error::not_finite("x", f64::NAN).at_event(event)),
                None => Ok(events.column(0).to_owned()),
            }
        }
    }

    impl RatioEstimator<Table> for Shy {
        type Model = Self;

        fn fit(
            &self,
            numerator: &Weighted<Table>,
            _: &Weighted<Table>,
            _: &mut dyn Rng,
            _: &mut dyn Observer,
        ) -> CoreResult<Fitted<Self>> {
            match self.log_ratio(numerator.events()) {
                Ok(_) => Ok(Fitted { model: Self, report: FitReport::new() }),
                Err(error) => Err(of_side("numerator", error)),
            }
        }
    }

    #[test]
    fn errors_of_the_classifier_name_the_users_event() {
        let [above, below] = gaussians(0.3, 100, 22);
        for event in [0, 41, 73, 99] {
            let mut table = above.events().clone();
            table[[event, 0]] = 200.0;
            let (model, rng) = (Line { scale: 0.6, shift: 0.0 }, &mut ChaCha8Rng::seed_from_u64(23));
            let error = closure(&model, &Shy, &Weighted::unit(table), &below, rng, &mut ()).unwrap_err();
            assert_eq!(error.to_string(), format!("numerator: x of event {event} is not finite (NaN)"));
        }
    }

    #[test]
    fn no_error_where_the_variance_is_infinite() {
        let sides =
            [1, 2].map(|seed| Weighted::unit(uniforms(4000, seed).mapv_into(|u: f64| -(1.0 - u).ln())));
        assert!(judged(&Looks::default(), &sides, 0.8).error.is_none());
        assert!(judged(&Looks::default(), &sides, 0.1).error.is_some());
    }
}
