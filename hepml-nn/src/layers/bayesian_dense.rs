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
    /// Names that are taken; a prior that is none.
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
