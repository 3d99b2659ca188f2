//! The committed header is the one that the sources make.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

mod generated;

#[test]
fn committed_header_is_that_of_the_sources() {
    let path = generated::root().join("include/hepml.h");
    let made = generated::header();
    if generated::bless() {
        std::fs::write(&path, &made).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    if let Some((number, (committed, made))) = committed
        .lines()
        .chain(std::iter::repeat(""))
        .zip(made.lines())
        .enumerate()
        .find(|(_, (a, b))| a != b)
    {
        panic!(
            "include/hepml.h is not that of the sources, at line {}:\n  there is {committed}\n  must be  {made}\n\
             HEPML_BLESS=1 cargo test -p hepml-capi --test header --test abi rewrites it",
            number + 1
        );
    }
    assert_eq!(committed, made);
}
