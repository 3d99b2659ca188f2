//! Regular grids of the plane.

use hepml_core::Error as CoreError;

use crate::energy_flow::EnergyFlow;
use crate::error::Result;

/// The most cells on a side: a million in all.
const LARGEST_SIDE: usize = 1000;

/// The centres of square cells about the origin of the (y, phi) plane: a support for barycentres, a reference for embeddings.
///
/// ```
/// use hepml_ot::Grid;
///
/// let grid = Grid::square(0.5, 4)?;
/// assert_eq!((grid.points().len(), grid.points()[1]), (16, [-0.375, -0.125]));
/// assert_eq!(Grid::disk(0.5, 4)?.points().len(), 12); // without the corners
/// assert_eq!(grid.uniform(80.0)?.energies()[7], 5.0);
/// # Ok::<(), hepml_ot::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    points: Vec<[f64; 2]>,
    spacing: f64,
}

impl Grid {
    /// The `cells` times `cells` cells of the square |y|, |phi| <= `half_width`, row by row: phi runs first, then y.
    ///
    /// # Errors
    /// A half width that is not positive and finite; no cells, or more than a thousand on a side.
    pub fn square(half_width: f64, cells: usize) -> Result<Self> {
        if !(half_width > 0.0 && half_width.is_finite()) {
            return Err(CoreError::out_of_range("half width", half_width, "positive and finite").into());
        }
        if cells > LARGEST_SIDE {
            let allowed = "at most 1000";
            return Err(CoreError::out_of_range("number of cells on a side", cells as f64, allowed).into());
        }
        if cells == 0 {
            return Err(CoreError::Empty { what: "grid".into() }.into());
        }
        let centre = |k: usize| half_width * ((2 * k + 1) as f64 / cells as f64 - 1.0);
        let points = (0..cells).flat_map(|y| (0..cells).map(move |phi| [centre(y), centre(phi)])).collect();
        Ok(Self { points, spacing: 2.0 * (half_width / cells as f64) })
    }

    /// Those cells of the square about the disk y² + phi² <= `radius`² whose centres lie in the disk.
    ///
    /// # Errors
    /// A radius that is not positive and finite; no cells, or more than a thousand on a side.
    pub fn disk(radius: f64, cells: usize) -> Result<Self> {
        let mut grid = Self::square(radius, cells)?;
        grid.points.retain(|[y, phi]| (y / radius).hypot(phi / radius) <= 1.0);
        Ok(grid)
    }

    /// The centres of the cells.
    pub fn points(&self) -> &[[f64; 2]] {
        &self.points
    }

    /// The width of a cell.
    pub fn spacing(&self) -> f64 {
        self.spacing
    }

    /// The same energy in every cell, `total` in all.
    ///
    /// # Errors
    /// A total that is negative or not finite.
    pub fn uniform(&self, total: f64) -> Result<EnergyFlow> {
        EnergyFlow::new(vec![total / self.points.len() as f64; self.points.len()], self.points.as_slice())
    }
}
