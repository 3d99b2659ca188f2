//! The multilayer perceptron with a distribution of weights.

use hepml_core::rand::Rng;
use hepml_core::serde::{Deserialize, Serialize};
use hepml_core::{Table, Weighted};

use crate::encoding::{TableConfig, TableEncoder};
use crate::error::Result;
use crate::layers::{BayesianDense, Dense, Initial, Prior};
use crate::matrix::Matrix;
use crate::models::Variational;
use crate::network::{Architecture, Network};
use crate::parameters::Parameters;
use crate::pass::Pass;
use crate::scalar::Scalar;
use crate::tape::{Function, Var};

/// A multilayer perceptron on tables, some or all of whose layers have Gaussian weights
/// ([`BayesianDense`]; arXiv:1904.10004, 2206.14831).
///
/// h_0 = x, h_k = f(h_{k-1} W_k + b_k) for each hidden layer, y = h_n W + b. Its model gives what the mean weights give;
/// [`Model::draws`](crate::Model::draws) draws weights for the spread. The loss has to be -ln p(y|x) of an event, or the
/// prior has to know how it is not: see [`Prior`].
///
/// Variances change slowly: with Adam, ln v by about the learning rate a step, from ln(0.01/inputs) on. A training is long
/// enough when its curve `penalty/train` has become flat.
///
/// ```
/// use hepml_core::{ndarray::Array2, rand::SeedableRng, rand_chacha::ChaCha8Rng, Weighted};
/// use hepml_nn::{BayesianMlpConfig, LearnerConfig, Loss, TrainingConfig};
///
/// let events = Array2::from_shape_fn((200, 1), |(i, _)| i as f64 / 100.0 - 1.0);
/// let targets = events.mapv(|x| x * x);
/// // A mean and a ln variance.
/// let config = BayesianMlpConfig::new(2).widths([16]);
/// let learner = LearnerConfig::new(config, Loss::Gaussian).training(TrainingConfig::new().epochs(10).rate(1e-2));
/// let mut rng = ChaCha8Rng::seed_from_u64(1);
/// let fitted = learner.fit(&Weighted::unit(events.clone()), &targets, &mut rng, &mut ())?;
/// let uncertainty = fitted.model.draws(20, &mut rng)?.uncertainty(&events)?;
/// assert!(uncertainty.epistemic.iter().all(|s| *s > 0.0));
/// # Ok::<(), hepml_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde", deny_unknown_fields)]
pub struct BayesianMlpConfig {
    outputs: usize,
    widths: Vec<usize>,
    activation: Function,
    initial: Initial,
    prior: Prior,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bayesian: Option<usize>,
    table: TableConfig,
}

impl BayesianMlpConfig {
    /// A perceptron with so many outputs and two hidden layers of 64 with ReLU, all Bayesian with the default prior, on
    /// standardised tables.
    pub fn new(outputs: usize) -> Self {
        Self {
            outputs,
            widths: vec![64, 64],
            activation: Function::Relu,
            initial: Initial::InverseSqrt,
            prior: Prior::default(),
            bayesian: None,
            table: TableConfig::default(),
        }
    }

    /// The widths of the hidden layers.
    #[must_use]
    pub fn widths(mut self, widths: impl Into<Vec<usize>>) -> Self {
        self.widths = widths.into();
        self
    }

    /// The function after each hidden layer.
    #[must_use]
    pub fn activation(mut self, activation: Function) -> Self {
        self.activation = activation;
        self
    }

    /// How mean weights are drawn before training.
    #[must_use]
    pub fn initial(mut self, initial: Initial) -> Self {
        self.initial = initial;
        self
    }

    /// The prior of all Gaussian weights.
    #[must_use]
    pub fn prior(mut self, prior: Prior) -> Self {
        self.prior = prior;
        self
    }

    /// Makes only the last so many layers Bayesian, that of the outputs being the last, and the others [`Dense`].
    #[must_use]
    pub fn bayesian_layers(mut self, last: usize) -> Self {
        self.bayesian = Some(last);
        self
    }

    /// How tables are prepared.
    #[must_use]
    pub fn table(mut self, table: TableConfig) -> Self {
        self.table = table;
        self
    }
}

impl Architecture for BayesianMlpConfig {
    const KIND: &'static str = "hepml-nn/bayesian-mlp";
    type Encoder = TableEncoder;
    type Network = BayesianMlp;

    fn outputs(&self) -> usize {
        self.outputs
    }

    fn fit_encoder(&self, events: &Weighted<Table>) -> Result<TableEncoder> {
        self.table.fit(events)
    }

    fn build<T: Scalar>(
        &self,
        encoder: &TableEncoder,
        parameters: &mut Parameters<T>,
        rng: &mut dyn Rng,
    ) -> Result<BayesianMlp> {
        let range = |what: String, value, allowed| hepml_core::Error::out_of_range(what, value, allowed);
        let count = self.widths.len() + 1;
        let bayesian = self.bayesian.unwrap_or(count);
        if bayesian == 0 || bayesian > count {
            let allowed = "at least 1 and at most the number of layers";
            return Err(range("number of Bayesian layers".into(), bayesian as f64, allowed).into());
        }
        let mut layers = Vec::with_capacity(count);
        let mut inputs = encoder.columns();
        for (index, &outputs) in self.widths.iter().chain([&self.outputs]).enumerate() {
            let is_last = index + 1 == count;
            if outputs == 0 {
                let what =
                    if is_last { "number of outputs".into() } else { format!("width of layer {index}") };
                return Err(range(what, 0.0, "at least 1").into());
            }
            let name = if is_last { "mlp/output".into() } else { format!("mlp/{index}") };
            let activation = (!is_last).then_some(self.activation);
            let size = [inputs, outputs];
            layers.push(if index + bayesian < count {
                Layer::Plain(Dense::new(parameters, &name, size, activation, self.initial, rng)?)
            } else {
                let (initial, prior) = (self.initial, self.prior);
                Layer::Bayesian(BayesianDense::new(parameters, &name, size, activation, initial, prior, rng)?)
            });
            inputs = outputs;
        }
        Ok(BayesianMlp { layers })
    }
}

/// A multilayer perceptron with Gaussian weights, [built](BayesianMlpConfig).
#[derive(Debug, Clone)]
pub struct BayesianMlp {
    layers: Vec<Layer>,
}

#[derive(Debug, Clone)]
enum Layer {
    Plain(Dense),
    Bayesian(BayesianDense),
}

impl<T: Scalar> Network<T> for BayesianMlp {
    type Input = Matrix<T>;

    fn forward(&self, pass: &mut Pass<'_, T>, x: &Var) -> Result<Var> {
        self.layers.iter().try_fold(*x, |x, layer| match layer {
            Layer::Plain(layer) => layer.forward(pass, x),
            Layer::Bayesian(layer) => layer.forward(pass, x),
        })
    }
}

impl<T: Scalar> Variational<T> for BayesianMlp {
    fn draw(&self, parameters: &Parameters<T>, rng: &mut dyn Rng) -> Result<Parameters<T>> {
        let mut drawn = parameters.clone();
        for layer in &self.layers {
            if let Layer::Bayesian(layer) = layer {
                layer.draw(&mut drawn, rng)?;
            }
        }
        Ok(drawn)
    }
}
