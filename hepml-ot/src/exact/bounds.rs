//! Lower bounds of the EMD, a thousandth of its price.
//!
//! Let f be the optimal plan between a heavier event a and a lighter b, D = |E_a - E_b| what is left over, M = E_b what is
//! moved (if normalised, D = 0 and M = 1), and let h be a map of the plane to the line with |h(x) - h(y)| <= theta(x, y):
//! a coordinate along a direction, or the distance from a point.
//!
//! 1. On the line, let F_a and F_b be the energies at or below t. What f moves is all of b and a part g of a, whose F_g is
//!    somewhere in [F_a - D, F_a]. It carries |F_g - F_b| past t, so sum f |h(x) - h(y)| >= integral dt max(0, x, -x - D) with x = F_b - F_a.
//!    The integrand is convex in x, so in each cell of the line it is at least the width of the cell times its value at the mean of
//!    x (Jensen): of each event only the integrals of F over cells are needed. Beyond the outermost cells, where F_a and F_b are 0
//!    or, on the right, E_a and E_b but for the little that is further out, the integral of max(0, x) on the left and of max(0, -x - D) on
//!    the right are at least the differences of the integrals of F and of E - F (of their moduli if D = 0). Call the sum S_h.
//! 2. The same f serves all maps, so for directions u and v at a right angle, as a sum of norms is no less than the norm of the sum,
//!    sum f theta >= |(sum f |u·d|, sum f |v·d|)| >= √(S_u² + S_v²); this includes the distance of the centroids. And for n
//!    directions in equal steps sum_k |u_k·d| <= |d| / sin(π/2n), so sum f theta >= sin(π/2n) sum_k S_k.
//! 3. With T the best of these, the EMD is D + sum f (theta/R)^beta >= D + M (T/MR)^beta for beta >= 1 (Jensen), and
//!    >= D + (T/R) (theta_max/R)^(beta-1) for beta < 1, theta_max being the longest way from a to b.
//! 4. If normalised and beta >= 2, there is no loss in adding two directions: theta² = (u·d)² + (v·d)². On the line the least
//!    sum f (u·d)² is that of quantiles matched, the integral over s in [0, 1] of (Q_a - Q_b)², in each of equal cells at least that
//!    of the means of the quantiles (Jensen). T is then the root of the sum for u and v, as sum f theta^beta >= (sum f theta²)^(beta/2).
//!
//! With a periodic azimuth coordinates along a direction other than y serve only where no two azimuths are more than π apart,
//! as those of jets about their axes; the distances from a point on the cylinder always do.

use std::f64::consts::{FRAC_PI_2, PI, TAU};

use crate::energy_flow::EnergyFlow;
use crate::ground_cost::AngularCost;

/// The directions, in equal steps over half a turn; the first is that of y.
const DIRECTIONS: usize = 8;
/// The cells of a line, the two without end included: a multiple of 8, for they are summed eight at a time.
const CELLS: usize = 40;
/// How much a computed EMD may be below the optimum, and a computed cost off, of the energy times the largest cost: a few
/// roundings per particle, which come on top, and far more than that.
const SLACK: f64 = 1e-12;

/// What is needed of an event to bound its EMDs from below.
#[derive(Debug, Clone)]
pub(crate) struct Bounds {
    /// Of each map the integrals over the cells: of the energy below each point, and in the last cell of that above.
    integrals: Vec<[f64; CELLS]>,
    /// For each direction the means of the quantiles over equal parts of the energy, where these are used.
    quantiles: Vec<[f64; CELLS]>,
    /// The energies' sum, 1 if normalised.
    total: f64,
    /// The number of particles with energy.
    particles: usize,
    /// The smallest and the largest coordinates of particles with energy.
    low: [f64; 2],
    high: [f64; 2],
}

impl Bounds {
    pub(crate) fn new(flow: &EnergyFlow, cost: &AngularCost, normalise: bool) -> Self {
        let unit = if normalise { flow.total_energy() } else { 1.0 };
        let mut bounds = Self {
            integrals: vec![[0.0; CELLS]; maps(cost.periodic_phi())],
            quantiles: Vec::new(),
            total: flow.total_energy() / unit,
            particles: 0,
            low: [f64::INFINITY; 2],
            high: [f64::NEG_INFINITY; 2],
        };
        let cells = [Cells::of_coordinates(cost.radius()), Cells::of_distances(cost.radius())];
        let directions: [[f64; 2]; DIRECTIONS] = std::array::from_fn(|k| {
            let (sin, cos) = (PI * k as f64 / DIRECTIONS as f64).sin_cos();
            [cos, sin]
        });
        for (&energy, point) in flow.energies().iter().zip(flow.points()) {
            if energy == 0.0 {
                continue;
            }
            bounds.particles += 1;
            for (k, x) in point.iter().enumerate() {
                bounds.low[k] = bounds.low[k].min(*x);
                bounds.high[k] = bounds.high[k].max(*x);
            }
            let energy = energy / unit;
            let (along, from_points) = bounds.integrals.split_at_mut(DIRECTIONS);
            for (integrals, [y, phi]) in along.iter_mut().zip(directions) {
                cells[0].add(integrals, energy, y * point[0] + phi * point[1]);
            }
            if cost.periodic_phi() {
                let way = [0.0, FRAC_PI_2].map(|from| around(point[1], from));
                cells[1].add(&mut from_points[0], energy, point[0].hypot(way[0]));
                cells[1].add(&mut from_points[1], energy, way[0]);
                cells[1].add(&mut from_points[2], energy, way[1]);
            } else {
                cells[1].add(&mut from_points[0], energy, point[0].hypot(point[1]));
            }
        }
        if normalise && cost.beta() >= 2.0 {
            bounds.quantiles = directions.iter().map(|direction| quantiles(flow, *direction)).collect();
        }
        bounds
    }

    /// A number that the computed EMD between two events does not fall below, -infinity where nothing is known.
    pub(crate) fn lower_bound(&self, other: &Self, cost: &AngularCost, normalise: bool) -> f64 {
        let (light, heavy) = if self.total <= other.total { (self, other) } else { (other, self) };
        if normalise && (light.particles == 0 || heavy.particles == 0) {
            return f64::NEG_INFINITY;
        }
        let surplus = if normalise { 0.0 } else { heavy.total - light.total };
        let particles = (light.particles + heavy.particles) as f64;
        let rounding = 4.0 * f64::EPSILON * (particles + 64.0);
        let (mut moving, mut largest) = (0.0, 0.0);
        if light.particles > 0 {
            let span = |k: usize| (light.high[k] - heavy.low[k]).max(heavy.high[k] - light.low[k]).max(0.0);
            let (y, mut phi, mut flat) = (span(0), span(1), true);
            if cost.periodic_phi() {
                flat = phi <= PI;
                phi = phi.min(PI);
            }
            let farthest = y.hypot(phi) / cost.radius();
            largest = farthest.powf(cost.beta());
            let extent = |bounds: &Self| {
                bounds.low.iter().chain(&bounds.high).fold(0.0_f64, |extent, x| extent.max(x.abs()))
            };
            // Sums of as many terms as there are particles and cells, each at most an energy times an extent.
            let extent = 2.0 * (extent(light) + extent(heavy)) + 8.0 * cost.radius();
            let distance = light.distance(heavy, cost, surplus, flat) - rounding * heavy.total * extent;
            // A part of the energy that a rounding puts into the wrong one of the cells weighs as much more as there are cells.
            let root = light.root_of_squares(heavy, flat) - 2.0 * CELLS as f64 * rounding * extent;
            let distance = distance.max(root);
            // Not if it is NaN: where numbers overflow only the surplus is known.
            if distance > 0.0 && distance.is_finite() {
                let distance = distance / cost.radius();
                moving = if cost.beta() >= 1.0 {
                    light.total * (distance / light.total).powf(cost.beta())
                } else {
                    distance * farthest.powf(cost.beta() - 1.0)
                };
            }
        }
        if !normalise {
            largest = f64::max(largest, 1.0);
        }
        // Costs near the smallest f64 are off by that.
        let slack = (SLACK + rounding) * heavy.total * largest + (heavy.total + 1.0) * f64::MIN_POSITIVE;
        let bound = surplus + moving - slack;
        if bound.is_nan() {
            f64::NEG_INFINITY
        } else {
            bound.max(if slack.is_finite() { 0.0 } else { bound })
        }
    }

    /// A lower bound of the sum of energies times distances they are moved.
    fn distance(&self, heavy: &Self, cost: &AngularCost, surplus: f64, flat: bool) -> f64 {
        let spared = |cells: Cells| -> [f64; CELLS] {
            // What is left over has room everywhere outside.
            std::array::from_fn(|k| if surplus == 0.0 { 0.0 } else { surplus * cells.width(k) })
        };
        let moved =
            |map: usize, spared: &[f64; CELLS]| moved(&self.integrals[map], &heavy.integrals[map], spared);
        let along = spared(Cells::of_coordinates(cost.radius()));
        let from_point = spared(Cells::of_distances(cost.radius()));
        let mut best = moved(DIRECTIONS, &from_point);
        if flat {
            let sums: [f64; DIRECTIONS] = std::array::from_fn(|k| moved(k, &along));
            let half = DIRECTIONS / 2;
            best = (0..half).fold(best, |best, k| best.max(sums[k].hypot(sums[k + half])));
            let step = PI / DIRECTIONS as f64;
            best = best.max(sums.iter().sum::<f64>() * (0.5 * step).sin());
        } else {
            let y = moved(0, &along);
            for map in DIRECTIONS + 1..DIRECTIONS + 3 {
                best = best.max(y.hypot(moved(map, &from_point)));
            }
        }
        best
    }

    /// A lower bound of the root of the sum of normalised energies times squares of the distances they are moved.
    fn root_of_squares(&self, other: &Self, flat: bool) -> f64 {
        let squares = |k: usize| -> f64 {
            let pairs = self.quantiles[k].iter().zip(&other.quantiles[k]);
            pairs.map(|(a, b)| (a - b) * (a - b)).sum::<f64>() / CELLS as f64
        };
        if self.quantiles.is_empty() {
            0.0
        } else if flat {
            let half = DIRECTIONS / 2;
            (0..half).fold(0.0, |best, k| f64::max(best, squares(k) + squares(k + half))).sqrt()
        } else {
            squares(0).sqrt()
        }
    }
}

/// The means over equal parts of an event's energy, sorted along a direction, of where it is.
fn quantiles(flow: &EnergyFlow, direction: [f64; 2]) -> [f64; CELLS] {
    let along = |point: &[f64; 2]| direction[0] * point[0] + direction[1] * point[1];
    let mut sorted: Vec<(f64, f64)> =
        flow.points().iter().map(along).zip(flow.energies().iter().copied()).collect();
    sorted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let mut means = [0.0; CELLS];
    let (mut cell, mut room) = (0, 1.0);
    for (x, energy) in sorted {
        // In units of a cell.
        let mut left = energy / flow.total_energy() * CELLS as f64;
        while left > 0.0 && cell < CELLS {
            let part = left.min(room);
            means[cell] += part * x;
            left -= part;
            room -= part;
            if room == 0.0 {
                cell += 1;
                room = 1.0;
            }
        }
    }
    means
}

/// The directions and the distance from the origin; if azimuths are periodic also two distances around the beam.
fn maps(periodic_phi: bool) -> usize {
    DIRECTIONS + if periodic_phi { 3 } else { 1 }
}

/// How far it is from one azimuth to another.
fn around(phi: f64, from: f64) -> f64 {
    let reduced = if phi.abs() <= PI { phi } else { phi % TAU };
    let difference = (reduced - from).abs() % TAU;
    difference.min(TAU - difference)
}

/// sum over cells of max(0, x, -x - spared), x = lighter - heavier.
fn moved(light: &[f64; CELLS], heavy: &[f64; CELLS], spared: &[f64; CELLS]) -> f64 {
    // Eight sums, which the processor adds at once.
    let mut sums = [0.0; 8];
    for ((light, heavy), spared) in
        light.chunks_exact(8).zip(heavy.chunks_exact(8)).zip(spared.chunks_exact(8))
    {
        for k in 0..8 {
            let more = light[k] - heavy[k];
            let less = -more - spared[k];
            let larger = if more > less { more } else { less };
            sums[k] += if larger > 0.0 { larger } else { 0.0 };
        }
    }
    sums.iter().sum()
}

/// The cells of a line: fine at 0, where jets have most of their energy, coarser outwards, the outermost without end.
struct Cells {
    edges: [f64; CELLS - 1],
}

impl Cells {
    /// From -2R to 2R.
    fn of_coordinates(radius: f64) -> Self {
        let half = 0.5 * (CELLS - 2) as f64;
        Self {
            edges: std::array::from_fn(|k| {
                let u = (k as f64 - half) / half;
                2.0 * radius * u * u.abs()
            }),
        }
    }

    /// From 0 to 2R.
    fn of_distances(radius: f64) -> Self {
        let last = (CELLS - 2) as f64;
        Self { edges: std::array::from_fn(|k| 2.0 * radius * (k as f64 / last).powi(2)) }
    }

    fn width(&self, cell: usize) -> f64 {
        if cell == 0 || cell == CELLS - 1 { f64::INFINITY } else { self.edges[cell] - self.edges[cell - 1] }
    }

    /// Adds a particle's energy at x to the integrals.
    fn add(&self, integrals: &mut [f64; CELLS], energy: f64, x: f64) {
        integrals[0] += energy * (self.edges[0] - x).max(0.0);
        integrals[CELLS - 1] += energy * (x - self.edges[CELLS - 2]).max(0.0);
        for (integral, edges) in integrals[1..].iter_mut().zip(self.edges.windows(2)) {
            *integral += energy * (edges[1] - x).max(0.0).min(edges[1] - edges[0]);
        }
    }
}
