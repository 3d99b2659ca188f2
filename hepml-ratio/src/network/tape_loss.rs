//! The losses of ratios, recorded on a tape.

use hepml_nn::{Function, Scalar, Tape, Var};

use crate::error::Result;
use crate::loss::{CLIP, RatioLoss};

impl RatioLoss {
    /// The loss of each event [events, 1] at z [events, 1], as in [`terms`](Self::terms), recorded so that gradients flow.
    ///
    /// `sign` [events, 1] is -1 for an event of the numerator and +1 for one of the denominator: u = sign z is the argument of
    /// the losses that are their own mirror image.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub(super) fn record<T: Scalar>(self, tape: &mut Tape<T>, z: Var, sign: Var) -> Result<Var> {
        let u = tape.mul(sign, z)?;
        Ok(match self {
            Self::Bce => tape.apply(Function::Softplus, u)?,
            Self::Mse => {
                let f = tape.apply(Function::Sigmoid, u)?;
                tape.mul(f, f)?
            }
            Self::PMse(p) => {
                let u = tape.affine(u, 1.0 / (p - 1.0), 0.0)?;
                let f = tape.apply(Function::Sigmoid, u)?;
                tape.apply(Function::Power(p), f)?
            }
            Self::Sqr | Self::PSqr(_) => exponential(tape, u, 0.5)?,
            Self::Mlc => {
                let is_numerator = tape.affine(sign, -0.5, 0.5)?;
                let is_denominator = tape.affine(sign, 0.5, 0.5)?;
                let ratio = exponential(tape, z, 1.0)?;
                let below = tape.affine(ratio, 1.0, -1.0)?;
                let below = tape.mul(is_denominator, below)?;
                let above = tape.mul(is_numerator, z)?;
                tape.sub(below, above)?
            }
            Self::Lsif => {
                let is_numerator = tape.affine(sign, -0.5, 0.5)?;
                let half_if_denominator = tape.affine(sign, 0.25, 0.25)?;
                let ratio = exponential(tape, z, 1.0)?;
                let square = exponential(tape, z, 2.0)?;
                let below = tape.mul(half_if_denominator, square)?;
                let above = tape.mul(is_numerator, ratio)?;
                tape.sub(below, above)?
            }
        })
    }
}

/// e^(scale x) up to x = CLIP, and its tangent beyond.
fn exponential<T: Scalar>(tape: &mut Tape<T>, x: Var, scale: f64) -> Result<Var> {
    let limit = tape.number(CLIP);
    let below = tape.minimum(x, limit)?;
    let exponent = tape.affine(below, scale, 0.0)?;
    let value = tape.apply(Function::Exp, exponent)?;
    let beyond = tape.affine(x, 1.0, -CLIP)?;
    let beyond = tape.apply(Function::Relu, beyond)?;
    let tangent = tape.affine(beyond, scale, 1.0)?;
    Ok(tape.mul(value, tangent)?)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hepml_nn::{Gradients, Matrix, Parameters};

    use super::*;

    const LOSSES: [RatioLoss; 9] = [
        RatioLoss::Bce,
        RatioLoss::Mse,
        RatioLoss::Mlc,
        RatioLoss::Sqr,
        RatioLoss::PMse(1.3),
        RatioLoss::PMse(2.5),
        RatioLoss::PSqr(0.5),
        RatioLoss::PSqr(2.0),
        RatioLoss::Lsif,
    ];

    /// z of both signs, small, large, and on either side of the clip (not at it: the loss bends there).
    const PLACES: [f64; 11] = [-41.0, -29.5, -7.0, -1.0, -0.1, 0.0, 0.4, 2.0, 9.0, 29.9, 35.0];

    /// The largest deviations of values and slopes from the terms, relative to max(1, |term|).
    fn deviations<T: Scalar>(loss: RatioLoss) -> [f64; 2] {
        let events: Vec<(bool, f64)> =
            [true, false].into_iter().flat_map(|side| PLACES.map(|z| (side, z))).collect();
        let count = events.len();
        let signs: Vec<T> =
            events.iter().map(|(side, _)| T::from_f64(if *side { -1.0 } else { 1.0 })).collect();
        let places: Vec<T> = events.iter().map(|(_, z)| T::from_f64(*z)).collect();
        let parameters = Arc::new(Parameters::<T>::new());
        let mut tape = Tape::new();
        tape.begin(&parameters);
        let sign = Matrix::from_rows(count, 1, &signs).unwrap();
        let sign = tape.constant(sign.view());
        let z = Matrix::from_rows(count, 1, &places).unwrap();
        let z = tape.input(z.view());
        let values = loss.record(&mut tape, z, sign).unwrap();
        let sum = tape.sum(values).unwrap();
        tape.backward(sum, &mut Gradients::zeros(&parameters)).unwrap();
        let slopes = tape.gradient(z).unwrap().unwrap().to_array();
        let values = tape.value(values).unwrap().to_array();
        let mut worst = [0.0_f64; 2];
        for (event, (side, z)) in events.into_iter().enumerate() {
            // The z that the tape has.
            let [value, slope, _] = loss.terms(side, T::from_f64(z).to_f64());
            for (worst, (got, term)) in
                worst.iter_mut().zip([(values[[event, 0]], value), (slopes[[event, 0]], slope)])
            {
                let deviation = (got - term).abs() / term.abs().max(1.0);
                assert!(deviation.is_finite(), "{loss:?} at {z}");
                *worst = worst.max(deviation);
            }
        }
        worst
    }

    /// Rounding of a few operations, times the exponent of up to 60 whose rounding is magnified by the exponential.
    #[test]
    fn values_and_slopes_are_those_of_the_terms() {
        for loss in LOSSES {
            let [value, slope] = deviations::<f64>(loss);
            assert!(value < 1e-13 && slope < 1e-13, "{loss:?} in f64: {value:e}, {slope:e}");
            let [value, slope] = deviations::<f32>(loss);
            assert!(value < 1e-4 && slope < 1e-4, "{loss:?} in f32: {value:e}, {slope:e}");
        }
    }
}
