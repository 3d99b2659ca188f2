//! Masses at points, and coarser versions of them.

use crate::exact::kernel::LANES;

/// Masses, all positive, at points (y, phi), coordinate by coordinate; coordinates are padded to whole vectors.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cloud {
    pub(crate) masses: Vec<f64>,
    pub(crate) y: Vec<f64>,
    pub(crate) phi: Vec<f64>,
}

/// A cloud of fewer points is worth its while from so many on, and then of one point for so many.
const POINTS_PER_CLUSTER: usize = 3;
const FEWEST_CLUSTERS: usize = 10;

impl Cloud {
    pub(crate) fn new(masses: Vec<f64>, mut y: Vec<f64>, mut phi: Vec<f64>) -> Self {
        let padded = masses.len().next_multiple_of(LANES);
        y.resize(padded, 0.0);
        phi.resize(padded, 0.0);
        Self { masses, y, phi }
    }

    pub(crate) fn len(&self) -> usize {
        self.masses.len()
    }

    pub(crate) fn point(&self, index: usize) -> [f64; 2] {
        [self.y[index], self.phi[index]]
    }

    /// Ever coarser versions, the finest first, of which the potentials of a plan are guessed.
    pub(crate) fn coarser(&self) -> Vec<Self> {
        let mut levels: Vec<Self> = Vec::new();
        loop {
            let finest = levels.last().unwrap_or(self);
            let clusters = finest.len() / POINTS_PER_CLUSTER;
            if clusters < FEWEST_CLUSTERS {
                return levels;
            }
            levels.push(finest.clustered(clusters));
        }
    }

    /// The centres of mass of what is nearest to each of so many seeds: the heaviest point, and then, one after the other, that with the
    /// largest product of mass and distance to the nearest seed.
    fn clustered(&self, clusters: usize) -> Self {
        let mut nearest = vec![0_usize; self.len()];
        let mut distance = vec![f64::INFINITY; self.len()];
        let mut seed = largest(self.masses.iter().copied());
        for cluster in 0..clusters {
            let [y, phi] = self.point(seed);
            for point in 0..self.len() {
                let (dy, dphi) = (self.y[point] - y, self.phi[point] - phi);
                let square = dy * dy + dphi * dphi;
                if square < distance[point] {
                    (distance[point], nearest[point]) = (square, cluster);
                }
            }
            seed = largest(self.masses.iter().zip(&distance).map(|(mass, square)| mass * mass * square));
        }
        let mut sums = vec![[0.0; 3]; clusters];
        for (point, &cluster) in nearest.iter().enumerate() {
            let (mass, [y, phi]) = (self.masses[point], self.point(point));
            let sum = &mut sums[cluster];
            (sum[0], sum[1], sum[2]) = (sum[0] + mass, sum[1] + mass * y, sum[2] + mass * phi);
        }
        // Seeds at one point leave clusters without mass.
        sums.retain(|sum| sum[0] > 0.0);
        Self::new(
            sums.iter().map(|sum| sum[0]).collect(),
            sums.iter().map(|sum| sum[1] / sum[0]).collect(),
            sums.iter().map(|sum| sum[2] / sum[0]).collect(),
        )
    }
}

/// The position of the largest number.
fn largest(numbers: impl Iterator<Item = f64>) -> usize {
    let mut best = (f64::NEG_INFINITY, 0);
    for (index, number) in numbers.enumerate() {
        if number > best.0 {
            best = (number, index);
        }
    }
    best.1
}
