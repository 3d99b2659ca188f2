//! Event shapes as distances to manifolds of events.

mod axis_search;
mod descent;
mod healpix;
mod isotropy;
mod manifold;
mod manifold_distance;
mod manifold_search;
mod mixture;
mod n_subjettiness;
mod points;
mod round;
mod spherocity;
mod sweep;
mod thrust;
mod uniform;
mod with_centre;

pub use healpix::healpix_centres;
pub use isotropy::{Isotropy, IsotropyCost};
pub use manifold::{Centred, Manifold};
pub use manifold_distance::{ManifoldDistance, ManifoldDistanceConfig, ManifoldFit};
pub use manifold_search::ManifoldSearch;
pub use mixture::Mixture;
pub use n_subjettiness::{JetMeasure, NSubjettiness, NSubjettinessConfig, SubjetAxes};
pub use points::Points;
pub use round::{Disk, Ellipse, Ring};
pub use spherocity::Spherocity;
pub use thrust::{Thrust, ThrustAxis};
pub use uniform::Uniform;
pub use with_centre::WithCentre;
