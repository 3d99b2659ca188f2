#![no_main]

#[path = "../../hepml-io/tests/properties/records.rs"]
mod records;

// The decoder of Zstandard panics on some corrupt data, which hepml-io turns into an error. libFuzzer's hook would end the
// process before that; a panic that nobody catches still ends it.
libfuzzer_sys::fuzz_target!(
    init: std::panic::set_hook(Box::new(|_| {})),
    |data: &[u8]| records::input(data)
);
