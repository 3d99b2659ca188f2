//! Sums of manifolds.

use std::fmt;
use std::sync::Arc;

use crate::energy_flow::EnergyFlow;
use crate::error::Result;
use crate::shapes::manifold::Manifold;
use crate::shapes::manifold_search::ManifoldSearch;
use crate::shapes::round::check_samples;

/// The share of the energy that a component without parameters, pileup, is given at first.
const BACKGROUND: f64 = 0.2;

/// The events that are sums of events of several manifolds, each with a free share of the energy (arXiv:2302.12266).
///
/// Parameters: the fractions of the energy, then the parameters of each component, their names preceded by "1: ", "2: ", …
///
/// The distance never exceeds that to the mixture without the last component.
///
/// ```
/// use hepml_ot::{Disk, EnergyFlow, Manifold, ManifoldDistanceConfig, Mixture, Points, Uniform};
///
/// let pileup = Uniform::square([0.0, 0.0], 1.0, 5)?;
/// let mixture = Mixture::of(Points::new(1)?).and(pileup);
/// let event = mixture.event(&[0.7, 0.3, 1.0, 0.2, -0.1])?;
/// let fit = ManifoldDistanceConfig::new().build(mixture)?.fit(&event)?;
/// assert!(fit.value < 1e-4);
/// assert!((fit.parameter("fraction 2")? - 0.3).abs() < 1e-3);
/// assert!((fit.parameter("1: y 1")? - 0.2).abs() < 1e-3);
/// # Ok::<(), hepml_ot::Error>(())
/// ```
#[derive(Clone)]
pub struct Mixture {
    components: Vec<Arc<dyn Manifold>>,
}

impl Mixture {
    /// One component.
    pub fn of(manifold: impl Manifold + 'static) -> Self {
        Self { components: vec![Arc::new(manifold)] }
    }

    /// One component more.
    #[must_use]
    pub fn and(mut self, manifold: impl Manifold + 'static) -> Self {
        self.components.push(Arc::new(manifold));
        self
    }

    /// `count` components of the same kind: N rings, say, for N-ringiness.
    ///
    /// # Errors
    /// No components; more than a million.
    pub fn copies(count: usize, manifold: impl Manifold + 'static) -> Result<Self> {
        check_samples("number of components", count, Some(count))?;
        let manifold: Arc<dyn Manifold> = Arc::new(manifold);
        Ok(Self { components: vec![manifold; count] })
    }

    /// The number of components.
    pub fn components(&self) -> usize {
        self.components.len()
    }

    /// The parameters of each component, without the fractions.
    fn split<'p>(&self, parameters: &'p [f64]) -> Vec<&'p [f64]> {
        let mut rest = &parameters[self.components.len()..];
        let mut parts = Vec::with_capacity(self.components.len());
        for component in &self.components {
            let (own, others) = rest.split_at(component.names().len());
            parts.push(own);
            rest = others;
        }
        parts
    }

    /// Starts of all components within `parts` of the event, those without parameters excepted, which are everywhere.
    fn starts_in(
        &self,
        search: &mut ManifoldSearch<'_>,
        parts: &[EnergyFlow],
        first: usize,
    ) -> Result<Vec<Vec<f64>>> {
        let fixed = self.components.iter().filter(|component| component.names().is_empty()).count();
        let background = if fixed == self.components.len() { 1.0 } else { BACKGROUND };
        let mut shares = Vec::new();
        let mut own = Vec::new();
        let mut next = first;
        for component in &self.components {
            if component.names().is_empty() {
                shares.push(background / fixed as f64);
                own.push(vec![Vec::new()]);
            } else {
                let part = &parts[next % parts.len()];
                next += 1;
                shares.push(part.total_energy() / search.event().total_energy());
                own.push(search.starts_within(component.as_ref(), part)?);
            }
        }
        // The first starts of all, and the second.
        let start = |which: usize| {
            let of = |starts: &Vec<Vec<f64>>| starts.get(which.min(starts.len().saturating_sub(1))).cloned();
            let own: Option<Vec<Vec<f64>>> = own.iter().map(of).collect();
            own.map(|own| [shares.clone(), own.concat()].concat())
        };
        Ok((0..2).filter_map(start).collect())
    }
}

impl Manifold for Mixture {
    fn names(&self) -> Vec<String> {
        let fractions = (1..=self.components.len()).map(|k| format!("fraction {k}"));
        let own = self.components.iter().enumerate().flat_map(|(k, component)| {
            component.names().into_iter().map(move |name| format!("{}: {name}", k + 1))
        });
        fractions.chain(own).collect()
    }

    fn event(&self, parameters: &[f64]) -> Result<EnergyFlow> {
        let mut mix = Mix::default();
        for ((component, own), share) in self.components.iter().zip(self.split(parameters)).zip(parameters) {
            mix.add(*share, &component.event(own)?);
        }
        mix.event()
    }

    /// The best without the last component; each component in a part of the event, and all in the whole.
    fn starts(&self, search: &mut ManifoldSearch<'_>) -> Result<Vec<Vec<f64>>> {
        if let [only] = self.components.as_slice() {
            return Ok(vec![[vec![1.0], search.best(only.as_ref())?].concat()]);
        }
        let moving = self.components.iter().filter(|component| !component.names().is_empty()).count();
        let mut starts = Vec::new();
        if let Some((last, others)) = self.components.split_last() {
            let fewer = search.best(&Self { components: others.to_vec() })?;
            let event = search.event();
            for own in search.starts_within(last.as_ref(), event)?.into_iter().take(2) {
                for share in [0.0, 0.15] {
                    let (shares, rest) = fewer.split_at(others.len());
                    let shares = shares.iter().map(|old| old * (1.0 - share)).chain([share]);
                    starts.push(shares.chain(rest.iter().copied()).chain(own.iter().copied()).collect());
                }
            }
        }
        let whole = [search.event().clone()];
        starts.extend(self.starts_in(search, &whole, 0)?);
        if moving > 1 {
            let parts = search.parts(moving)?;
            // Which component has which part matters if they are of different kinds.
            for first in 0..parts.len().min(3) {
                starts.extend(self.starts_in(search, &parts, first)?);
            }
        }
        Ok(starts)
    }

    fn units(&self, size: f64) -> Vec<f64> {
        let own = self.components.iter().flat_map(|component| component.units(size));
        vec![1.0; self.components.len()].into_iter().chain(own).collect()
    }

    fn canonical(&self, parameters: &[f64]) -> Vec<f64> {
        let shares = fractions(&parameters[..self.components.len()]);
        let own = self.components.iter().zip(self.split(parameters));
        let own = own.flat_map(|(component, own)| component.canonical(own));
        shares.into_iter().chain(own).collect()
    }
}

impl fmt::Debug for Mixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mixture").field("parameters", &self.names()).finish()
    }
}

/// A sum of events.
#[derive(Debug, Default)]
pub(super) struct Mix {
    energies: Vec<f64>,
    points: Vec<[f64; 2]>,
}

impl Mix {
    /// Adds an event with an energy of the modulus of `share`.
    pub(super) fn add(&mut self, share: f64, event: &EnergyFlow) {
        let unit = share.abs() / event.total_energy();
        self.energies.extend(event.energies().iter().map(|energy| energy * unit));
        self.points.extend(event.points());
    }

    pub(super) fn event(self) -> Result<EnergyFlow> {
        EnergyFlow::new(self.energies, self.points)
    }
}

/// The moduli.
pub(super) fn modulus(shares: &[f64]) -> Vec<f64> {
    shares.iter().map(|share| share.abs()).collect()
}

/// The moduli divided by their sum.
pub(super) fn fractions(shares: &[f64]) -> Vec<f64> {
    let total: f64 = shares.iter().map(|share| share.abs()).sum();
    shares.iter().map(|share| share.abs() / total).collect()
}
