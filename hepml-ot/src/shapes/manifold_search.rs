//! The search for the nearest event of a manifold.

use std::f64::consts::TAU;

use hepml_core::Error as CoreError;

use crate::divergence::Divergence;
use crate::energy_flow::EnergyFlow;
use crate::error::Result;
use crate::exact::{Emd, Workspace};
use crate::shapes::descent::{Landscape, Place, descend, settle};
use crate::shapes::manifold::Manifold;
use crate::shapes::manifold_distance::ManifoldFit;
use crate::shapes::n_subjettiness::{NSubjettiness, NSubjettinessConfig, SubjetAxes};

/// Parameters are varied by this, in their units, for derivatives of points and energies, which are smooth.
const VARIATION: f64 = 1e-6;
/// Values of descents from different starts agree to this fraction of them, or this fraction of the size of the event.
const AGREEMENT: (f64, f64) = (1e-3, 1e-6);
/// The number of descents, by quasi-Newton and by single parameters, in turn, from the best place found.
const ROUNDS: usize = 4;

/// The search for the event of a manifold that is nearest to an event, and what helps [`Manifold::starts`] begin it.
#[derive(Debug)]
pub struct ManifoldSearch<'a> {
    emd: &'a Emd,
    event: &'a EnergyFlow,
    evaluations: usize,
    allowed: usize,
    /// The step of a parameter, in its unit, that ends the search.
    tolerance: f64,
    workspace: Workspace,
}

impl<'a> ManifoldSearch<'a> {
    pub(super) fn new(emd: &'a Emd, event: &'a EnergyFlow, allowed: usize, tolerance: f64) -> Self {
        Self { emd, event, evaluations: 0, allowed, tolerance, workspace: Workspace::new() }
    }

    /// The event.
    pub fn event(&self) -> &'a EnergyFlow {
        self.event
    }

    /// The mean point (y, phi) of the energy.
    pub fn centre(&self) -> [f64; 2] {
        let mut mean = [0.0; 2];
        let mut total = 0.0;
        for (energy, point) in self.massive() {
            let to = if total == 0.0 { point } else { self.beside(mean, point) };
            total += energy;
            let share = energy / total;
            mean = [mean[0] + share * (to[0] - mean[0]), mean[1] + share * (to[1] - mean[1])];
        }
        mean
    }

    /// The covariance of the energy: yy, y phi, phi phi.
    pub fn covariance(&self) -> [f64; 3] {
        let centre = self.centre();
        let mut covariance = [0.0; 3];
        for (energy, point) in self.massive() {
            let share = energy / self.event.total_energy();
            let to = self.beside(centre, point);
            let (y, phi) = (to[0] - centre[0], to[1] - centre[1]);
            covariance = [
                covariance[0] + share * y * y,
                covariance[1] + share * y * phi,
                covariance[2] + share * phi * phi,
            ];
        }
        covariance
    }

    /// The root mean square distance of the energy from its centre.
    pub fn spread(&self) -> f64 {
        let [yy, _, phiphi] = self.covariance();
        (yy + phiphi).sqrt()
    }

    /// The best `n` axes of the event, by [`NSubjettiness`] with the beta, R and azimuth of the distance.
    ///
    /// # Errors
    /// As [`NSubjettiness::axes`].
    pub fn axes(&self, n: usize) -> Result<SubjetAxes> {
        self.n_subjettiness()?.axes(n, self.event)
    }

    /// The event in parts, one for each of its best `n` axes, hardest first; there are fewer if fewer particles are apart.
    ///
    /// # Errors
    /// As [`axes`](Self::axes).
    pub fn parts(&self, n: usize) -> Result<Vec<EnergyFlow>> {
        let axes = self.axes(n)?;
        let part = |k: usize| {
            let all = self.event.energies().iter().zip(self.event.points()).zip(&axes.assignment);
            let members = all.filter(|(_, axis)| **axis == Some(k)).map(|(particle, _)| particle);
            let (energies, points): (Vec<f64>, Vec<[f64; 2]>) = members.unzip();
            EnergyFlow::new(energies, points)
        };
        (0..axes.axes.len()).map(part).collect()
    }

    /// The parameters of the event of another manifold that is nearest.
    ///
    /// # Errors
    /// As [`ManifoldDistance::fit`](crate::ManifoldDistance::fit).
    pub fn best(&mut self, manifold: &dyn Manifold) -> Result<Vec<f64>> {
        Ok(self.fit(manifold)?.parameters)
    }

    /// Where the search for the event of another manifold nearest to a part of the event may begin.
    ///
    /// # Errors
    /// As [`Manifold::starts`].
    pub fn starts_within(&mut self, manifold: &dyn Manifold, part: &EnergyFlow) -> Result<Vec<Vec<f64>>> {
        let left = self.allowed.saturating_sub(self.evaluations);
        let mut search = ManifoldSearch::new(self.emd, part, left, self.tolerance);
        let starts = manifold.starts(&mut search)?;
        self.evaluations += search.evaluations;
        Ok(starts)
    }

    pub(super) fn fit(&mut self, manifold: &dyn Manifold) -> Result<ManifoldFit> {
        let before = self.evaluations;
        let names = manifold.names();
        if let Some(parameters) = manifold.nearest(self) {
            let parameters = manifold.canonical(&parameters?);
            let event = manifold.event(&parameters)?;
            self.evaluations += 1;
            let value = self.emd.value_in(&mut self.workspace, self.event, &event)?;
            let evaluations = self.evaluations - before;
            let (starts, agreeing) = (1, 1);
            return Ok(ManifoldFit {
                value,
                parameters,
                names,
                event,
                evaluations,
                starts,
                agreeing,
                residual: 0.0,
                converged: true,
            });
        }
        let starts = manifold.starts(self)?;
        for start in &starts {
            if start.len() != names.len() {
                return Err(CoreError::shape("parameters of a start", names.len(), start.len()).into());
            }
        }
        // An event in one point has the size of a thousandth of R, so that steps have a length.
        let scale = self.spread().max(1e-3 * self.emd.ground_cost().radius());
        let cost = self.emd.ground_cost();
        let units = checked_units(manifold, scale)?;
        let finest = self.tolerance;
        let mut landscape = Distance { manifold, units: &units, search: self };
        let mut ends: Vec<Place> = Vec::new();
        for start in &starts {
            let start: Vec<f64> =
                start.iter().zip(&units).map(|(parameter, unit)| parameter / unit).collect();
            ends.push(descend(&mut landscape, &start)?);
        }
        let lowest = ends.iter().map(|end| end.value).fold(f64::INFINITY, f64::min);
        let small = (AGREEMENT.1 * scale / cost.radius()).powf(cost.beta());
        let agreeing =
            ends.iter().filter(|end| end.value <= lowest + (AGREEMENT.0 * lowest).max(small)).count();
        let best = ends.into_iter().min_by(|a, b| a.value.total_cmp(&b.value));
        let mut best = best.ok_or_else(|| CoreError::Empty { what: "list of starts".into() })?;
        // Fractions of sum 1, so that a step of one has the size it seems to have.
        best.at = landscape.canonical(&best.at);
        let mut residual = settle(&mut landscape, &mut best, finest)?;
        for _ in 1..ROUNDS {
            let again = descend(&mut landscape, &best.at)?;
            let gain = best.value - again.value;
            if gain <= AGREEMENT.0 * best.value {
                break;
            }
            best = again;
            best.at = landscape.canonical(&best.at);
            residual = settle(&mut landscape, &mut best, finest)?;
        }
        let parameters = manifold.canonical(&landscape.parameters(&best.at));
        let event = manifold.event(&parameters)?;
        let value = self.emd.value_in(&mut self.workspace, self.event, &event)?;
        self.evaluations += 1;
        Ok(ManifoldFit {
            value,
            parameters,
            names,
            event,
            evaluations: self.evaluations - before,
            starts: starts.len(),
            agreeing,
            residual,
            converged: residual <= finest,
        })
    }

    fn n_subjettiness(&self) -> Result<NSubjettiness> {
        let cost = self.emd.ground_cost();
        NSubjettinessConfig::new()
            .beta(cost.beta())
            .radius(cost.radius())
            .periodic_phi(cost.periodic_phi())
            .normalise(false)
            .build()
    }

    fn massive(&self) -> impl Iterator<Item = (f64, [f64; 2])> {
        let particles = self.event.energies().iter().zip(self.event.points());
        particles.filter(|(energy, _)| **energy > 0.0).map(|(energy, point)| (*energy, *point))
    }

    /// `point` with the azimuth that is nearest to that of `other`, if azimuths are periodic.
    fn beside(&self, other: [f64; 2], point: [f64; 2]) -> [f64; 2] {
        if !self.emd.ground_cost().periodic_phi() {
            return point;
        }
        [point[0], point[1] - TAU * ((point[1] - other[1]) / TAU).round()]
    }
}

/// The units of the parameters, rounded to powers of two, so that nothing is lost on the way there and back.
fn checked_units(manifold: &dyn Manifold, size: f64) -> Result<Vec<f64>> {
    let (mut units, count) = (manifold.units(size), manifold.names().len());
    if units.len() != count {
        return Err(CoreError::shape("units of parameters", count, units.len()).into());
    }
    for unit in &mut units {
        if !(*unit > 0.0 && unit.is_finite()) {
            return Err(CoreError::out_of_range("unit of a parameter", *unit, "positive and finite").into());
        }
        *unit = unit.log2().round().clamp(-1022.0, 1023.0).exp2();
    }
    Ok(units)
}

/// The distance as a function of the parameters, each in its unit.
struct Distance<'m, 's, 'a> {
    manifold: &'m dyn Manifold,
    units: &'m [f64],
    search: &'s mut ManifoldSearch<'a>,
}

impl Distance<'_, '_, '_> {
    fn parameters(&self, at: &[f64]) -> Vec<f64> {
        at.iter().zip(self.units).map(|(x, unit)| x * unit).collect()
    }

    fn event(&self, at: &[f64]) -> Result<EnergyFlow> {
        self.manifold.event(&self.parameters(at))
    }

    /// The same place by the parameters that one would quote.
    fn canonical(&self, at: &[f64]) -> Vec<f64> {
        let canonical = self.manifold.canonical(&self.parameters(at));
        canonical.iter().zip(self.units).map(|(parameter, unit)| parameter / unit).collect()
    }
}

impl Landscape for Distance<'_, '_, '_> {
    fn value(&mut self, at: &[f64]) -> Result<f64> {
        let event = self.event(at)?;
        let search = &mut *self.search;
        search.evaluations += 1;
        search.emd.value_in(&mut search.workspace, search.event, &event)
    }

    fn gradient(&mut self, at: &[f64]) -> Result<(f64, Vec<f64>)> {
        self.search.evaluations += 1;
        let event = self.event(at)?;
        let gradient = self.search.emd.gradient(self.search.event, &event)?;
        let by = &gradient.second;
        let mut slopes = Vec::with_capacity(at.len());
        let mut varied = at.to_vec();
        for parameter in 0..at.len() {
            varied[parameter] = at[parameter] + VARIATION;
            let up = self.event(&varied)?;
            varied[parameter] = at[parameter] - VARIATION;
            let down = self.event(&varied)?;
            varied[parameter] = at[parameter];
            for other in [&up, &down] {
                if other.len() != event.len() {
                    let what = "particles of an event of the manifold";
                    return Err(CoreError::shape(what, event.len(), other.len()).into());
                }
            }
            let mut slope = 0.0;
            for i in 0..event.len() {
                slope += by.energies[i] * (up.energies()[i] - down.energies()[i]);
                let (up, down) = (up.points()[i], down.points()[i]);
                slope += by.points[i][0] * (up[0] - down[0]) + by.points[i][1] * (up[1] - down[1]);
            }
            slopes.push(slope / (2.0 * VARIATION));
        }
        Ok((gradient.value, slopes))
    }

    fn exhausted(&self) -> bool {
        self.search.evaluations >= self.search.allowed
    }
}
