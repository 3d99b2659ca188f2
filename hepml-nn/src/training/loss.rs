//! Losses of single events.
//!
//! # Conventions
//! A loss compares the outputs f of a network with targets y, both [events, ...], and gives one number an event. Where there
//! are several targets it is the mean over them, as in PyTorch; a [`Loss::CrossEntropy`] is the sum over classes that it is.
//! All are computed so that neither the loss nor its gradient overflows or cancels at extreme outputs in f32, where the
//! result itself is a number.

use hepml_core::serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::matrix::Matrix;
use crate::scalar::Scalar;
use crate::tape::{Function, Tape, Var};

/// What a wrong output costs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde")]
#[non_exhaustive]
pub enum Loss {
    /// -sum_k y_k ln softmax(f)_k for a target that is a distribution over classes: one-hot, or probabilities. Its minimum
    /// is softmax(f) = E[y|x].
    CrossEntropy,
    /// -y ln s(f) - (1 - y) ln(1 - s(f)) with s(f) = 1/(1 + e^-f) and y in [0, 1]. Its minimum is s(f) = E[y|x]: for signal
    /// (y = 1) against background (y = 0), f = ln p_s/p_b.
    BinaryCrossEntropy,
    /// (y - f)². Its minimum is f = E[y|x].
    MeanSquared,
    /// d²/2 for |d| <= delta and delta (|d| - delta/2) beyond, d = y - f (Huber 1964).
    Huber {
        /// Where the square turns into a line.
        delta: f64,
    },
    /// q max(d, 0) + (1 - q) max(-d, 0), d = y - f, for each level q (Koenker and Bassett 1978); the mean over levels. Its
    /// minimum is the quantile of y|x at q. Outputs are target by target, the levels of each side by side.
    Quantile {
        /// The levels, between 0 and 1.
        levels: Vec<f64>,
    },
    /// -ln N(y; mean, variance) = ((y - mean)²/variance + ln variance + ln 2 pi)/2. Outputs are the means of all targets, and
    /// then the ln variance of all targets (arXiv:1703.04977, equation 8). Nothing is clamped: a ln variance below about -170
    /// in f32 overflows, which training reports.
    Gaussian,
}

impl Loss {
    /// The outputs that a network needs for so many targets.
    pub fn outputs(&self, targets: usize) -> usize {
        match self {
            Self::CrossEntropy | Self::BinaryCrossEntropy | Self::MeanSquared | Self::Huber { .. } => targets,
            Self::Quantile { levels } => targets * levels.len(),
            Self::Gaussian => 2 * targets,
        }
    }

    /// Checks its own numbers.
    ///
    /// # Errors
    /// A delta that is not positive; no quantile levels, or one outside (0, 1).
    pub fn check(&self) -> Result<()> {
        let range = hepml_core::Error::out_of_range;
        match self {
            Self::Huber { delta } if !(*delta > 0.0 && delta.is_finite()) => {
                Err(range("delta of a Huber loss", *delta, "positive and finite").into())
            }
            Self::Quantile { levels } => {
                if levels.is_empty() {
                    return Err(hepml_core::Error::Empty { what: "list of quantile levels".into() }.into());
                }
                match levels.iter().find(|level| !(**level > 0.0 && **level < 1.0)) {
                    Some(&level) => Err(range("quantile level", level, "between 0 and 1").into()),
                    None => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    /// Checks targets [events, targets].
    ///
    /// # Errors
    /// A target that is not finite, or that the loss does not take (no probability, no distribution), naming event and
    /// column.
    pub fn check_targets<T: Scalar>(&self, targets: &Matrix<T>) -> Result<()> {
        self.check()?;
        if targets.columns() == 0 {
            return Err(hepml_core::Error::Empty { what: "list of targets".into() }.into());
        }
        // Rounding of each probability to T, and of their sum.
        let tolerance = 4.0 * T::EPSILON.to_f64() * (targets.columns() as f64 + 1.0);
        for event in 0..targets.rows() {
            let row = targets.row(event);
            for (column, value) in row.iter().map(|y| y.to_f64()).enumerate() {
                let what = || format!("target {column}");
                if !value.is_finite() {
                    return Err(hepml_core::Error::not_finite(what(), value).at_event(event).into());
                }
                let is_probability = matches!(self, Self::CrossEntropy | Self::BinaryCrossEntropy);
                if is_probability && !(0.0..=1.0).contains(&value) {
                    let error = hepml_core::Error::out_of_range(what(), value, "a probability from 0 to 1");
                    return Err(error.at_event(event).into());
                }
            }
            let sum: f64 = row.iter().map(|y| y.to_f64()).sum();
            if *self == Self::CrossEntropy && (sum - 1.0).abs() > tolerance {
                let error = hepml_core::Error::out_of_range("sum of the class probabilities", sum, "1");
                return Err(error.at_event(event).into());
            }
        }
        Ok(())
    }

    /// The loss of each event [events, 1] from outputs and targets.
    ///
    /// # Errors
    /// Shapes that do not fit; what [`check`](Self::check) finds.
    pub fn of<T: Scalar>(&self, tape: &mut Tape<T>, outputs: Var, targets: Var) -> Result<Var> {
        self.check()?;
        let (a, b) = (tape.shape(outputs)?, tape.shape(targets)?);
        if a.0 != b.0 || a.1 != self.outputs(b.1) || b.1 == 0 {
            return Err(Error::Shapes { operation: "outputs and targets of a loss", a, b });
        }
        let losses = match self {
            Self::CrossEntropy => return cross_entropy(tape, outputs, targets),
            Self::BinaryCrossEntropy => binary_cross_entropy(tape, outputs, targets)?,
            Self::MeanSquared => {
                let difference = tape.sub(outputs, targets)?;
                tape.mul(difference, difference)?
            }
            Self::Huber { delta } => huber(tape, outputs, targets, *delta)?,
            Self::Quantile { levels } => quantile(tape, outputs, targets, levels)?,
            Self::Gaussian => gaussian(tape, outputs, targets)?,
        };
        row_means(tape, losses)
    }
}

/// The mean of each row, [rows, 1].
fn row_means<T: Scalar>(tape: &mut Tape<T>, x: Var) -> Result<Var> {
    let (_, columns) = tape.shape(x)?;
    if columns == 1 {
        return Ok(x);
    }
    let sum = tape.row_sums(x)?;
    tape.affine(sum, 1.0 / columns as f64, 0.0)
}

/// ln sum_k e^(f_k - c) with c = sum_k y_k f_k: no large numbers are subtracted where the network is sure and right.
fn cross_entropy<T: Scalar>(tape: &mut Tape<T>, outputs: Var, targets: Var) -> Result<Var> {
    let product = tape.mul(targets, outputs)?;
    let right = tape.row_sums(product)?;
    let shifted = tape.sub(outputs, right)?;
    tape.log_sum_exp(shifted)
}

/// softplus(f) - y f, as softplus((1 - 2 h) f) + (h - y) f with h the nearer of 0 and 1: for labels the second term is 0, and
/// nothing cancels.
fn binary_cross_entropy<T: Scalar>(tape: &mut Tape<T>, outputs: Var, targets: Var) -> Result<Var> {
    let above = tape.affine(targets, 1.0, -0.5)?;
    let label = tape.derivative(Function::Relu, 1, above)?;
    let sign = tape.affine(label, -2.0, 1.0)?;
    let x = tape.mul(sign, outputs)?;
    let hard = tape.apply(Function::Softplus, x)?;
    let rest = tape.sub(label, targets)?;
    let soft = tape.mul(rest, outputs)?;
    tape.add(hard, soft)
}

/// c (|d| - c/2) with c = min(|d|, delta).
fn huber<T: Scalar>(tape: &mut Tape<T>, outputs: Var, targets: Var, delta: f64) -> Result<Var> {
    let difference = tape.sub(outputs, targets)?;
    let size = tape.apply(Function::Abs, difference)?;
    let delta = tape.number(delta);
    let capped = tape.minimum(size, delta)?;
    let half = tape.affine(capped, -0.5, 0.0)?;
    let rest = tape.add(size, half)?;
    tape.mul(capped, rest)
}

/// q d + max(-d, 0), [events, targets * levels].
fn quantile<T: Scalar>(tape: &mut Tape<T>, outputs: Var, targets: Var, levels: &[f64]) -> Result<Var> {
    let (events, count) = tape.shape(targets)?;
    let rows = events * count;
    let outputs = tape.reshape(outputs, rows, levels.len())?;
    let targets = tape.reshape(targets, rows, 1)?;
    let difference = tape.sub(outputs, targets)?;
    let mut weights = Matrix::zeros(1, levels.len());
    for (weight, level) in weights.row_mut(0).iter_mut().zip(levels) {
        *weight = T::from_f64(-level);
    }
    let weights = tape.constant(weights.view());
    let linear = tape.mul(difference, weights)?;
    let above = tape.apply(Function::Relu, difference)?;
    let losses = tape.add(linear, above)?;
    tape.reshape(losses, events, count * levels.len())
}

/// ((d e^(-s/2))² + s + ln 2 pi)/2 with s = ln variance: the square is taken last, so that it overflows last.
fn gaussian<T: Scalar>(tape: &mut Tape<T>, outputs: Var, targets: Var) -> Result<Var> {
    let (_, count) = tape.shape(targets)?;
    let mean = tape.columns(outputs, 0..count)?;
    let log_variance = tape.columns(outputs, count..2 * count)?;
    let exponent = tape.affine(log_variance, -0.5, 0.0)?;
    let inverse = tape.apply(Function::Exp, exponent)?;
    let difference = tape.sub(targets, mean)?;
    let pull = tape.mul(difference, inverse)?;
    let square = tape.mul(pull, pull)?;
    let sum = tape.add(square, log_variance)?;
    tape.affine(sum, 0.5, 0.5 * std::f64::consts::TAU.ln())
}

#[cfg(test)]
mod tests {
    use hepml_core::testing::check_gradient;

    use super::*;
    use crate::parameters::Gradients;
    use crate::training::reference::{numbers, reference, rows};

    fn matrix<T: Scalar>(rows: &[Vec<f64>]) -> Matrix<T> {
        let values: Vec<T> = rows.iter().flatten().map(|x| T::from_f64(*x)).collect();
        Matrix::from_rows(rows.len(), rows[0].len(), &values).unwrap()
    }

    /// The losses, and the gradient of their weighted sum by the outputs.
    fn evaluate<T: Scalar>(
        loss: &Loss,
        outputs: &[Vec<f64>],
        targets: &[Vec<f64>],
        weights: &[f64],
    ) -> (Vec<f64>, Vec<Vec<f64>>) {
        let mut tape = Tape::<T>::new();
        let outputs = tape.input(matrix(outputs).view());
        let targets = tape.constant(matrix(targets).view());
        let losses = loss.of(&mut tape, outputs, targets).unwrap();
        let weights: Vec<Vec<f64>> = weights.iter().map(|w| vec![*w]).collect();
        let weights = tape.constant(matrix(&weights).view());
        let product = tape.mul(losses, weights).unwrap();
        let sum = tape.sum(product).unwrap();
        tape.backward(sum, &mut Gradients::default()).unwrap();
        let gradient = tape.gradient(outputs).unwrap().unwrap().to_array();
        let losses = tape.value(losses).unwrap().to_array();
        (losses.into_iter().collect(), gradient.rows().into_iter().map(|row| row.to_vec()).collect())
    }

    /// Far above the least f32.
    const SMALL: f64 = 1e-30;

    /// Within 32 roundings of each number by itself, however small it is, but for what the formulas themselves leave:
    /// ln sum exp and softmax less target are sums of numbers of order 1, known to 4 roundings of 1; a variance of e^60 is
    /// known to 60 times as many roundings, and terms of order 1 are added to what it divides.
    fn compare<T: Scalar>() {
        let epsilon = T::EPSILON.to_f64();
        for case in reference("losses").as_array().unwrap() {
            let name = case["loss"].as_str().unwrap();
            let number = |name: &str| case[name].as_f64().unwrap();
            let (loss, roundings, unit) = match name {
                "CrossEntropy" => (Loss::CrossEntropy, 4.0, 1.0),
                "BinaryCrossEntropy" => (Loss::BinaryCrossEntropy, 32.0, SMALL),
                "MeanSquared" => (Loss::MeanSquared, 32.0, SMALL),
                "Huber" => (Loss::Huber { delta: number("delta") }, 32.0, SMALL),
                "Quantile" => (Loss::Quantile { levels: numbers(&case["levels"]) }, 32.0, SMALL),
                "Gaussian" => (Loss::Gaussian, 60.0 * 32.0, 1.0),
                other => panic!("{other}"),
            };
            let (outputs, targets) = (rows(&case["outputs"]), rows(&case["targets"]));
            let (losses, gradient) = evaluate::<T>(&loss, &outputs, &targets, &vec![1.0; targets.len()]);
            let expected = numbers(&case["losses"]).into_iter().chain(rows(&case["gradient"]).concat());
            let got = losses.into_iter().chain(gradient.concat());
            for (place, (got, expected)) in got.zip(expected).enumerate() {
                let bound = roundings * epsilon * expected.abs().max(unit);
                assert!((got - expected).abs() <= bound, "{}, {name}, {place}: {got} {expected}", T::NAME);
            }
        }
    }

    #[test]
    fn losses_and_gradients_are_those_of_torch() {
        compare::<f64>();
        compare::<f32>();
    }

    /// Rounding of sums of a few terms of order 1.
    const ROUNDING: f64 = 1e-13;

    fn total(loss: &Loss, constant: &[f64], targets: &[Vec<f64>], weights: &[f64]) -> (f64, Vec<f64>) {
        let outputs = vec![constant.to_vec(); targets.len()];
        let (losses, gradient) = evaluate::<f64>(loss, &outputs, targets, weights);
        let sum = losses.iter().zip(weights).map(|(l, w)| l * w).sum();
        (sum, (0..constant.len()).map(|k| gradient.iter().map(|row| row[k]).sum()).collect())
    }

    /// At the minimum over constants the gradient vanishes (where there is one), and a step away costs more.
    fn check_minimum(loss: &Loss, constant: &[f64], targets: &[Vec<f64>], weights: &[f64], smooth: bool) {
        let (least, gradient) = total(loss, constant, targets, weights);
        if smooth {
            assert!(gradient.iter().all(|g| g.abs() < ROUNDING), "{loss:?}: {gradient:?}");
        }
        for k in 0..constant.len() {
            for step in [-0.01, 0.01] {
                let mut moved = constant.to_vec();
                moved[k] += step;
                assert!(total(loss, &moved, targets, weights).0 > least, "{loss:?}, output {k}, step {step}");
            }
        }
    }

    #[test]
    fn minima_over_constants_are_the_closed_forms() {
        let y = [0.3, -1.2, 2.5, 0.9, -0.4];
        let targets: Vec<Vec<f64>> = y.iter().map(|y| vec![*y]).collect();
        // A negative weight belongs to a value in the middle: the weighted variance stays positive.
        for w in [[1.0, 2.0, 0.5, 1.5, 3.0], [-0.5, 2.0, 0.5, 1.5, 3.0]] {
            let sum: f64 = w.iter().sum();
            let mean: f64 = y.iter().zip(w).map(|(y, w)| y * w).sum::<f64>() / sum;
            let variance: f64 = y.iter().zip(w).map(|(y, w)| w * (y - mean).powi(2)).sum::<f64>() / sum;
            check_minimum(&Loss::MeanSquared, &[mean], &targets, &w, true);
            check_minimum(&Loss::Huber { delta: 10.0 }, &[mean], &targets, &w, true);
            check_minimum(&Loss::Gaussian, &[mean, variance.ln()], &targets, &w, true);
            let labels: Vec<Vec<f64>> = y.iter().map(|y| vec![f64::from(*y > 0.0)]).collect();
            let p: f64 = labels.iter().zip(w).map(|(y, w)| y[0] * w).sum::<f64>() / sum;
            check_minimum(&Loss::BinaryCrossEntropy, &[(p / (1.0 - p)).ln()], &labels, &w, true);
            let classes: Vec<Vec<f64>> = labels.iter().map(|y| vec![y[0], 1.0 - y[0]]).collect();
            let logits = [p.ln() + 0.7, (1.0 - p).ln() + 0.7];
            check_minimum(&Loss::CrossEntropy, &logits, &classes, &w, true);
        }
        // Sorted: -1.2 (2), -0.4 (3), 0.3 (1), 0.9 (1.5), 2.5 (0.5), of 8: the median lies where 4 is passed.
        let w = [1.0, 2.0, 0.5, 1.5, 3.0];
        let levels = vec![0.2, 0.5, 0.9];
        check_minimum(&Loss::Quantile { levels }, &[-1.2, -0.4, 0.9], &targets, &w, false);
        check_minimum(&Loss::Huber { delta: 1e-3 }, &[-0.4 + 1e-3 / 3.0], &targets, &w, true);
    }

    #[test]
    fn gradients_are_those_of_finite_differences() {
        let targets = [vec![0.3, 0.7], vec![1.0, 0.0], vec![0.0, 1.0]];
        let w = [1.0, -0.7, 2.0];
        for loss in [
            Loss::CrossEntropy,
            Loss::BinaryCrossEntropy,
            Loss::MeanSquared,
            Loss::Huber { delta: 0.9 },
            Loss::Quantile { levels: vec![0.1, 0.6] },
            Loss::Gaussian,
        ] {
            let columns = loss.outputs(2);
            let flat: Vec<f64> = (0..3 * columns).map(|k| (1.7 * k as f64 + 0.4).sin() * 1.5).collect();
            let outputs = |x: &[f64]| -> Vec<Vec<f64>> { x.chunks(columns).map(<[f64]>::to_vec).collect() };
            let sum = |x: &[f64]| {
                let (losses, _) = evaluate::<f64>(&loss, &outputs(x), &targets, &w);
                Ok::<f64, Error>(losses.iter().zip(w).map(|(l, w)| l * w).sum())
            };
            let gradient = evaluate::<f64>(&loss, &outputs(&flat), &targets, &w).1.concat();
            check_gradient(sum, &gradient, &flat, 0.02, 1e-8).unwrap_or_else(|e| panic!("{loss:?}: {e}"));
        }
    }

    #[test]
    fn bad_targets_are_named() {
        let error =
            |loss: Loss, rows: &[Vec<f64>]| loss.check_targets(&matrix::<f32>(rows)).unwrap_err().to_string();
        let nan = error(Loss::MeanSquared, &[vec![0.0, 1.0], vec![0.0, f64::NAN]]);
        assert!(nan.contains("target 1 of event 1"), "{nan}");
        let label = error(Loss::BinaryCrossEntropy, &[vec![0.0], vec![1.5]]);
        assert!(label.contains("target 0 of event 1 is 1.5"), "{label}");
        let sum = error(Loss::CrossEntropy, &[vec![0.5, 0.5], vec![0.5, 0.25]]);
        assert!(sum.contains("sum of the class probabilities of event 1"), "{sum}");
        assert!(error(Loss::Quantile { levels: vec![] }, &[vec![0.0]]).contains("quantile levels"));
        assert!(error(Loss::Quantile { levels: vec![1.0] }, &[vec![0.0]]).contains("quantile level"));
        assert!(error(Loss::Huber { delta: 0.0 }, &[vec![0.0]]).contains("delta"));
        let third = 1.0 / 3.0;
        Loss::CrossEntropy.check_targets(&matrix::<f32>(&[vec![third, third, third]])).unwrap();
        let mut tape = Tape::<f64>::new();
        let y = tape.constant(matrix(&[vec![0.0, 1.0]]).view());
        assert!(matches!(Loss::Gaussian.of(&mut tape, y, y), Err(Error::Shapes { .. })));
    }
}
