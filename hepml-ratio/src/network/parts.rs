//! The events of both sides, cut into parts.

use hepml_core::rand::{Rng, RngExt};
use hepml_core::{Error as CoreError, EventSet, Item, Weighted};
use hepml_nn::{Encoder, Inputs, Matrix, Scalar};

use crate::error::{Error, Result};

/// The names of the sides, in the order in which their events stand.
pub(super) const SIDES: [&str; 2] = ["numerator", "denominator"];

/// Events of the numerator and then of the denominator, encoded.
pub(super) struct Part<T: Scalar, I> {
    pub(super) inputs: I,
    /// Those of each side sum to half the number of events: the mean over events is (E_num + E_den)/2.
    pub(super) weights: Vec<f64>,
    /// The same, [events, 1].
    pub(super) rounded_weights: Matrix<T>,
    /// -1 for the numerator, 1 for the denominator, [events, 1].
    pub(super) signs: Matrix<T>,
    numerators: usize,
}

impl<T: Scalar, I> Part<T, I> {
    pub(super) fn is_numerator(&self, event: usize) -> bool {
        event < self.numerators
    }
}

/// Events of both sides, which are some of all events.
pub(super) struct Selection<E> {
    pub(super) sides: [Weighted<E>; 2],
    indices: [Vec<usize>; 2],
}

impl<E: EventSet> Selection<E> {
    /// Cuts both sides at random into as many parts as there are fractions, and what is left: that comes last.
    ///
    /// # Errors
    /// A side that has too few events for that.
    pub(super) fn cut(sides: [&Weighted<E>; 2], fractions: &[f64], rng: &mut dyn Rng) -> Result<Vec<Self>> {
        let [numerator, denominator] =
            [cut(SIDES[0], sides[0].len(), fractions, rng)?, cut(SIDES[1], sides[1].len(), fractions, rng)?];
        let select = |(above, below): (Vec<usize>, Vec<usize>)| {
            let sides = [sides[0].select(&above)?, sides[1].select(&below)?];
            Ok(Self { sides, indices: [above, below] })
        };
        numerator.into_iter().zip(denominator).map(select).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sides.iter().all(Weighted::is_empty)
    }

    /// All events, with weights of which those of each side sum to half their number.
    ///
    /// # Errors
    /// Weights of a side that do not sum to a positive number.
    pub(super) fn joined(&self, part: &'static str) -> Result<Weighted<E>> {
        let [numerator, denominator] = &self.sides;
        let half = 0.5 * (numerator.len() + denominator.len()) as f64;
        let mut weights = Vec::with_capacity(numerator.len() + denominator.len());
        for (name, side) in SIDES.into_iter().zip(&self.sides) {
            // By the largest first, so that no sum overflows.
            let largest = side.weights().iter().fold(0.0_f64, |m, w| m.max(w.abs()));
            let sum: f64 = side.weights().iter().map(|w| w / largest).sum();
            if largest == 0.0 || sum <= 0.0 {
                let sum = if largest == 0.0 { 0.0 } else { sum * largest };
                let what = format!("sum of the weights of the {part} events of the {name}");
                return Err(CoreError::out_of_range(what, sum, "positive").into());
            }
            weights.extend(side.weights().iter().map(|w| w / largest / sum * half));
        }
        let events = E::concat_events(&[numerator.events(), denominator.events()])?;
        Ok(Weighted::new(events, weights)?)
    }

    /// The events as a network takes them.
    ///
    /// # Errors
    /// Events that cannot be encoded, naming side, event and column.
    pub(super) fn encode<T: Scalar, P: Encoder<Events = E>>(
        &self,
        encoder: &P,
        joined: &Weighted<E>,
    ) -> Result<Part<T, P::Encoded<T>>> {
        let inputs = encoder.encode::<T>(joined.events()).map_err(|error| self.named(error.into()))?;
        let (count, numerators) = (joined.len(), self.sides[0].len());
        if inputs.count() != count {
            return Err(CoreError::shape("encoded events", count, inputs.count()).into());
        }
        let weights = joined.weights().to_vec();
        let column = |of: &dyn Fn(usize) -> f64| {
            let numbers: Vec<T> = (0..count).map(|event| T::from_f64(of(event))).collect();
            Matrix::from_rows(count, 1, &numbers)
        };
        let signs = column(&|event| if event < numerators { -1.0 } else { 1.0 })?;
        let rounded_weights = column(&|event| weights[event])?;
        Ok(Part { inputs, weights, rounded_weights, signs, numerators })
    }

    /// The same error about an event of the joined ones, with the side and the number that the user knows it by.
    pub(super) fn named(&self, error: Error) -> Error {
        let rename = |what: &mut std::borrow::Cow<'static, str>, item: &mut Item| {
            let Some(event) = &mut item.event else { return };
            let count = self.indices[0].len();
            let (side, index) = if *event < count { (0, *event) } else { (1, *event - count) };
            if let Some(original) = self.indices[side].get(index) {
                *event = *original;
                *what = format!("{}: {what}", SIDES[side]).into();
            }
        };
        match error {
            Error::Network(hepml_nn::Error::Core(error)) => self.named(error.into()),
            Error::Core(mut error) => {
                if let CoreError::NotFinite { what, item, .. } | CoreError::OutOfRange { what, item, .. } =
                    &mut error
                {
                    rename(what, item);
                }
                error.into()
            }
            error => error,
        }
    }
}

/// Random indices of each part of a side; of each fraction that is not 0, at least one.
fn cut(name: &str, count: usize, fractions: &[f64], rng: &mut dyn Rng) -> Result<Vec<Vec<usize>>> {
    let mut order: Vec<usize> = (0..count).collect();
    for last in (1..count).rev() {
        order.swap(last, rng.random_range(0..=last));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "fractions are from 0 to below 1"
    )]
    let size =
        |fraction: &f64| ((fraction * count as f64).round() as usize).max(usize::from(*fraction > 0.0));
    let sizes: Vec<usize> = fractions.iter().map(size).collect();
    let held_out: usize = sizes.iter().sum();
    if held_out >= count {
        let what = format!("events of the {name} for training and what is held out, at least");
        return Err(CoreError::shape(what, held_out + 1, count).into());
    }
    let mut parts: Vec<Vec<usize>> = sizes.into_iter().map(|size| order.drain(..size).collect()).collect();
    parts.push(order);
    for part in &mut parts {
        part.sort_unstable();
    }
    Ok(parts)
}
