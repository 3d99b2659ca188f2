//! The function of z that a calibration fits.

use hepml_core::serde::{Deserialize, Serialize};
use hepml_core::{Error as CoreError, ModelFile};

/// A function z -> calibrated z.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum CalibrationMap {
    /// slope z + offset.
    Affine {
        /// The slope: 1/temperature.
        slope: f64,
        /// The offset.
        offset: f64,
    },
    /// Straight lines between knots, constant beyond the first and the last.
    Piecewise {
        /// The knots, strictly ascending.
        knots: Vec<f64>,
        /// The value at each knot.
        values: Vec<f64>,
    },
    /// Constant between inner edges; the value after an edge holds at the edge, too.
    Steps {
        /// The inner edges, strictly ascending, one fewer than values.
        edges: Vec<f64>,
        /// The value of each step.
        values: Vec<f64>,
    },
}

/// The kind of map in a saved model's header.
#[derive(Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde")]
enum Shape {
    Affine,
    Piecewise,
    Steps,
}

impl CalibrationMap {
    /// The calibrated value of a finite z.
    pub fn apply(&self, z: f64) -> f64 {
        match self {
            Self::Affine { slope, offset } => slope * z + offset,
            Self::Piecewise { knots, values } => {
                let after = knots.partition_point(|&knot| knot <= z);
                if after == 0 {
                    return values[0];
                }
                if after == knots.len() {
                    return values[after - 1];
                }
                let (left, right) = (knots[after - 1], knots[after]);
                let (low, high) = (values[after - 1], values[after]);
                // Halved, so that the distance of two knots cannot overflow.
                let t = (0.5 * z - 0.5 * left) / (0.5 * right - 0.5 * left);
                // Kept between its neighbours, so that rounding cannot make it fall where the values rise.
                (low + (high - low) * t).clamp(low.min(high), low.max(high))
            }
            Self::Steps { edges, values } => values[edges.partition_point(|&edge| edge <= z)],
        }
    }

    /// The header of a saved map, and its tensors "map/x" and "map/values".
    pub(crate) fn save(&self, kind: &str, version: u32) -> Result<ModelFile, CoreError> {
        let (shape, x, values) = match self {
            Self::Affine { slope, offset } => (Shape::Affine, vec![*slope], vec![*offset]),
            Self::Piecewise { knots, values } => (Shape::Piecewise, knots.clone(), values.clone()),
            Self::Steps { edges, values } => (Shape::Steps, edges.clone(), values.clone()),
        };
        let mut file = ModelFile::new(kind, version, &shape)?;
        file.insert_f64("map/x", &hepml_core::ndarray::Array1::from(x))?;
        file.insert_f64("map/values", &hepml_core::ndarray::Array1::from(values))?;
        Ok(file)
    }

    /// The map of a file that [`save`](Self::save) began.
    pub(crate) fn load(file: &ModelFile) -> Result<Self, CoreError> {
        let x = file.f64::<hepml_core::ndarray::Ix1>("map/x")?.to_vec();
        let values = file.f64::<hepml_core::ndarray::Ix1>("map/values")?.to_vec();
        let shape: Shape = file.header()?;
        let expected = match shape {
            Shape::Affine => 1,
            Shape::Piecewise => x.len().max(1),
            Shape::Steps => x.len() + 1,
        };
        if values.len() != expected
            || (matches!(shape, Shape::Affine | Shape::Piecewise) && x.len() != expected)
        {
            return Err(CoreError::shape("values of a calibration map", expected, values.len()));
        }
        if !x.is_sorted_by(|a, b| a < b) {
            return Err(CoreError::Model("the knots of a calibration map do not ascend".to_owned()));
        }
        Ok(match shape {
            Shape::Affine => Self::Affine { slope: x[0], offset: values[0] },
            Shape::Piecewise => Self::Piecewise { knots: x, values },
            Shape::Steps => Self::Steps { edges: x, values },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_between_knots_and_constants_beyond() {
        let map = CalibrationMap::Piecewise { knots: vec![-1.0, 1.0, 2.0], values: vec![0.0, 4.0, 4.0] };
        let got: Vec<f64> = [-9.0, -1.0, 0.0, 1.0, 1.5, 2.0, 9.0].iter().map(|&z| map.apply(z)).collect();
        assert_eq!(got, [0.0, 0.0, 2.0, 4.0, 4.0, 4.0, 4.0]);
        let wide = CalibrationMap::Piecewise { knots: vec![-f64::MAX, f64::MAX], values: vec![-1.0, 1.0] };
        assert_eq!(wide.apply(0.0), 0.0);
    }

    #[test]
    fn steps_hold_their_lower_edge() {
        let map = CalibrationMap::Steps { edges: vec![0.0, 1.0], values: vec![5.0, 6.0, 7.0] };
        let got: Vec<f64> = [-1.0, 0.0, 0.5, 1.0, 8.0].iter().map(|&z| map.apply(z)).collect();
        assert_eq!(got, [5.0, 6.0, 6.0, 7.0, 7.0]);
    }
}
