//! Transport on a line or a circle, where sorting is optimal, and what is built of it.
//!
//! The cost of moving a unit of mass over a distance d is d^p with p >= 1. What is sorted is kept as a quantile function in
//! steps, whose levels are whole numbers of 2^-60 of the total; its integral is a merge.

mod circle_measure;
mod circle_transport;
mod line_measure;
mod line_transport;
mod quantiles;
mod sliced_wasserstein;
mod spectral_emd;
mod spectral_function;
mod spectral_gradient;

pub use circle_measure::CircleMeasure;
pub use circle_transport::{CircleTransport, CircleWorkspace};
pub use line_measure::LineMeasure;
pub(crate) use line_measure::checked_total;
pub use line_transport::LineTransport;
pub(crate) use quantiles::representable;
pub use sliced_wasserstein::{Projections, SlicedWasserstein, SlicedWassersteinConfig};
pub use spectral_emd::{SpectralEmd, SpectralEmdConfig, SpectralWorkspace};
pub use spectral_function::SpectralFunction;
pub use spectral_gradient::SpectralGradient;
