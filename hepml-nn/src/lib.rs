#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]

mod error;
mod inputs;
mod kernel;
mod layers;
mod matrix;
mod network;
mod parameters;
mod pass;
mod scalar;
mod tape;
mod training;

pub use error::{Error, Result};
pub use inputs::{Inputs, SetVars, Sets};
pub use kernel::SimdLevel;
pub use layers::*;
pub use matrix::{Matrix, View};
pub use network::{Architecture, EncodedOf, Encoder, EventsOf, Network};
pub use parameters::{Gradients, ParameterId, Parameters};
pub use pass::Pass;
pub use scalar::Scalar;
pub use tape::*;
pub use training::*;
