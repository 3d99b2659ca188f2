//! Masses at points, and coarser versions of them.

use crate::exact::kernel::{Kernel, LANES};

/// Masses, all positive, at points (y, phi), coordinate by coordinate; coordinates are padded to whole vectors.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cloud {
    pub(crate) masses: Vec<f64>,
    pub(crate) y: Vec<f64>,
    pub(crate) phi: Vec<f64>,
    /// The positions of the points from the lightest to the heaviest, of clouds that take part in coarse problems.
    pub(crate) by_mass: Vec<u32>,
}

/// A cloud of fewer points is worth its while from so many on, and then of one point for so many.
const POINTS_PER_CLUSTER: usize = 3;
const FEWEST_CLUSTERS: usize = 10;

impl Cloud {
    pub(crate) fn new(masses: Vec<f64>, mut y: Vec<f64>, mut phi: Vec<f64>) -> Self {
        let padded = Self::padded(masses.len());
        y.resize(padded, 0.0);
        phi.resize(padded, 0.0);
        let mut cloud = Self { masses, y, phi, by_mass: Vec::new() };
        if cloud.has_coarser() {
            cloud.by_mass = order_of(&cloud.masses);
        }
        cloud
    }

    /// How many coordinates are kept for so many points.
    pub(crate) fn padded(points: usize) -> usize {
        points.next_multiple_of(LANES)
    }

    pub(crate) fn len(&self) -> usize {
        self.masses.len()
    }

    pub(crate) fn point(&self, index: usize) -> [f64; 2] {
        [self.y[index], self.phi[index]]
    }

    /// Whether there is a coarser version that is worth its while.
    pub(crate) fn has_coarser(&self) -> bool {
        self.len() / POINTS_PER_CLUSTER >= FEWEST_CLUSTERS
    }

    /// Ever coarser versions, the finest first, of which the potentials of a plan are guessed.
    pub(crate) fn coarser(&self, kernel: Kernel) -> Vec<Self> {
        let mut levels: Vec<Self> = Vec::new();
        loop {
            let finest = levels.last().unwrap_or(self);
            if !finest.has_coarser() {
                return levels;
            }
            levels.push(finest.clustered(kernel, finest.len() / POINTS_PER_CLUSTER));
        }
    }

    /// The centres of mass of what is nearest to each of so many seeds: the heaviest point, and then, one after the other, that with the
    /// largest product of mass and distance to the nearest seed.
    fn clustered(&self, kernel: Kernel, clusters: usize) -> Self {
        let padded = self.y.len();
        let mut weight: Vec<f64> = self.masses.iter().map(|mass| mass * mass).collect();
        weight.resize(padded, 0.0);
        let (mut nearest, mut square) = (vec![0.0; padded], vec![f64::INFINITY; padded]);
        let mut seed = self.by_mass.last().map_or(0, |&heaviest| heaviest as usize);
        for cluster in 0..clusters {
            let [y, phi] = self.point(seed);
            let points = [&self.y[..], &self.phi, &weight];
            seed = kernel.add_seed([y, phi, cluster as f64], points, &mut square, &mut nearest);
        }
        let mut sums = vec![[0.0; 3]; clusters];
        for (point, cluster) in nearest[..self.len()].iter().enumerate() {
            let (mass, [y, phi]) = (self.masses[point], self.point(point));
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "small whole numbers"
            )]
            let sum = &mut sums[*cluster as usize];
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

/// The positions of positive numbers from the smallest to the largest, but for what the last digits say.
fn order_of(numbers: &[f64]) -> Vec<u32> {
    // Whole numbers, which positive floating-point numbers are ordered as, with the positions in the place of the last digits.
    let digits = numbers.len().next_power_of_two() as u64 - 1;
    let mut keys: Vec<u64> =
        numbers.iter().zip(0..).map(|(number, position)| number.to_bits() & !digits | position).collect();
    keys.sort_unstable();
    #[expect(clippy::cast_possible_truncation, reason = "positions of what fits into memory with its square")]
    keys.into_iter().map(|key| (key & digits) as u32).collect()
}
