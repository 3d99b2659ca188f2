//! An event with what the EMD computes of it alone.

use std::f64::consts::{PI, TAU};
use std::sync::OnceLock;

use crate::energy_flow::EnergyFlow;
use crate::exact::bounds::Bounds;
use crate::exact::cloud::Cloud;
use crate::exact::kernel::Kernel;

/// An event with what [`Emd`](crate::Emd) computes of it alone.
#[derive(Debug, Clone)]
pub struct PreparedFlow<'a> {
    pub(crate) flow: &'a EnergyFlow,
    /// What bounds its values from below, once that is asked for.
    pub(crate) bounds: OnceLock<Bounds>,
    /// The positions of the particles that have energy, and these.
    pub(crate) positions: Vec<usize>,
    pub(crate) cloud: Cloud,
    /// Coarser versions, the finest first, once they are asked for.
    levels: OnceLock<Vec<Cloud>>,
    pub(crate) extent: Extent,
}

impl<'a> PreparedFlow<'a> {
    /// What every pair needs.
    pub(crate) fn new(flow: &'a EnergyFlow) -> Self {
        let mut positions = Vec::with_capacity(flow.len());
        positions.extend((0..flow.len()).filter(|&i| flow.energies()[i] > 0.0));
        let masses = positions.iter().map(|&i| flow.energies()[i]).collect();
        let coordinate = |axis: usize| {
            let mut coordinates = Vec::with_capacity(Cloud::padded(positions.len()));
            coordinates.extend(positions.iter().map(|&i| flow.points()[i][axis]));
            coordinates
        };
        let (y, phi) = (coordinate(0), coordinate(1));
        let extent = Extent { y: range(&y), phi: range(&phi) };
        Self {
            flow,
            positions,
            cloud: Cloud::new(masses, y, phi),
            levels: OnceLock::new(),
            extent,
            bounds: OnceLock::new(),
        }
    }

    /// Coarser versions, the finest first.
    pub(crate) fn levels(&self, kernel: Kernel) -> &[Cloud] {
        self.levels.get_or_init(|| self.cloud.coarser(kernel))
    }
}

/// The ranges of coordinates, (infinity, -infinity) of none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    y: (f64, f64),
    phi: (f64, f64),
}

impl Extent {
    pub(crate) fn joined(&self, other: &Self) -> Self {
        let join = |a: (f64, f64), b: (f64, f64)| (a.0.min(b.0), a.1.max(b.1));
        Self { y: join(self.y, other.y), phi: join(self.phi, other.phi) }
    }

    /// A number that no distance of two points exceeds, rounding included; `None` if it is 0, there are no points, or a square or (around a circle)
    /// a difference could leave the range where simple arithmetic is right.
    pub(crate) fn largest_distance(&self, periodic_phi: bool) -> Option<f64> {
        let (y, mut phi) = (self.y.1 - self.y.0, self.phi.1 - self.phi.0);
        if periodic_phi {
            if phi > TAU {
                return None;
            }
            phi = phi.min(PI);
        }
        let distance = (y * y + phi * phi).sqrt() * (1.0 + 1e-15);
        (1e-100..1e100).contains(&distance).then_some(distance)
    }
}

fn range(coordinates: &[f64]) -> (f64, f64) {
    coordinates.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &x| (low.min(x), high.max(x)))
}
