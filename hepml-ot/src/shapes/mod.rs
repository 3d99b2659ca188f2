//! Event shapes as distances to manifolds of events.

mod axis_search;
mod healpix;
mod isotropy;
mod n_subjettiness;
mod spherocity;
mod sweep;
mod thrust;

pub use healpix::healpix_centres;
pub use isotropy::{Isotropy, IsotropyCost};
pub use n_subjettiness::{NSubjettiness, NSubjettinessConfig, SubjetAxes};
pub use spherocity::Spherocity;
pub use thrust::{Thrust, ThrustAxis};
