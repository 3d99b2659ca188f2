//! Points in the plane whose distances are nearly given ones.

use hepml::core::nalgebra::{DMatrix, SymmetricEigen};
use hepml::core::ndarray::Array2;

/// Classical multidimensional scaling (Torgerson, Psychometrika 17 (1952) 401).
///
/// With B = -J D² J / 2, D² the squared distances and J the projection that takes out the mean, the coordinates are the
/// eigenvectors of the two largest eigenvalues times their roots: the best two dimensions if the points were in a Euclidean space.
pub(crate) struct Plane {
    /// A point for each event.
    pub(crate) points: Vec<[f64; 2]>,
    /// The two eigenvalues over the sum of all that are positive: how much of the space is in the plane.
    pub(crate) share: f64,
}

impl Plane {
    pub(crate) fn new(distances: &Array2<f64>) -> Self {
        let n = distances.nrows();
        let squares = distances.mapv(|d| d * d);
        let means: Vec<f64> = squares.rows().into_iter().map(|row| row.sum() / n as f64).collect();
        let mean = means.iter().sum::<f64>() / n as f64;
        let centred = DMatrix::from_fn(n, n, |i, j| -0.5 * (squares[(i, j)] - means[i] - means[j] + mean));
        let SymmetricEigen { eigenvalues, eigenvectors } = SymmetricEigen::new(centred);
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|&i, &j| f64::total_cmp(&eigenvalues[j], &eigenvalues[i]));
        let positive: f64 = eigenvalues.iter().filter(|value| **value > 0.0).sum();
        let axis = |k: usize, event: usize| eigenvalues[k].max(0.0).sqrt() * eigenvectors[(event, k)];
        let points = (0..n).map(|event| [axis(order[0], event), axis(order[1], event)]).collect();
        Self { points, share: (eigenvalues[order[0]] + eigenvalues[order[1]]) / positive }
    }
}
