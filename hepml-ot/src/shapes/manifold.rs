//! Manifolds of events.

use crate::energy_flow::EnergyFlow;
use crate::error::Result;
use crate::shapes::manifold_search::ManifoldSearch;

/// Events that a few parameters describe: what an event's shape is the distance to (arXiv:2302.12266).
///
/// Say how an event is made of parameters, and where a search for the nearest may begin; derivatives are had by varying the parameters
/// a little. A [`ManifoldDistance`](crate::ManifoldDistance) finds the nearest event.
///
/// Any parameters must give an event: of what can only be positive, the modulus is taken, and so on. The number of particles must be
/// the same for all, and energies and points continuous. The energies need no particular sum.
///
/// ```
/// use hepml_ot::{EnergyFlow, Manifold, ManifoldDistanceConfig, ManifoldSearch, Result};
///
/// /// Energy spread evenly along a piece of a straight line through the origin.
/// struct Streak;
///
/// impl Manifold for Streak {
///     fn names(&self) -> Vec<String> {
///         vec!["angle".into(), "length".into()]
///     }
///
///     fn event(&self, parameters: &[f64]) -> Result<EnergyFlow> {
///         let (sin, cos) = parameters[0].sin_cos();
///         let at = |i| parameters[1] * (f64::from(i) - 14.5) / 30.0;
///         EnergyFlow::new(vec![1.0; 30], (0..30).map(|i| [at(i) * cos, at(i) * sin]).collect::<Vec<_>>())
///     }
///
///     fn starts(&self, search: &mut ManifoldSearch<'_>) -> Result<Vec<Vec<f64>>> {
///         Ok([0.0, 0.8, 1.6, 2.4].iter().map(|angle| vec![*angle, 3.0 * search.spread()]).collect())
///     }
/// }
///
/// let streak = ManifoldDistanceConfig::new().build(Streak)?;
/// let event = Streak.event(&[0.6, 0.9])?;
/// let fit = streak.fit(&event)?;
/// assert!(fit.value < 1e-6 && (fit.parameters[0] - 0.6).abs() < 1e-4);
/// # Ok::<(), hepml_ot::Error>(())
/// ```
pub trait Manifold: Send + Sync {
    /// The names of the parameters, in their order.
    fn names(&self) -> Vec<String>;

    /// The event with these parameters.
    ///
    /// # Errors
    /// Parameters that are not finite.
    fn event(&self, parameters: &[f64]) -> Result<EnergyFlow>;

    /// Where the search for the event nearest to [`search.event()`](ManifoldSearch::event) may begin: several places, of which some should
    /// lie in the valley of the global minimum. With the best of a smaller manifold ([`ManifoldSearch::best`]) among them, the
    /// distance is at most the distance to that.
    ///
    /// # Errors
    /// Those of the search.
    fn starts(&self, search: &mut ManifoldSearch<'_>) -> Result<Vec<Vec<f64>>>;

    /// What steps of each parameter are measured in, for an event of the root mean square size `size`: that for lengths, as by
    /// default for all, 1 for fractions and angles.
    fn units(&self, size: f64) -> Vec<f64> {
        vec![size; self.names().len()]
    }

    /// The same event by the parameters that one would quote: radii positive, angles in their range, fractions of sum 1.
    fn canonical(&self, parameters: &[f64]) -> Vec<f64> {
        parameters.to_vec()
    }

    /// The parameters of the nearest event, for manifolds of which that is known without a search.
    fn nearest(&self, _search: &ManifoldSearch<'_>) -> Option<Result<Vec<f64>>> {
        None
    }
}

/// For lists of different manifolds, and for those that are chosen at run time.
impl<M: Manifold + ?Sized> Manifold for Box<M> {
    fn names(&self) -> Vec<String> {
        (**self).names()
    }

    fn event(&self, parameters: &[f64]) -> Result<EnergyFlow> {
        (**self).event(parameters)
    }

    fn starts(&self, search: &mut ManifoldSearch<'_>) -> Result<Vec<Vec<f64>>> {
        (**self).starts(search)
    }

    fn units(&self, size: f64) -> Vec<f64> {
        (**self).units(size)
    }

    fn canonical(&self, parameters: &[f64]) -> Vec<f64> {
        (**self).canonical(parameters)
    }

    fn nearest(&self, search: &ManifoldSearch<'_>) -> Option<Result<Vec<f64>>> {
        (**self).nearest(search)
    }
}

/// A manifold whose events have a centre.
pub trait Centred: Manifold {
    /// The centre (y, phi) of the event with these parameters.
    fn centre(&self, parameters: &[f64]) -> [f64; 2];
}
