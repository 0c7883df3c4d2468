//! What the installed libraries show to a linker: the listed symbols at their versions and nothing else, hardened, in
//! need of nothing but the C library's own parts and libgcc_s, none of them newer than glibc 2.34.

#[path = "c/driver.rs"]
#[expect(dead_code, reason = "shared by all tests of the C boundary; each uses a part")]
mod driver;
#[expect(dead_code, reason = "shared by the tests of packaging; each uses a part")]
mod packaging;

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use packaging::ask;

/// The newest glibc whose symbols may be needed, as `GLIBC_2.34`.
const GLIBC_MINOR_MAX: u32 = 34;

fn words<T: FromIterator<String>>(text: &str, pick: impl Fn(&[&str]) -> Option<String>) -> T {
    text.lines().filter_map(|line| pick(&line.split_whitespace().collect::<Vec<_>>())).collect()
}

#[test]
fn list_and_header_have_the_same_functions() {
    let declared: BTreeSet<String> = driver::functions().into_iter().map(|(name, _)| name).collect();
    let listed: Vec<String> = packaging::listed().into_iter().map(|(name, _)| name).collect();
    assert_eq!(listed.len(), listed.iter().collect::<BTreeSet<_>>().len(), "a symbol is listed twice");
    let compat: BTreeSet<String> = driver::compat_functions().into_iter().collect();
    assert!(declared.is_disjoint(&compat), "a name is in both headers");
    let declared: BTreeSet<String> = declared.union(&compat).cloned().collect();
    assert_eq!(declared, listed.into_iter().collect(), "packaging/exports.list and the headers");
    assert_eq!(compat.len(), 23 + 1, "the functions of C-Kafka that are the library's, and the import: {compat:?}");
}

#[test]
fn the_old_names_have_a_version_of_their_own() {
    let compat: BTreeSet<String> = driver::compat_functions().into_iter().collect();
    for (name, node) in packaging::listed() {
        assert_eq!(node == "CKAFKA_COMPAT_1", compat.contains(&name), "{name} at {node}");
    }
}

#[test]
fn shared_library_shows_the_list_and_is_hardened() {
    let scratch = driver::Scratch::new("abi-shared");
    let library = packaging::relinked(&scratch).join("libckafka.so");
    let symbols = ask("nm", &["-D", "--defined-only", "--with-symbol-versions"], &library);
    let exported: BTreeSet<String> =
        words(&symbols, |line| if line[1] == "A" { None } else { Some((*line.last()?).to_owned()) });
    let listed = packaging::listed().into_iter().map(|(name, node)| format!("{name}@@{node}")).collect();
    assert_eq!(exported, listed);

    let dynamic = ask("readelf", &["--wide", "--dynamic"], &library);
    let needed: BTreeSet<String> =
        words(&dynamic, |line| if line.get(1) == Some(&"(NEEDED)") { Some((*line.last()?).to_owned()) } else { None });
    let allowed = ["[libc.so.6]", "[libgcc_s.so.1]", "[ld-linux-x86-64.so.2]", "[ld-linux-aarch64.so.1]"];
    let foreign: Vec<&String> = needed.iter().filter(|name| !allowed.contains(&name.as_str())).collect();
    assert!(foreign.is_empty(), "the library needs {foreign:?}");
    assert!(dynamic.contains("Library soname: [libckafka.so.0]"), "{dynamic}");
    assert!(dynamic.contains("NOW") && dynamic.contains("NODELETE"), "{dynamic}");
    assert!(!dynamic.contains("TEXTREL"), "{dynamic}");

    let segments = ask("readelf", &["--wide", "--segments"], &library);
    assert!(segments.contains("GNU_RELRO"), "{segments}");
    let stack = segments.lines().find(|line| line.contains("GNU_STACK")).expect("a word on the stack");
    assert!(!stack.contains("RWE"), "the stack may be executed: {stack}");

    for line in ask("ldd", &[], &library).lines() {
        let ours = ["linux-vdso", "libgcc_s.so", "libc.so", "ld-linux"].iter().any(|name| line.contains(name));
        assert!(ours, "ldd finds {line}");
    }
}

#[test]
fn no_symbol_is_newer_than_the_oldest_system() {
    let scratch = driver::Scratch::new("abi-glibc");
    let build = packaging::relinked(&scratch);
    let symbols = ask("nm", &["-D", "--undefined-only", "--with-symbol-versions"], build.join("libckafka.so"));
    let mut seen = 0;
    for line in symbols.lines() {
        let Some((name, version)) = line.trim().split_once("@GLIBC_2.") else { continue };
        let minor: u32 = version.split('.').next().and_then(|minor| minor.parse().ok()).expect("a version");
        assert!(minor <= GLIBC_MINOR_MAX, "{name} needs glibc 2.{minor}");
        seen += 1;
    }
    assert!(seen > 20, "the library needs {seen} symbols of glibc, which nobody believes");
}

#[test]
fn archive_is_one_object_that_shows_the_list() {
    let scratch = driver::Scratch::new("abi-archive");
    let archive = packaging::relinked(&scratch).join("libckafka.a");
    assert_eq!(ask("ar", &["t"], &archive).lines().collect::<Vec<_>>(), ["ckafka.o"]);
    let symbols = ask("nm", &["-g", "--defined-only"], &archive);
    let shown: BTreeSet<String> = words(&symbols, |line| line.get(2).map(|name| (*name).to_owned()));
    let mut expected: BTreeSet<String> = packaging::listed().into_iter().map(|(name, _)| name).collect();
    // Weak, and the same in every object with Rust or C++ in it.
    expected.insert("DW.ref.rust_eh_personality".to_owned());
    assert_eq!(shown, expected);
    let weak: BTreeSet<String> = words(&symbols, |line| (line.get(1) == Some(&"W")).then(|| line[2].to_owned()));
    assert_eq!(weak, driver::compat_functions().into_iter().collect(), "what a program may bring itself");
}

/// Rust's runtime is in both archives; the program must not care, in either order.
#[test]
fn another_archive_with_rust_in_it_links_in_either_order() {
    let scratch = driver::Scratch::new("abi-two");
    let archive = packaging::relinked(&scratch).join("libckafka.a");
    let (other, other_source) = (scratch.0.join("libother.a"), scratch.0.join("other.rs"));
    let source = "#[unsafe(no_mangle)] pub extern \"C\" fn other(n: i32) -> i32 { \
                  std::panic::catch_unwind(|| if n > 0 { panic!(\"asked for\") } else { n }).unwrap_or(-1) }";
    fs::write(&other_source, source).expect("a source file");
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let mut command = Command::new(rustc);
    command.args(["--edition=2024", "--crate-type=staticlib", "-O", "-Clto=fat", "-o"]).arg(&other);
    packaging::succeeds(command.arg(&other_source));

    let main = scratch.0.join("main.c");
    let code = "#include <ckafka.h>\nint other(int);\n\
                int main(void) { return other(1) == -1 && ckafka_abi_version() > 0 && ckafka_open(0, 0, 0, 0) < 0 ? 0 : 1; }\n";
    fs::write(&main, code).expect("a source file");
    for order in [[&archive, &other], [&other, &archive]] {
        let program = scratch.0.join("program");
        let mut command = Command::new(driver::compiler());
        command.arg("-I").arg(driver::root().join("include")).arg(&main).args(order).arg("-o").arg(&program);
        packaging::succeeds(command.args(["-lutil", "-lrt", "-lpthread", "-lm", "-ldl"]));
        packaging::succeeds(&mut Command::new(&program));
    }
}
