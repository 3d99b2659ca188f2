//! The function of z that a calibration fits.

use hepml_core::serde::{Deserialize, Serialize};
use hepml_core::{Error as CoreError, ModelFile};

use crate::error::Result;

/// A function z -> calibrated z.
///
/// ```
/// use hepml_ratio::CalibrationMap;
///
/// let map = CalibrationMap::piecewise(vec![-1.0, 1.0], vec![-0.5, 0.5])?;
/// assert_eq!([-9.0, 0.5, 9.0].map(|z| map.apply(z)), [-0.5, 0.25, 0.5]);
/// # Ok::<(), hepml_ratio::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct CalibrationMap(Form);

/// The form of a map, whose numbers are finite and as many as they must be.
#[derive(Debug, Clone, PartialEq)]
enum Form {
    Affine { slope: f64, offset: f64 },
    Piecewise { knots: Vec<f64>, values: Vec<f64> },
    Steps { edges: Vec<f64>, values: Vec<f64> },
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
    /// slope z + offset; the slope is 1/temperature.
    ///
    /// # Errors
    /// A number that is not finite.
    pub fn affine(slope: f64, offset: f64) -> Result<Self> {
        hepml_core::finite("slope of a calibration map", slope)?;
        hepml_core::finite("offset of a calibration map", offset)?;
        Ok(Self(Form::Affine { slope, offset }))
    }

    /// Straight lines between knots, each with its value, constant beyond the first and the last.
    ///
    /// # Errors
    /// No knots, or knots that do not ascend strictly; another number of values than of knots; a number that is not finite.
    pub fn piecewise(knots: Vec<f64>, values: Vec<f64>) -> Result<Self> {
        if knots.is_empty() {
            return Err(CoreError::Empty { what: "list of knots of a calibration map".into() }.into());
        }
        check("knot", &knots, &values, knots.len())?;
        Ok(Self(Form::Piecewise { knots, values }))
    }

    /// Constant between inner edges, one fewer than values; the value after an edge holds at the edge, too.
    ///
    /// # Errors
    /// Edges that do not ascend strictly; not one value more than edges; a number that is not finite.
    pub fn steps(edges: Vec<f64>, values: Vec<f64>) -> Result<Self> {
        check("edge", &edges, &values, edges.len() + 1)?;
        Ok(Self(Form::Steps { edges, values }))
    }

    /// The calibrated value of a finite z.
    pub fn apply(&self, z: f64) -> f64 {
        match &self.0 {
            Form::Affine { slope, offset } => slope * z + offset,
            Form::Piecewise { knots, values } => {
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
            Form::Steps { edges, values } => values[edges.partition_point(|&edge| edge <= z)],
        }
    }

    /// The header of a saved map, and its tensors "map/x" and "map/values".
    pub(crate) fn save(&self, kind: &str, version: u32) -> Result<ModelFile, CoreError> {
        let (shape, x, values) = match &self.0 {
            Form::Affine { slope, offset } => (Shape::Affine, vec![*slope], vec![*offset]),
            Form::Piecewise { knots, values } => (Shape::Piecewise, knots.clone(), values.clone()),
            Form::Steps { edges, values } => (Shape::Steps, edges.clone(), values.clone()),
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
        Ok(match shape {
            Shape::Affine => {
                let ([slope], [offset]) = (x.as_slice(), values.as_slice()) else {
                    let numbers = x.len() + values.len();
                    return Err(CoreError::shape("numbers of an affine calibration map", 2, numbers));
                };
                Self::affine(*slope, *offset)?
            }
            Shape::Piecewise => Self::piecewise(x, values)?,
            Shape::Steps => Self::steps(x, values)?,
        })
    }
}

/// Whether the places ascend, there are so many values, and all are finite.
fn check(name: &str, places: &[f64], values: &[f64], expected: usize) -> Result<()> {
    if values.len() != expected {
        return Err(CoreError::shape("values of a calibration map", expected, values.len()).into());
    }
    for (name, numbers) in [(name, places), ("value", values)] {
        if let Some(index) = numbers.iter().position(|number| !number.is_finite()) {
            let what = format!("{name} {index} of a calibration map");
            return Err(CoreError::not_finite(what, numbers[index]).into());
        }
    }
    if let Some(index) = (1..places.len()).find(|&index| places[index] <= places[index - 1]) {
        let what = format!("{name} {index} of a calibration map");
        return Err(CoreError::out_of_range(what, places[index], "above the one before it").into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_between_knots_and_constants_beyond() {
        let map = CalibrationMap::piecewise(vec![-1.0, 1.0, 2.0], vec![0.0, 4.0, 4.0]).unwrap();
        let got: Vec<f64> = [-9.0, -1.0, 0.0, 1.0, 1.5, 2.0, 9.0].iter().map(|&z| map.apply(z)).collect();
        assert_eq!(got, [0.0, 0.0, 2.0, 4.0, 4.0, 4.0, 4.0]);
        let wide = CalibrationMap::piecewise(vec![-f64::MAX, f64::MAX], vec![-1.0, 1.0]).unwrap();
        assert_eq!(wide.apply(0.0), 0.0);
    }

    #[test]
    fn steps_hold_their_lower_edge() {
        let map = CalibrationMap::steps(vec![0.0, 1.0], vec![5.0, 6.0, 7.0]).unwrap();
        let got: Vec<f64> = [-1.0, 0.0, 0.5, 1.0, 8.0].iter().map(|&z| map.apply(z)).collect();
        assert_eq!(got, [5.0, 6.0, 6.0, 7.0, 7.0]);
    }

    #[test]
    fn no_map_that_cannot_be_applied() {
        let message = |map: Result<CalibrationMap>| map.unwrap_err().to_string();
        assert!(message(CalibrationMap::affine(f64::INFINITY, 0.0)).contains("slope"));
        assert!(message(CalibrationMap::affine(1.0, f64::NAN)).contains("offset"));
        assert!(message(CalibrationMap::piecewise(vec![], vec![])).contains("knots"));
        assert!(message(CalibrationMap::piecewise(vec![0.0, 1.0], vec![1.0])).contains("values"));
        assert!(message(CalibrationMap::piecewise(vec![0.0, 0.0], vec![1.0; 2])).contains("knot 1"));
        assert!(message(CalibrationMap::piecewise(vec![0.0, f64::NAN], vec![1.0; 2])).contains("knot 1"));
        assert!(message(CalibrationMap::piecewise(vec![0.0], vec![f64::NAN])).contains("value 0"));
        assert!(message(CalibrationMap::steps(vec![], vec![])).contains("values"));
        assert!(message(CalibrationMap::steps(vec![1.0, 0.0], vec![1.0; 3])).contains("edge 1"));
        assert_eq!(CalibrationMap::steps(vec![], vec![3.0]).unwrap().apply(9.0), 3.0);
    }
}
