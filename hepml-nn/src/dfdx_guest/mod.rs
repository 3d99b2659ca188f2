//! dfdx as a guest (feature `dfdx`): a user's [dfdx](https://docs.rs/dfdx/0.13) 0.13 module in our training loop, and our
//! networks inside a dfdx model.
//!
//! # Conventions
//! Values cross the border as copies, in either direction: a dfdx tensor has no zero-copy reading that is sound. Derivatives
//! by inputs of dfdx modules are first order only: they have adjoints, but no tangents. Modules compute as in evaluation:
//! dropout and batch statistics of dfdx, which draw from the device's own generator, are not switched on.

mod hosted;
mod network;

pub use hosted::{Hosted, HostedNetwork};
pub use network::DfdxNetwork;
