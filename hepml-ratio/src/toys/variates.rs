//! Draws of the distributions that toys are made of.

use std::f64::consts::TAU;

use hepml_core::rand::{Rng, RngExt};

/// Uniform on (0, 1]: its logarithm is finite.
pub(super) fn uniform(rng: &mut dyn Rng) -> f64 {
    1.0 - rng.random::<f64>()
}

/// Standard normal (Box and Muller).
pub(super) fn normal(rng: &mut dyn Rng) -> f64 {
    let radius = (-2.0 * uniform(rng).ln()).sqrt();
    radius * (TAU * rng.random::<f64>()).cos()
}

/// Exponential of mean 1.
pub(super) fn exponential(rng: &mut dyn Rng) -> f64 {
    -uniform(rng).ln()
}

/// Poisson of a mean up to [`LARGEST_POISSON_MEAN`], by counting arrivals in unit time.
pub(super) fn poisson(mean: f64, rng: &mut dyn Rng) -> usize {
    let mut time = exponential(rng);
    let mut count = 0;
    while time < mean {
        time += exponential(rng);
        count += 1;
    }
    count
}

/// Beyond it counting arrivals is a waste of time.
pub(super) const LARGEST_POISSON_MEAN: f64 = 1e4;

/// Gamma of unit scale (Marsaglia and Tsang, ACM Trans. Math. Softw. 26 (2000) 363).
pub(super) fn gamma(shape: f64, rng: &mut dyn Rng) -> f64 {
    if shape < 1.0 {
        return gamma(shape + 1.0, rng) * uniform(rng).powf(1.0 / shape);
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = normal(rng);
        let v = (1.0 + c * x).powi(3);
        if v > 0.0 && uniform(rng).ln() < 0.5 * x * x + d * (1.0 - v + v.ln()) {
            return d * v;
        }
    }
}
