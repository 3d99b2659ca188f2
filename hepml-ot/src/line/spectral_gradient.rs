//! Derivatives of the spectral Energy Mover's Distance.

use crate::compensated;
use crate::divergence::Divergence;
use crate::energy_flow::EnergyFlow;
use crate::error::Result;
use crate::exact::EventGradient;
use crate::ground_cost::GroundCost;
use crate::line::quantiles::{Quantiles, representable};
use crate::line::spectral_emd::{SpectralEmd, SpectralWorkspace};
use crate::line::spectral_function::Omega;

/// A [`SpectralEmd`] and its derivatives by every energy and every point of both events, in closed form.
///
/// The value has a derivative wherever no two pairs of particles of an event are equally far apart and no level of the one
/// cumulative spectral function is exactly one of the other, that is almost everywhere. Where it has none:
/// - equally distant pairs share the slope of their line;
/// - two particles at the same point attract or repel in no direction: 0;
/// - where levels coincide (identical events, equal energies), the derivatives by energies are the means of those on both sides,
///   so that between an event and itself all are 0.
///
/// The derivatives by the energies of particles without energy are those for adding some (where levels coincide, the mean with
/// those for removing some, which cannot be done), and those by their points are 0.
///
/// In units of the value per unit of energy, and per unit of y or phi.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SpectralGradient {
    /// The SEMD.
    pub value: f64,
    /// The derivatives by the first event.
    pub first: EventGradient,
    /// The derivatives by the second event.
    pub second: EventGradient,
}

impl SpectralEmd {
    /// SEMD(a, b) and its derivatives by the energies and points of both events, in O(N² log N) operations.
    ///
    /// # Errors
    /// As [`value`](Divergence::value); [`Error::ValueOverflows`](crate::Error::ValueOverflows) for a derivative that does.
    ///
    /// ```
    /// use hepml_ot::{EnergyFlow, SpectralEmd};
    ///
    /// let a = EnergyFlow::from_rows(&[[1.0, 0.0, 0.0], [1.0, 0.5, 0.0]])?;
    /// let b = EnergyFlow::from_rows(&[[1.0, 0.0, 0.0], [3.0, 1.0, 0.0]])?;
    /// let gradient = SpectralEmd::default().gradient(&a, &b)?;
    /// // W_2^2 = (d - 1)^2 3/8 + d^2 1/8 for the distance d = 1/2 of the first event's particles.
    /// assert_eq!(gradient.value, 0.25 * 3.0 / 8.0 + 0.25 / 8.0);
    /// assert_eq!(gradient.first.points[1][0], -2.0 * 0.5 * 3.0 / 8.0 + 2.0 * 0.5 / 8.0);
    /// # Ok::<(), hepml_ot::Error>(())
    /// ```
    pub fn gradient(&self, a: &EnergyFlow, b: &EnergyFlow) -> Result<SpectralGradient> {
        let (s, t) = (self.prepare(a)?, self.prepare(b)?);
        let workspace = &mut SpectralWorkspace::default();
        let value = self.prepared_value(workspace, &s, &t)?;
        let none = |flow: &EnergyFlow| EventGradient {
            energies: vec![0.0; flow.len()],
            points: vec![[0.0; 2]; flow.len()],
        };
        let (mut first, mut second) = (none(a), none(b));
        if let Some(([s, t], _)) = self.sides(workspace, &s, &t)? {
            first = self.event_gradient(a, s, t)?;
            second = self.event_gradient(b, t, s)?;
        }
        Ok(SpectralGradient { value, first, second })
    }

    /// The derivatives by the event whose quantiles are `own`.
    fn event_gradient(&self, flow: &EnergyFlow, own: &Quantiles, other: &Quantiles) -> Result<EventGradient> {
        let dual = Dual::new(own, other, self.omega_max());
        let (energies, points) = (flow.energies(), flow.points());
        // By strengths of lines: potentials, less what all others lose or the missing line loses.
        let (unit, reference) = match self.omega_max() {
            None => {
                let mean = own.shares().zip(&dual.lines).map(|((_, share), line)| share * line.potential);
                (flow.total_energy(), compensated::sum(mean))
            }
            Some(omega_max) => (1.0, dual.potential(omega_max)),
        };
        let of_no_distance = dual.potential(0.0) - reference;
        let mut gradient = EventGradient {
            energies: energies.iter().map(|energy| energy / unit * of_no_distance).collect(),
            points: vec![[0.0; 2]; flow.len()],
        };
        let (massive, massless): (Vec<usize>, Vec<usize>) =
            (0..flow.len()).partition(|&particle| energies[particle] > 0.0);
        // The same numbers as those of the lines.
        let massive_points: Vec<[f64; 2]> = massive.iter().map(|&particle| points[particle]).collect();
        let omega = Omega::new(&self.cost, &massive_points);
        let mut omegas = vec![0.0; massive.len()];
        for (rank, &i) in massive.iter().enumerate() {
            let omegas = &mut omegas[rank + 1..];
            omega.row(points[i], &massive_points[rank + 1..], omegas);
            for (&omega, &j) in omegas.iter().zip(&massive[rank + 1..]) {
                let potential = dual.potential(omega) - reference;
                gradient.energies[i] += energies[j] / unit * potential;
                gradient.energies[j] += energies[i] / unit * potential;
                let strength = 2.0 * (energies[i] / unit) * (energies[j] / unit);
                let force = strength * dual.slope(omega) / self.beta();
                let by_point = self.cost.cost_gradient(points[i], points[j]).unwrap_or([0.0; 2]);
                for (axis, component) in by_point.into_iter().enumerate() {
                    gradient.points[i][axis] += force * component;
                    gradient.points[j][axis] -= force * component;
                }
            }
        }
        for i in massless {
            for &j in &massive {
                let omega = self.cost.cost(points[i], points[j]) / self.beta();
                gradient.energies[i] += energies[j] / unit * (dual.potential(omega) - reference);
            }
        }
        for energy in &mut gradient.energies {
            *energy = representable(2.0 / unit * *energy)?;
        }
        for component in gradient.points.as_flattened() {
            representable(*component)?;
        }
        Ok(gradient)
    }
}

/// What the dual of the transport says of one of the two distributions.
struct Dual {
    lines: Vec<Line>,
    /// The lowest position of the other.
    other_first: f64,
}

/// A step of a distribution.
struct Line {
    position: f64,
    /// The derivative of W_2² by the mass at this position, up to a constant.
    potential: f64,
    /// The mean of 2 (position - what it is paired with).
    slope: f64,
    /// The position of the other at the level where this step ends; if the other ends a step there too, the middle of the two.
    paired_at_end: f64,
}

impl Dual {
    /// Of one of two distributions, above both of which there is `top`, if anything.
    fn new(own: &Quantiles, other: &Quantiles, top: Option<f64>) -> Self {
        let other = other.steps();
        let mut lines: Vec<Line> = Vec::with_capacity(own.steps().len());
        // Steps too thin for a level of their own are paired with nothing.
        let next_step =
            |j: usize, level: i64| j + other[j..].iter().take_while(|step| step.level <= level).count();
        let (mut j, mut level) = (next_step(0, 0), 0);
        let other_first = other[j].position;
        let mut below = other_first;
        for step in own.steps() {
            let (mut sum, begin) = (0.0, level);
            let first = other.get(j).map_or(below, |other| other.position);
            while level < step.level {
                below = other[j].position;
                let next = step.level.min(other[j].level);
                sum += (next - level) as f64 * 2.0 * (step.position - below);
                level = next;
                j = next_step(j, level);
            }
            // Between two steps the other stands still, and the potential grows as (x - y)² does.
            let potential = lines.last().map_or(0.0, |last| {
                let y = last.paired_at_end;
                last.potential + (step.position - last.position) * (step.position + last.position - 2.0 * y)
            });
            let slope =
                if level > begin { sum / (level - begin) as f64 } else { 2.0 * (step.position - first) };
            let above = other.get(j).map_or(top.unwrap_or(below), |other| other.position);
            let paired_at_end = f64::midpoint(below, above);
            lines.push(Line { position: step.position, potential, slope, paired_at_end });
        }
        Self { lines, other_first }
    }

    /// The last line at or below a position.
    fn line_at(&self, position: f64) -> Option<&Line> {
        let at = self.lines.partition_point(|line| line.position <= position);
        at.checked_sub(1).map(|at| &self.lines[at])
    }

    fn potential(&self, position: f64) -> f64 {
        let (from, potential, y) = match self.line_at(position) {
            Some(line) => (line.position, line.potential, line.paired_at_end),
            None => (self.lines[0].position, self.lines[0].potential, self.other_first),
        };
        potential + (position - from) * (position + from - 2.0 * y)
    }

    fn slope(&self, position: f64) -> f64 {
        match self.line_at(position) {
            Some(line) if line.position == position => line.slope,
            // Too thin a line for a step of its own.
            Some(line) => 2.0 * (position - line.paired_at_end),
            None => 2.0 * (position - self.other_first),
        }
    }
}
