//! Event shapes as distances to manifolds of events.

mod spherocity;
mod sweep;
mod thrust;

pub use spherocity::Spherocity;
pub use thrust::{Thrust, ThrustAxis};
