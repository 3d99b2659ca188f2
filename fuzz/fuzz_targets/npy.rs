#![no_main]

#[path = "../../hepml-io/tests/properties/tables.rs"]
mod tables;

libfuzzer_sys::fuzz_target!(|data: &[u8]| tables::npy(data));
