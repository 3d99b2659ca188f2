//! First values of weights.

use hepml_core::rand::{Rng, RngExt};
use hepml_core::serde::{Deserialize, Serialize};

use crate::matrix::Matrix;
use crate::scalar::Scalar;

/// How the weights of a layer are drawn before training.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde")]
#[non_exhaustive]
pub enum Initial {
    /// Uniform within ± sqrt(6/inputs) (He et al., arXiv:1502.01852): for ReLU and its relatives.
    HeUniform,
    /// Uniform within ± sqrt(6/(inputs + outputs)) (Glorot and Bengio 2010): for tanh and sigmoid.
    GlorotUniform,
    /// Uniform within ± 1/sqrt(inputs): the default of PyTorch's linear layers.
    InverseSqrt,
    /// Zeros: a layer that does nothing at first.
    Zeros,
}

impl Initial {
    /// A matrix of weights [inputs, outputs].
    pub fn draw<T: Scalar>(self, inputs: usize, outputs: usize, rng: &mut dyn Rng) -> Matrix<T> {
        let (fan_in, fan_out) = (inputs.max(1) as f64, outputs.max(1) as f64);
        let bound = match self {
            Self::HeUniform => (6.0 / fan_in).sqrt(),
            Self::GlorotUniform => (6.0 / (fan_in + fan_out)).sqrt(),
            Self::InverseSqrt => 1.0 / fan_in.sqrt(),
            Self::Zeros => return Matrix::zeros(inputs, outputs),
        };
        let mut weights = Matrix::zeros(inputs, outputs);
        for row in 0..inputs {
            for weight in weights.row_mut(row) {
                *weight = T::from_f64(bound * (2.0 * rng.random::<f64>() - 1.0));
            }
        }
        weights
    }
}
