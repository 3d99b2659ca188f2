#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]

#[cfg(feature = "dfdx")]
pub mod dfdx_guest;
mod encoding;
mod error;
mod image_shape;
mod inputs;
mod kernel;
mod layers;
mod matrix;
mod models;
mod network;
mod networks;
mod parameters;
mod pass;
mod saved;
mod scalar;
mod tape;
mod training;

pub use encoding::*;
pub use error::{Error, Result};
pub use hepml_core::SimdLevel;
pub use image_shape::ImageShape;
pub use inputs::{Inputs, SetVars, Sets};
pub use layers::*;
pub use matrix::{Matrix, View};
pub use models::*;
pub use network::{Architecture, EncodedOf, Encoder, EventsOf, Network};
pub use networks::*;
pub use parameters::{Gradients, ParameterId, Parameters};
pub use pass::Pass;
pub use scalar::Scalar;
pub use tape::*;
pub use training::*;
