//! The multilayer perceptron.

use hepml_core::rand::Rng;
use hepml_core::serde::{Deserialize, Serialize};
use hepml_core::{Table, Weighted};

use crate::encoding::{TableConfig, TableEncoder};
use crate::error::Result;
use crate::layers::{Dense, Initial, Stack, StackConfig};
use crate::matrix::Matrix;
use crate::network::{Architecture, Network};
use crate::parameters::Parameters;
use crate::pass::Pass;
use crate::scalar::Scalar;
use crate::tape::Var;

/// A multilayer perceptron on tables (Rumelhart, Hinton and Williams, Nature 323 (1986) 533).
///
/// h_0 = x, h_k = f(h_{k-1} W_k + b_k) for each hidden layer, y = h_n W + b.
///
/// ```
/// use hepml_nn::{MlpConfig, StackConfig};
///
/// let config = MlpConfig::new(2).hidden(StackConfig::new([128, 128]));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde", deny_unknown_fields)]
pub struct MlpConfig {
    outputs: usize,
    hidden: StackConfig,
    table: TableConfig,
}

impl MlpConfig {
    /// A perceptron with so many outputs, the default hidden layers, on standardised tables.
    pub fn new(outputs: usize) -> Self {
        Self { outputs, hidden: StackConfig::default(), table: TableConfig::default() }
    }

    /// The hidden layers.
    #[must_use]
    pub fn hidden(mut self, hidden: StackConfig) -> Self {
        self.hidden = hidden;
        self
    }

    /// How tables are prepared.
    #[must_use]
    pub fn table(mut self, table: TableConfig) -> Self {
        self.table = table;
        self
    }
}

impl Architecture for MlpConfig {
    const KIND: &'static str = "hepml-nn/mlp";
    type Encoder = TableEncoder;
    type Network = Mlp;

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
    ) -> Result<Mlp> {
        Mlp::new(parameters, "mlp", encoder.columns(), &self.hidden, self.outputs, rng)
    }
}

/// A multilayer perceptron, [built](MlpConfig); also a part of other networks.
#[derive(Debug, Clone)]
pub struct Mlp {
    hidden: Stack,
    last: Dense,
}

impl Mlp {
    /// A perceptron with parameters `name/0/weight`, ..., and `name/output/weight`, `name/output/bias` of its last layer,
    /// which is linear.
    ///
    /// # Errors
    /// No outputs; hidden layers that cannot be built; names that are taken.
    pub fn new<T: Scalar>(
        parameters: &mut Parameters<T>,
        name: &str,
        inputs: usize,
        hidden: &StackConfig,
        outputs: usize,
        rng: &mut dyn Rng,
    ) -> Result<Self> {
        if outputs == 0 {
            let what = format!("number of outputs of {name:?}");
            return Err(hepml_core::Error::out_of_range(what, 0.0, "at least 1").into());
        }
        let hidden = hidden.build(parameters, name, inputs, rng)?;
        let size = [hidden.outputs(), outputs];
        let last =
            Dense::new(parameters, &format!("{name}/output"), size, None, Initial::GlorotUniform, rng)?;
        Ok(Self { hidden, last })
    }
}

impl<T: Scalar> Network<T> for Mlp {
    type Input = Matrix<T>;

    fn forward(&self, pass: &mut Pass<'_, T>, x: &Var) -> Result<Var> {
        let hidden = self.hidden.forward(pass, *x)?;
        self.last.forward(pass, hidden)
    }
}
