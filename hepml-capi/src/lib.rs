//! The C interface of hepml: `include/hepml.h` is made of the comments and signatures of these modules, `include/hepml.hpp` wraps it for
//! C++17. The README says how to install and use them.
//!
//! Four files keep the promise that no argument and no mistake brings the caller's process down: `arguments` checks what
//! comes in, `handle` keeps the objects, `boundary` lets no panic out, `work` runs what takes long.

// The names are those of the C header.
#![allow(non_camel_case_types)]
// The comments are those of the C header, where a[i] is an element and no link.
#![allow(rustdoc::broken_intra_doc_links)]

#[cfg(not(panic = "unwind"))]
compile_error!("a panic could not become a status: hepml-capi needs the profile's panic = \"unwind\"");

mod any_model;
mod arguments;
mod boundary;
mod divergence;
mod flows;
mod handle;
mod isotropy;
mod learner;
mod manifold;
mod model;
mod momenta;
mod n_subjettiness;
mod offsets;
mod particles;
mod report;
mod sets;
mod spherocity;
mod status;
mod table;
mod thrust;
mod transport;
mod version;
mod work;

pub use boundary::*;
pub use divergence::*;
pub use flows::*;
pub use handle::hepml_handles_count;
pub use isotropy::*;
pub use learner::*;
pub use manifold::*;
pub use model::*;
pub use momenta::*;
pub use n_subjettiness::*;
pub use particles::*;
pub use sets::*;
pub use spherocity::*;
pub use status::{hepml_status, hepml_status_name};
pub use table::*;
pub use thrust::*;
pub use transport::*;
pub use version::*;
pub use work::{hepml_progress, hepml_progress_callback};
