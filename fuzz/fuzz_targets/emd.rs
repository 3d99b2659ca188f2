#![no_main]

#[path = "../../hepml-ot/tests/properties/exact.rs"]
mod exact;

libfuzzer_sys::fuzz_target!(|data: &[u8]| exact::exact(data));
