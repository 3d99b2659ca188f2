//! The C interface of hepml: `include/hepml.h` is made of the comments and signatures of these modules, `include/hepml.hpp` wraps it for
//! C++17. The README says how to install and use them.
//!
//! Four files keep the promise that no argument and no mistake brings the caller's process down: [`arguments`] checks what
//! comes in, [`handle`] keeps the objects, [`boundary`] lets no panic out, [`work`] runs what takes long.

// The names are those of the C header.
#![allow(non_camel_case_types)]

mod any_model;
mod arguments;
mod boundary;
mod handle;
mod learner;
mod model;
mod momenta;
mod offsets;
mod particles;
mod report;
mod sets;
mod status;
mod table;
mod version;
mod work;

pub use boundary::*;
pub use handle::hepml_handles_count;
pub use learner::*;
pub use model::*;
pub use momenta::*;
pub use particles::*;
pub use sets::*;
pub use status::{hepml_status, hepml_status_name};
pub use table::*;
pub use version::*;
pub use work::{hepml_progress, hepml_progress_callback};
