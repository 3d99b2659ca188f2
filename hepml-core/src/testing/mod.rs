//! Physics invariants as tests: proptest strategies and checkers (feature `testing`).
//!
//! A checker evaluates a function on an input and its transform and returns *how far off* it is, or a [`CheckError`] that
//! says the measured deviation, the tolerance and the item. A NaN fails. Tolerances are absolute: compute them from the
//! scale of the problem, as no relative bound holds for quantities that cancel. `?` works inside `proptest!`.
//!
//! ```
//! use hepml_core::testing::{check_invariant, lorentz_transform, particle_sets};
//! use hepml_core::{EventSet, ParticleSets, Result};
//! use proptest::prelude::*;
//!
//! fn mass_squared(sets: &ParticleSets) -> Result<Vec<f64>> {
//!     Ok(sets.events().map(|event| event.total_momentum().mass_squared()).collect())
//! }
//!
//! proptest! {
//!     # #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
//!     # /*
//!     #[test]
//!     # */
//!     fn the_mass_is_lorentz_invariant(sets in particle_sets(1..4, 0..20), boost in lorentz_transform(10.0)) {
//!         let energy: f64 = sets.momenta().iter().map(|p| p.e).sum();
//!         let tolerance = 64.0 * f64::EPSILON * (boost.gamma() * energy).powi(2);
//!         check_invariant(mass_squared, &sets, &boost, tolerance)?;
//!     }
//! }
//! # the_mass_is_lorentz_invariant();
//! ```

mod check_error;
mod gradient;
mod infrared;
mod invariance;
mod metric_axioms;
mod strategies;
mod values;

pub use check_error::CheckError;
pub use gradient::check_gradient;
pub use infrared::{CollinearSplit, SoftEmission, check_irc_safe};
pub use invariance::{check_equivariant, check_invariant};
pub use metric_axioms::{MetricDeviations, check_metric_axioms};
pub use strategies::{
    boost, collinear_split, event, four_momentum, light_like, lorentz_transform, particle_sets, permutation,
    rotation, soft_emission,
};
pub use values::Values;
