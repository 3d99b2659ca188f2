//! Layers one after another.

use hepml_core::rand::Rng;
use hepml_core::serde::{Deserialize, Serialize};

use super::{Dense, Dropout, Initial, LayerNorm};
use crate::error::Result;
use crate::parameters::Parameters;
use crate::pass::Pass;
use crate::scalar::Scalar;
use crate::tape::{Function, Var};

/// The hidden layers of a network: for each width, h <- dropout(f(norm(h W + b))).
///
/// ```
/// use hepml_nn::{Function, StackConfig};
///
/// let config = StackConfig::new([128, 128]).activation(Function::Silu).dropout(0.1);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde", deny_unknown_fields)]
pub struct StackConfig {
    widths: Vec<usize>,
    activation: Function,
    initial: Initial,
    layer_norm: bool,
    dropout: f64,
}

impl Default for StackConfig {
    /// Two layers of 64 with ReLU.
    fn default() -> Self {
        Self::new([64, 64])
    }
}

impl StackConfig {
    /// Layers of these widths with ReLU, weights from [`Initial::HeUniform`], no normalisation and no dropout. No width: the
    /// inputs as they are.
    pub fn new(widths: impl Into<Vec<usize>>) -> Self {
        Self {
            widths: widths.into(),
            activation: Function::Relu,
            initial: Initial::HeUniform,
            layer_norm: false,
            dropout: 0.0,
        }
    }

    /// The function after each layer.
    #[must_use]
    pub fn activation(mut self, activation: Function) -> Self {
        self.activation = activation;
        self
    }

    /// How weights are drawn.
    #[must_use]
    pub fn initial(mut self, initial: Initial) -> Self {
        self.initial = initial;
        self
    }

    /// Whether each layer is normalised ([`LayerNorm`]) before its function.
    #[must_use]
    pub fn layer_norm(mut self, layer_norm: bool) -> Self {
        self.layer_norm = layer_norm;
        self
    }

    /// The rate of [`Dropout`] after each function.
    #[must_use]
    pub fn dropout(mut self, rate: f64) -> Self {
        self.dropout = rate;
        self
    }

    /// The layers, for so many inputs, with parameters `name/0/weight`, ...
    ///
    /// # Errors
    /// A width of 0; a rate outside [0, 1); names that are taken.
    pub fn build<T: Scalar>(
        &self,
        parameters: &mut Parameters<T>,
        name: &str,
        inputs: usize,
        rng: &mut dyn Rng,
    ) -> Result<Stack> {
        let dropout = Dropout::new(self.dropout)?;
        let mut layers = Vec::with_capacity(self.widths.len());
        let mut width = inputs;
        for (index, &next) in self.widths.iter().enumerate() {
            if next == 0 {
                let what = format!("width of layer {index} of {name:?}");
                return Err(hepml_core::Error::out_of_range(what, 0.0, "at least 1").into());
            }
            let name = format!("{name}/{index}");
            let fused = (!self.layer_norm).then_some(self.activation);
            let dense = Dense::new(parameters, &name, [width, next], fused, self.initial, rng)?;
            let norm = if self.layer_norm {
                Some(LayerNorm::new(parameters, &format!("{name}/norm"), next)?)
            } else {
                None
            };
            layers.push((dense, norm));
            width = next;
        }
        Ok(Stack { layers, activation: self.activation, dropout, outputs: width })
    }
}

/// Hidden layers, [built](StackConfig::build).
#[derive(Debug, Clone)]
pub struct Stack {
    layers: Vec<(Dense, Option<LayerNorm>)>,
    activation: Function,
    dropout: Dropout,
    outputs: usize,
}

impl Stack {
    /// The width of the last layer; without layers that of the inputs.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// The values of the last layer [rows, outputs].
    ///
    /// # Errors
    /// Another number of inputs.
    pub fn forward<T: Scalar>(&self, pass: &mut Pass<'_, T>, mut x: Var) -> Result<Var> {
        for (dense, norm) in &self.layers {
            x = dense.forward(pass, x)?;
            if let Some(norm) = norm {
                x = norm.forward(pass, x)?;
                x = pass.apply(self.activation, x)?;
            }
            x = self.dropout.forward(pass, x)?;
        }
        Ok(x)
    }
}
