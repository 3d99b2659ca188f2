//! Which interface this is.

use std::ffi::c_char;

/// The number of the binary interface: it is in the soname, and counts up whenever a program that was built for the last one
/// could no longer run.
pub const HEPML_ABI_VERSION: u32 = 1;

/// HEPML_ABI_VERSION of the library that runs, to be compared with that of the header.
#[unsafe(no_mangle)]
pub extern "C" fn hepml_abi_version() -> u32 {
    HEPML_ABI_VERSION
}

/// The version of the library that runs, such as "0.1.0".
#[unsafe(no_mangle)]
pub extern "C" fn hepml_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}
