//! Dense layers with a distribution of weights.

use hepml_core::rand::Rng;

use super::{Initial, Prior, normal_matrix};
use crate::error::Result;
use crate::matrix::Matrix;
use crate::parameters::{ParameterId, Parameters};
use crate::pass::Pass;
use crate::scalar::Scalar;
use crate::tape::{Function, Var};

/// The standard deviation of an output before training, for inputs of size 1.
const INITIAL_DEVIATION: f64 = 0.1;

/// f(x W + b) with independent Gaussian weights: the mean-field approximation q of their posterior
/// (Blundell et al., arXiv:1505.05424; for events arXiv:1904.10004, 2206.14831).
///
/// Each weight, biases included, has a mean m and the logarithm of its variance v as parameters. Given x, an output before f
/// is then Gaussian itself, and while training it is drawn as such instead of the weights, event by event
/// (local reparametrisation, arXiv:1506.02557):
///
/// y = x m + m_b + sqrt(x² v + v_b) eps, eps from N(0, 1).
///
/// Training also asks for the penalty KL(q | prior) = 1/2 sum [(v + m²)/s² - 1 - ln(v/s²)], the sum over all weights with the
/// prior's N(0, s²). Evaluation takes the mean weights; [`draw`](Self::draw) draws them.
#[derive(Debug, Clone)]
pub struct BayesianDense {
    weight: Gaussian,
    bias: Gaussian,
    activation: Option<Function>,
    prior: Prior,
}

/// The parameters of independent Gaussian numbers.
#[derive(Debug, Clone, Copy)]
struct Gaussian {
    mean: ParameterId,
    log_variance: ParameterId,
}

impl BayesianDense {
    /// A layer whose mean weights `name/weight` [inputs, outputs] are drawn from `rng` and whose mean bias `name/bias` is 0 at
    /// first. All variances, `name/weight_log_variance` and `name/bias_log_variance`, are 0.01/inputs at first.
    ///
    /// # Errors
    /// Names that are taken; a prior that is none; as [`Parameters::check_room`].
    pub fn new<T: Scalar>(
        parameters: &mut Parameters<T>,
        name: &str,
        [inputs, outputs]: [usize; 2],
        activation: Option<Function>,
        initial: Initial,
        prior: Prior,
        rng: &mut dyn Rng,
    ) -> Result<Self> {
        prior.check()?;
        parameters.check_room(&[[inputs, outputs], [inputs, outputs], [2, outputs]])?;
        let log_variance = T::from_f64((INITIAL_DEVIATION * INITIAL_DEVIATION / inputs.max(1) as f64).ln());
        let mut add = |part: &str, mean: Matrix<T>| {
            let (rows, columns) = mean.shape();
            let log_variance = Matrix::from_rows(rows, columns, &vec![log_variance; rows * columns])?;
            Ok::<_, crate::Error>(Gaussian {
                mean: parameters.add(format!("{name}/{part}"), &mean)?,
                log_variance: parameters.add(format!("{name}/{part}_log_variance"), &log_variance)?,
            })
        };
        let weight = add("weight", initial.draw(inputs, outputs, rng))?;
        let bias = add("bias", Matrix::zeros(1, outputs))?;
        Ok(Self { weight, bias, activation, prior })
    }

    /// The outputs [rows, outputs] for inputs [rows, inputs]. Where there is noise, it is drawn for each row by itself, and the
    /// penalty is asked for, each time that this is called.
    ///
    /// # Errors
    /// Another number of inputs.
    pub fn forward<T: Scalar>(&self, pass: &mut Pass<'_, T>, x: Var) -> Result<Var> {
        let (weight, bias) = (pass.parameter(self.weight.mean)?, pass.parameter(self.bias.mean)?);
        if pass.noise().is_none() {
            return pass.dense(x, weight, Some(bias), self.activation);
        }
        let mean = pass.dense(x, weight, Some(bias), None)?;
        let (rows, columns) = pass.shape(mean)?;
        let Some(rng) = pass.noise() else { return Ok(mean) };
        let noise = normal_matrix(rows, columns, rng);
        let noise = pass.constant(noise.view());
        let (weight, bias) = (self.weight.variance(pass)?, self.bias.variance(pass)?);
        let squares = pass.mul(x, x)?;
        let variance = pass.dense(squares, weight, Some(bias), None)?;
        let deviation = pass.apply(Function::Power(0.5), variance)?;
        let change = pass.mul(deviation, noise)?;
        let y = pass.add(mean, change)?;
        let divergence = self.divergence(pass)?;
        let penalty = pass.affine(divergence, self.prior.divergence_factor(), 0.0)?;
        pass.add_penalty(penalty);
        self.activation.map_or(Ok(y), |activation| pass.apply(activation, y))
    }

    /// The divergence KL(q | prior) of all its weights, [1, 1], without the prior's factor.
    ///
    /// # Errors
    /// A tape of other parameters.
    pub fn divergence<T: Scalar>(&self, pass: &mut Pass<'_, T>) -> Result<Var> {
        let variance = self.prior.variance();
        let weight = self.weight.divergence(pass, variance)?;
        let bias = self.bias.divergence(pass, variance)?;
        pass.add(weight, bias)
    }

    /// Replaces the mean weights by weights drawn from N(m, v): evaluation then takes these.
    ///
    /// # Errors
    /// Other parameters.
    pub fn draw<T: Scalar>(&self, parameters: &mut Parameters<T>, rng: &mut dyn Rng) -> Result<()> {
        self.weight.draw(parameters, rng)?;
        self.bias.draw(parameters, rng)
    }
}

impl Gaussian {
    fn variance<T: Scalar>(self, pass: &mut Pass<'_, T>) -> Result<Var> {
        let log_variance = pass.parameter(self.log_variance)?;
        pass.apply(Function::Exp, log_variance)
    }

    /// 1/2 sum [(v + m²)/s² - 1 - ln v + ln s²].
    fn divergence<T: Scalar>(self, pass: &mut Pass<'_, T>, prior_variance: f64) -> Result<Var> {
        let mean = pass.parameter(self.mean)?;
        let squares = pass.mul(mean, mean)?;
        let variance = self.variance(pass)?;
        let moments = pass.add(squares, variance)?;
        let moments = pass.affine(moments, 1.0 / prior_variance, prior_variance.ln() - 1.0)?;
        let log_variance = pass.parameter(self.log_variance)?;
        let terms = pass.sub(moments, log_variance)?;
        let sum = pass.sum(terms)?;
        pass.affine(sum, 0.5, 0.0)
    }

    fn draw<T: Scalar>(self, parameters: &mut Parameters<T>, rng: &mut dyn Rng) -> Result<()> {
        let mut drawn = parameters.value(self.mean)?.to_matrix();
        let log_variance = parameters.value(self.log_variance)?;
        let noise = normal_matrix::<T>(drawn.rows(), drawn.columns(), rng);
        for row in 0..drawn.rows() {
            let spread = log_variance.row(row).iter().zip(noise.row(row));
            for (weight, (log_variance, noise)) in drawn.row_mut(row).iter_mut().zip(spread) {
                let deviation = T::from_f64((0.5 * log_variance.to_f64()).exp());
                *weight = deviation.mul_add(*noise, *weight);
            }
        }
        parameters.set(self.mean, &drawn)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hepml_core::rand::SeedableRng;
    use hepml_core::rand_chacha::ChaCha8Rng;
    use hepml_core::testing::check_gradient;

    use super::*;
    use crate::parameters::Gradients;
    use crate::tape::Tape;

    const INPUTS: usize = 3;
    const OUTPUTS: usize = 2;

    /// A layer whose means are within ± 1/2 and whose ln variances are within -2 ± 1.
    fn some_layer(activation: Option<Function>, prior: Prior) -> (Parameters<f64>, BayesianDense) {
        let mut rng = ChaCha8Rng::seed_from_u64(11);
        let mut parameters = Parameters::new();
        let size = [INPUTS, OUTPUTS];
        let initial = Initial::GlorotUniform;
        let layer =
            BayesianDense::new(&mut parameters, "layer", size, activation, initial, prior, &mut rng).unwrap();
        for id in parameters.ids() {
            let center = if parameters.name(id).unwrap().ends_with("variance") { -2.0 } else { 0.0 };
            let (rows, columns) = parameters.value(id).unwrap().shape();
            let mut value = normal_matrix::<f64>(rows, columns, &mut rng);
            for row in 0..rows {
                value.row_mut(row).iter_mut().for_each(|x| *x = center + 0.5 * x.tanh());
            }
            parameters.set(id, &value).unwrap();
        }
        (parameters, layer)
    }

    fn numbers(parameters: &Parameters<f64>) -> Vec<f64> {
        parameters.ids().flat_map(|id| parameters.value(id).unwrap().to_array().into_iter()).collect()
    }

    fn with_numbers(parameters: &Parameters<f64>, numbers: &[f64]) -> Parameters<f64> {
        let mut changed = parameters.clone();
        let mut rest = numbers;
        for id in parameters.ids() {
            let (rows, columns) = parameters.value(id).unwrap().shape();
            let (these, others) = rest.split_at(rows * columns);
            changed.set(id, &Matrix::from_rows(rows, columns, these).unwrap()).unwrap();
            rest = others;
        }
        changed
    }

    /// Simpson's rule over 12 standard deviations of q.
    #[test]
    fn the_divergence_is_that_of_the_integral() {
        let deviation = 0.7_f64;
        let (parameters, layer) = some_layer(None, Prior::new(deviation));
        let mut tape = Tape::new();
        tape.begin(&Arc::new(parameters.clone()));
        let mut pass = Pass::evaluation(&mut tape);
        let divergence = layer.divergence(&mut pass).unwrap();
        let divergence = pass.value(divergence).unwrap().scalar().unwrap();

        let log_density = |w: f64, mean: f64, variance: f64| {
            -0.5 * ((w - mean).powi(2) / variance + (std::f64::consts::TAU * variance).ln())
        };
        let mut expected = 0.0;
        for gaussian in [layer.weight, layer.bias] {
            let means = parameters.value(gaussian.mean).unwrap().to_array();
            let variances = parameters.value(gaussian.log_variance).unwrap().to_array().mapv(f64::exp);
            for (&mean, &variance) in means.iter().zip(&variances) {
                let steps = 2000;
                let step = 24.0 * variance.sqrt() / f64::from(steps);
                for k in 0..=steps {
                    let w = mean + (f64::from(k) - 0.5 * f64::from(steps)) * step;
                    let factor = match k {
                        0 => 1.0,
                        k if k == steps => 1.0,
                        k => 2.0 + 2.0 * f64::from(k % 2),
                    };
                    let q = log_density(w, mean, variance);
                    let p = log_density(w, 0.0, deviation * deviation);
                    expected += factor * step / 3.0 * q.exp() * (q - p);
                }
            }
        }
        assert!((divergence - expected).abs() < 1e-10 * expected, "{divergence} {expected}");
        // At the prior itself there is none.
        let variances = [2.0 * deviation.ln(); INPUTS * OUTPUTS];
        let mut at_prior = parameters;
        for gaussian in [layer.weight, layer.bias] {
            let (rows, columns) = at_prior.value(gaussian.mean).unwrap().shape();
            at_prior.set(gaussian.mean, &Matrix::zeros(rows, columns)).unwrap();
            let variances = Matrix::from_rows(rows, columns, &variances[..rows * columns]).unwrap();
            at_prior.set(gaussian.log_variance, &variances).unwrap();
        }
        tape.begin(&Arc::new(at_prior));
        let mut pass = Pass::evaluation(&mut tape);
        let divergence = layer.divergence(&mut pass).unwrap();
        assert!(pass.value(divergence).unwrap().scalar().unwrap().abs() < 1e-14);
    }

    /// With the same noise each time, loss and penalty are functions of inputs and parameters.
    #[test]
    fn gradients_are_derivatives() {
        let factor = 0.3;
        let (parameters, layer) = some_layer(Some(Function::Tanh), Prior::new(0.5).factor(factor));
        let rows = 4;
        let x = normal_matrix::<f64>(rows, INPUTS, &mut ChaCha8Rng::seed_from_u64(2));
        let x: Vec<f64> = x.to_array().into_iter().collect();
        let at = |numbers_of: &[f64], x: &[f64]| {
            let parameters = Arc::new(with_numbers(&parameters, numbers_of));
            let mut gradients = Gradients::zeros(&parameters);
            let (mut tape, mut rng) = (Tape::new(), ChaCha8Rng::seed_from_u64(3));
            tape.begin(&parameters);
            let mut pass = Pass::training(&mut tape, &mut rng);
            let input = pass.input(Matrix::from_rows(rows, INPUTS, x).unwrap().view());
            let y = layer.forward(&mut pass, input).unwrap();
            let loss = pass.sum(y).unwrap();
            let [penalty] = pass.penalties() else { panic!("one penalty") };
            let penalty = *penalty;
            let loss = pass.add(loss, penalty).unwrap();
            let value = pass.value(loss).unwrap().scalar().unwrap();
            pass.backward(loss, &mut gradients).unwrap();
            let by_x: Vec<f64> = pass.gradient(input).unwrap().unwrap().to_array().into_iter().collect();
            let by_numbers: Vec<f64> = parameters
                .ids()
                .flat_map(|id| gradients.value(&parameters, id).unwrap().to_array().into_iter())
                .collect();
            (value, by_numbers, by_x)
        };
        let theta = numbers(&parameters);
        let (_, by_theta, by_x) = at(&theta, &x);
        // What a central difference with extrapolation of values of order 10 leaves.
        let (step, tolerance) = (0.05, 1e-8);
        check_gradient(|t| Ok::<f64, crate::Error>(at(t, &x).0), &by_theta, &theta, step, tolerance).unwrap();
        check_gradient(|x| Ok::<f64, crate::Error>(at(&theta, x).0), &by_x, &x, step, tolerance).unwrap();
    }

    /// For one event, drawing outputs is drawing weights.
    #[test]
    fn outputs_are_distributed_as_those_of_drawn_weights() {
        let (parameters, layer) = some_layer(None, Prior::default());
        let count = 20_000;
        let event = [0.4, -1.2, 0.9];
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let events = Matrix::from_rows(count, INPUTS, &event.repeat(count)).unwrap();
        let mut tape = Tape::new();
        tape.begin(&Arc::new(parameters.clone()));
        let mut pass = Pass::training(&mut tape, &mut rng);
        let x = pass.constant(events.view());
        let y = layer.forward(&mut pass, x).unwrap();
        let local = pass.value(y).unwrap().to_array();

        let one = Matrix::from_rows(1, INPUTS, &event).unwrap();
        let mut drawn = hepml_core::ndarray::Array2::zeros((count, OUTPUTS));
        for mut row in drawn.rows_mut() {
            let mut parameters = parameters.clone();
            layer.draw(&mut parameters, &mut rng).unwrap();
            tape.begin(&Arc::new(parameters));
            let mut pass = Pass::evaluation(&mut tape);
            let x = pass.constant(one.view());
            let y = layer.forward(&mut pass, x).unwrap();
            assert!(pass.penalties().is_empty());
            row.assign(&pass.value(y).unwrap().to_array().row(0));
        }
        let value = |id| parameters.value(id).unwrap().to_array();
        for output in 0..OUTPUTS {
            let mut mean = value(layer.bias.mean)[[0, output]];
            let mut variance = value(layer.bias.log_variance)[[0, output]].exp();
            for (input, x) in event.iter().enumerate() {
                mean += x * value(layer.weight.mean)[[input, output]];
                variance += x * x * value(layer.weight.log_variance)[[input, output]].exp();
            }
            for outputs in [&local, &drawn] {
                let n = count as f64;
                let got = outputs.column(output).mean().unwrap();
                // 4 standard deviations of mean and variance.
                assert!((got - mean).abs() < 4.0 * (variance / n).sqrt(), "{got} {mean}");
                let got = outputs.column(output).mapv(|y| (y - mean).powi(2)).mean().unwrap();
                assert!((got - variance).abs() < 4.0 * variance * (2.0 / n).sqrt(), "{got} {variance}");
            }
        }
        // Other rows, other noise.
        let rows: Vec<f64> = local.column(0).to_vec();
        let center = local.column(0).mean().unwrap();
        let (mut product, mut square) = (0.0, 0.0);
        for pair in rows.windows(2) {
            product += (pair[0] - center) * (pair[1] - center);
            square += (pair[0] - center).powi(2);
        }
        assert!((product / square).abs() < 4.0 / (count as f64).sqrt());
    }

    #[test]
    fn priors_are_checked() {
        let build = |prior: Prior| {
            let mut rng = ChaCha8Rng::seed_from_u64(1);
            let mut parameters = Parameters::<f32>::new();
            BayesianDense::new(&mut parameters, "layer", [1, 1], None, Initial::Zeros, prior, &mut rng)
                .map(|_| ())
                .map_err(|error| error.to_string())
        };
        assert!(build(Prior::new(0.0)).unwrap_err().contains("deviation of a prior"));
        assert!(build(Prior::new(f64::NAN)).unwrap_err().contains("deviation of a prior"));
        assert!(build(Prior::new(1.0).factor(-1.0)).unwrap_err().contains("factor of a prior"));
        build(Prior::new(1.0)).unwrap();
    }
}
