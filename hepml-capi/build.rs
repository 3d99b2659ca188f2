//! Gives the shared library a name that changes with the ABI, not with the version of the crate.

fn main() {
    println!("cargo::rerun-if-changed=src/version.rs");
    let source = std::fs::read_to_string("src/version.rs").expect("the file is part of this crate");
    let abi: u32 = source
        .lines()
        .find_map(|line| {
            line.strip_prefix("pub const HEPML_ABI_VERSION: u32 = ")?.strip_suffix(';')?.parse().ok()
        })
        .expect("src/version.rs has a line `pub const HEPML_ABI_VERSION: u32 = <number>;`");
    match std::env::var("CARGO_CFG_TARGET_OS").as_deref() {
        Ok("macos") => {
            println!("cargo::rustc-cdylib-link-arg=-Wl,-install_name,@rpath/libhepml.{abi}.dylib");
        }
        Ok("windows") => {}
        _ => println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libhepml.so.{abi}"),
    }
}
