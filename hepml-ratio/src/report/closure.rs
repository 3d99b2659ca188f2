//! Closure by a classifier of one's own.

use hepml_core::rand::Rng;
use hepml_core::{EventSet, LogRatio, Measure, Observer, RatioEstimator, Weighted};

use super::auc::auc;
use super::scored::Scored;
use super::tail::Tail;
use crate::error::{Error, Result};

/// The AUC with which a classifier of one's own tells the numerator from the denominator reweighted by r: 1/2 where r is right in
/// all that the classifier can see.
///
/// The events are ones that had no part in the fit of r. The classifier is any ratio estimator; it learns on a random half of them
/// and is judged on the other. An AUC above 1/2 by several errors is a failure of r; one that is compatible with 1/2 may be one of
/// the classifier. There is no error where the tail index of the weights w r is not below 1/2, or cannot be told (see the
/// [module](super)).
///
/// # Errors
/// Those of model and classifier; r that is infinite at an event of the denominator, naming it; reweighted halves whose weights
/// do not sum to a positive number.
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
    let z = model.log_ratio(denominator.events())?.to_vec();
    let scored = Scored::new(&z, denominator.weights())?;
    if let Some(event) = z.iter().position(|z| *z == f64::INFINITY) {
        return Err(hepml_core::Error::not_finite("log ratio", z[event]).at_event(event).into());
    }
    let tail = Tail::new(&scored.log_weights(1.0));
    let reweighted = denominator.reweighted(scored.reweighted())?;
    let (numerator, held_out_numerator) = numerator.split(0.5, rng)?;
    let (denominator, held_out_denominator) = reweighted.split(0.5, rng)?;
    let fitted = classifier.fit(&numerator, &denominator, rng, observer)?;
    let z = |side: &Weighted<E>| Ok::<_, Error>(fitted.model.log_ratio(side.events())?.to_vec());
    let (z_num, z_den) = (z(&held_out_numerator)?, z(&held_out_denominator)?);
    let auc = auc(
        Scored::new(&z_num, held_out_numerator.weights())?,
        Scored::new(&z_den, held_out_denominator.weights())?,
    )?;
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
    fn no_error_where_the_variance_is_infinite() {
        let sides =
            [1, 2].map(|seed| Weighted::unit(uniforms(4000, seed).mapv_into(|u: f64| -(1.0 - u).ln())));
        assert!(judged(&Looks::default(), &sides, 0.8).error.is_none());
        assert!(judged(&Looks::default(), &sides, 0.1).error.is_some());
    }
}
