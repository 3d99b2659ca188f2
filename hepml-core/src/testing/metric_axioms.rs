//! The axioms of a distance.

use super::check_error::{CheckError, judge};

/// The largest violations of the axioms over the points checked, all at least 0.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct MetricDeviations {
    /// The largest |d(x, x)|.
    pub identity: f64,
    /// The largest -d(x, y).
    pub negativity: f64,
    /// The largest |d(x, y) - d(y, x)|.
    pub asymmetry: f64,
    /// The largest d(x, z) - d(x, y) - d(y, z).
    pub triangle: f64,
}

/// Checks d(x, x) = 0, d >= 0, symmetry and the triangle inequality on all pairs and triples of `points`.
///
/// # Errors
/// A violation above `tolerance` (absolute) naming the points, a distance that is not finite, a failing function, fewer
/// than three points.
pub fn check_metric_axioms<X, E>(
    distance: impl Fn(&X, &X) -> Result<f64, E>,
    points: &[X],
    tolerance: f64,
) -> Result<MetricDeviations, CheckError>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let n = points.len();
    if n < 3 {
        return Err(CheckError::Misuse("the triangle inequality needs at least three points"));
    }
    let mut d = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..n {
            let value =
                distance(&points[i], &points[j]).map_err(|error| CheckError::Function(error.into()))?;
            if !value.is_finite() {
                let item = format!("points {i} and {j}");
                return Err(CheckError::NotFinite { property: "a distance", item, value });
            }
            d[i * n + j] = value;
        }
    }
    let mut worst = MetricDeviations::default();
    for i in 0..n {
        let (own, item) = (d[i * n + i].abs(), || format!("point {i}"));
        worst.identity = worst.identity.max(judge("d(x, x) = 0", item, own, tolerance)?);
        for j in 0..n {
            let (there, back) = (d[i * n + j], d[j * n + i]);
            let item = || format!("points {i} and {j}");
            worst.negativity = worst.negativity.max(judge("d(x, y) >= 0", item, -there, tolerance)?);
            worst.asymmetry =
                worst.asymmetry.max(judge("d(x, y) = d(y, x)", item, (there - back).abs(), tolerance)?);
            for k in 0..n {
                let excess = d[i * n + k] - there - d[j * n + k];
                let item = || format!("points {i}, {j}, {k}");
                worst.triangle =
                    worst.triangle.max(judge("the triangle inequality", item, excess, tolerance)?);
            }
        }
    }
    Ok(worst)
}
