//! The binary interface: what was promised to programs that are built already stays as it is until `HEPML_ABI_VERSION` counts up.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

mod generated;
#[path = "generated/interface.rs"]
mod interface;
mod toolchain;

use std::path::PathBuf;
use std::process::Command;

use interface::{Difference, difference, interface};

fn list() -> PathBuf {
    generated::root().join(format!("abi/{}.txt", hepml_capi::HEPML_ABI_VERSION))
}

fn promised() -> Vec<String> {
    let text = std::fs::read_to_string(list()).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn list_is_what_the_sources_export() {
    let exported = interface(&generated::header());
    let Difference { gone, new } = difference(&promised(), &exported);
    assert!(
        gone.is_empty(),
        "programs built for ABI {} may use what is gone now; put it back, or raise HEPML_ABI_VERSION (src/version.rs) and \
         begin a new list with HEPML_BLESS=1:\n{}",
        hepml_capi::HEPML_ABI_VERSION,
        gone.join("\n")
    );
    if generated::bless() {
        std::fs::write(list(), exported.join("\n") + "\n").unwrap();
    } else {
        assert!(new.is_empty(), "not listed yet (HEPML_BLESS=1 adds it):\n{}", new.join("\n"));
    }
    assert_eq!(promised(), exported, "the list is sorted, without doubles");
}

#[test]
fn every_change_but_an_addition_is_refused() {
    let before = "typedef struct hepml_a hepml_a; typedef struct hepml_b { double x; int32_t n; } hepml_b;
        /** Doc; with { signs }. */
        enum hepml_c
        #if defined(__cplusplus)
          : int32_t
        #endif
         { HEPML_C_ONE = 0, HEPML_C_TWO = 1, };
        typedef enum hepml_c hepml_c;
        typedef int32_t hepml_c;
        typedef int32_t (*hepml_d)(const struct hepml_b *b, void *user);
        hepml_status hepml_f(const struct hepml_a *a, size_t n);
        hepml_status hepml_g(double x);";
    let change = |from: &str, to: &str| {
        assert!(before.contains(from));
        difference(&interface(before), &interface(&before.replace(from, to)))
    };
    let lines = |count: (usize, usize), difference: Difference| {
        assert_eq!((difference.gone.len(), difference.new.len()), count, "{difference:?}");
    };
    assert_eq!(interface(before).len(), 8);
    // Nothing of the interface: comments, line breaks, the order of declarations, the word struct.
    lines((0, 0), change("Doc;", "Other;"));
    lines((0, 0), change("size_t n)", "\n    size_t   n)"));
    lines((0, 0), change("const struct hepml_a", "const hepml_a"));
    let mut turned: Vec<_> = before.split_inclusive(';').collect();
    turned.rotate_right(1);
    lines((0, 0), difference(&interface(before), &interface(&turned.concat())));
    // Additions.
    lines((0, 1), change("hepml_status hepml_g", "int32_t hepml_h(void); hepml_status hepml_g"));
    lines((0, 1), change("HEPML_C_TWO = 1,", "HEPML_C_TWO = 1, HEPML_C_THREE = 2,"));
    // Removed, renamed, another type, another order, another layout, another number.
    lines((1, 0), change("hepml_status hepml_g(double x);", ""));
    lines((1, 0), change("typedef struct hepml_a hepml_a;", ""));
    lines((1, 1), change("hepml_g", "hepml_h"));
    lines((1, 1), change("hepml_g(double x)", "hepml_g(float x)"));
    lines((1, 1), change("const struct hepml_a *a, size_t n", "size_t n, const struct hepml_a *a"));
    lines((1, 1), change("hepml_status hepml_f", "int64_t hepml_f"));
    lines((1, 1), change("double x; int32_t n;", "int32_t n; double x;"));
    lines((1, 1), change("double x; int32_t n;", "double x; int32_t n; int32_t m;"));
    lines((1, 1), change("HEPML_C_TWO = 1", "HEPML_C_TWO = 2"));
    lines((2, 2), change(": int32_t", ": uint8_t"));
    lines((1, 1), change("typedef int32_t hepml_c;", "typedef uint8_t hepml_c;"));
    lines((1, 1), change("typedef int32_t hepml_c;", "typedef int64_t hepml_c;"));
    lines((1, 0), change("typedef int32_t hepml_c;", ""));
    lines((1, 1), change("typedef int32_t (*hepml_d)", "typedef int64_t (*hepml_d)"));
    lines((1, 1), change("void *user)", "void *user, size_t n)"));
    lines((1, 0), change("HEPML_C_TWO = 1,", ""));
}

#[test]
fn no_declaration_is_passed_over() {
    for declaration in [
        "union hepml_u { double x; };",
        "typedef union hepml_u { double x; } hepml_u;",
        "typedef union hepml_u hepml_u;",
        "struct hepml_s { double x; };",
        "typedef struct hepml_s { double x; } hepml_t;",
        "typedef struct hepml_s hepml_t;",
        "typedef struct __attribute__((packed)) hepml_s { double x; } hepml_s;",
        "typedef struct hepml_s { hepml_c c; } hepml_s;",
        "typedef enum hepml_c hepml_e;",
        "typedef enum hepml_c { HEPML_C_ONE = 0 } hepml_c;",
        "enum hepml_c { HEPML_C_ONE = 0 };",
        "enum hepml_c : int32_t { HEPML_C_ONE };",
        "enum hepml_c : int32_t { HEPML_C_ONE = 0, HEPML_C_TWO };",
        "typedef const double *hepml_values;",
        "typedef unsigned char hepml_byte;",
        "typedef double hepml_pair[2];",
        "extern const double hepml_x;",
        "double (*hepml_f)(double x);",
        "double hepml_f(double x) { return x; };",
        "double other_f(double x);",
    ] {
        let listed = std::panic::catch_unwind(|| interface(declaration));
        assert!(listed.is_err(), "{declaration}: {listed:?}");
    }
}

#[test]
fn enums_are_of_one_type_in_c_and_cpp() {
    let exported = interface(&generated::header());
    let enums: Vec<_> =
        exported.iter().filter_map(|line| line.strip_prefix("enum ")?.split_once(": ")).collect();
    assert!(!enums.is_empty());
    for (name, value) in enums {
        let underlying = value.split(' ').next().unwrap();
        let typedef = format!("typedef {underlying} {name}");
        assert!(
            exported.contains(&typedef),
            "C11 needs `{typedef}` where C++ has `enum {name} : {underlying}`"
        );
    }
}

#[test]
fn structs_have_the_layout_of_the_list() {
    let exported = interface(&generated::header());
    assert!(
        exported.iter().any(|line| line.starts_with("struct hepml_momenta { const double *columns[4] @0; "))
    );
    let Some(compiler) = toolchain::c() else {
        return toolchain::skip("the layouts: there is no C compiler");
    };
    if cfg!(not(target_pointer_width = "64")) {
        return toolchain::skip("the layouts: the list has those of 64-bit platforms");
    }
    let source = toolchain::folder("abi").join("layout.c");
    std::fs::write(&source, generated::header() + &interface::layout_assertions(&exported)).unwrap();
    toolchain::run(compiler.command().arg("-fsyntax-only").arg(source));
}

#[test]
fn shared_library_exports_the_list_and_nothing_else() {
    let library = toolchain::shared_library();
    let Ok(output) = Command::new("nm").args(["-D", "--defined-only"]).arg(&library).output() else {
        return toolchain::skip("the symbols of the library: there is no nm");
    };
    assert!(output.status.success(), "nm {}: {}", library.display(), String::from_utf8_lossy(&output.stderr));
    let table = String::from_utf8(output.stdout).unwrap();
    let mut symbols: Vec<_> = table.lines().map(|line| line.rsplit(' ').next().unwrap()).collect();
    symbols.sort_unstable();
    let exported = interface(&generated::header());
    let mut functions: Vec<_> = exported
        .iter()
        .filter_map(|line| line.strip_prefix("function ")?.split_once('(')?.0.rsplit([' ', '*']).next())
        .collect();
    functions.sort_unstable();
    assert!(!functions.is_empty() && functions.iter().all(|name| name.starts_with("hepml_")));
    assert_eq!(symbols, functions);
}
