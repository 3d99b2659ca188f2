//! Kernel logistic regression for likelihood ratios, by the algorithm LogFalkon.
//!
//! # Conventions
//! z(x) = ln r(x) = sum_m alpha_m k(x, c_m) with the Gaussian kernel k(x, c) = exp(-|x - c|²/(2 sigma²)) of standardised
//! features and M centres c_m chosen among the events (Nystroem). alpha is the minimum of
//!
//! J = sum_i omega_i softplus(-+ z_i) + lambda/2 alpha^T (K_MM + epsilon 1) alpha,
//!
//! with - for numerator (label 1) and + for denominator events, omega the weights with either side normalised to 1/2, so that
//! J(z = 0) = ln 2, lambda is that of a mean loss, and the minimum is the ratio of densities. There is no constant term: far
//! from all centres z is 0. epsilon (reported as `jitter`) is what the Cholesky decomposition of K_MM needs in f64, and counts as
//! part of the problem.
//!
//! # Algorithm
//! K_MM + epsilon = T^T T and beta = T alpha make the penalty lambda/2 |beta|². Newton's steps are solved for by conjugate gradients,
//! whose products K_nM^T D K_nM v are formed from blocks of the kernel matrix, preconditioned by A^-1, A^T A =
//! T W T^T + lambda, where W estimates the sum over events from that over the centres. lambda falls along a path, with a
//! step for each value, to its last one, where steps are taken until Newton's decrement g^T H^-1 g/2 is below a tolerance;
//! each step is halved until J falls. Kernel logistic regression by this algorithm as a likelihood ratio: Letizia et al.,
//! Eur. Phys. J. C 82 (2022) 879 (NPLM), which sigma at the 90th percentile of the distances and M >= sqrt(n) are from, too.
//!
//! # Limits
//! A conjugate-gradient iteration costs n M exponentials, a step of Newton M³ multiplications; neither is kept: the
//! kernel matrix of n events is never formed. The memory is about 3 M² + 64 M + (d + 6) n numbers. |x - c|² is formed
//! as |x|² + |c|² - 2 x c, so that exponents are rounded to about 10^-16 |x/sigma|²; training events
//! farther than 10^5 sigma from the mean are turned away.
//!
//! # Negative weights
//! softplus is convex, minus softplus is not: where the conjugate gradients meet a direction along which J curves downwards,
//! the fit is refused ([`Error::NotConvex`](crate::Error::NotConvex)). The penalty keeps J bounded below, and directions that
//! the iterations never met are not examined: the report says when there are negative weights.

mod centres;
mod cholesky;
mod config;
mod kernel;
mod model;
mod newton;
mod problem;
mod standardisation;

pub use config::{CentreSampling, FalkonConfig, KernelWidth};
pub use model::FalkonRatio;
