//! Gives the shared library its SONAME, makes the C header from the sources of the C boundary, and compiles the C half of
//! the C-Kafka interface.
//!
//! The header always goes to the build folder, where a test compares it with `include/ckafka.h`; that file is written
//! only on request (`CKAFKA_WRITE_HEADER=1`), as building a published crate must not change its sources.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// The files that the header is made of, in the order of its functions.
const SOURCES: [&str; 14] = [
    "codes",
    "types",
    "library",
    "conf",
    "directory",
    "topic",
    "log",
    "packed",
    "batch",
    "headers",
    "reader",
    "view",
    "sender",
    "thread",
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=cbindgen.toml");
    println!("cargo::rerun-if-changed=src/ffi");
    println!("cargo::rerun-if-env-changed=CKAFKA_WRITE_HEADER");
    if variable("CARGO_CFG_TARGET_OS") == "linux" {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libckafka.so.0");
        // The handler that fork calls must not be unloaded.
        println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR"));
    if env::var_os("CARGO_FEATURE_COMPAT").is_some() {
        compile_shim(&root.join("src/compat/shim"));
    }
    let header = fold(&generate(&root));
    let built = Path::new(&variable("OUT_DIR")).join("ckafka.h");
    fs::write(&built, &header).expect("the build folder is writable");
    println!("cargo::rustc-env=CKAFKA_GENERATED_HEADER={}", built.display());
    if variable("CKAFKA_WRITE_HEADER") == "1" {
        let place = root.join("include/ckafka.h");
        if fs::read_to_string(&place).ok().as_deref() != Some(header.as_str()) {
            fs::create_dir_all(root.join("include")).expect("the project is writable");
            fs::write(&place, &header).expect("the header is writable");
        }
    }
}

/// What Rust cannot say or must not do: see src/compat/shim/shim.h.
fn compile_shim(folder: &Path) {
    println!("cargo::rerun-if-changed=src/compat/shim");
    cc::Build::new()
        .files(["print.c", "threads.c"].map(|name| folder.join(name)))
        .std("gnu11")
        .define("_GNU_SOURCE", None)
        .extra_warnings(true)
        .flag_if_supported("-fvisibility=hidden")
        .compile("ckafka_shim");
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}

fn generate(root: &Path) -> String {
    let mut config = cbindgen::Config::from_file(root.join("cbindgen.toml")).expect("cbindgen.toml parses");
    if let Some(text) = &mut config.after_includes {
        for (mark, value) in [
            ("@MAJOR@", "CARGO_PKG_VERSION_MAJOR"),
            ("@MINOR@", "CARGO_PKG_VERSION_MINOR"),
            ("@PATCH@", "CARGO_PKG_VERSION_PATCH"),
            ("@VERSION@", "CARGO_PKG_VERSION"),
        ] {
            *text = text.replace(mark, &variable(value));
        }
    }
    let mut builder = cbindgen::Builder::new().with_config(config);
    for name in SOURCES {
        builder = builder.with_src(root.join(format!("src/ffi/{name}.rs")));
    }
    let mut text = Vec::new();
    builder.generate().expect("the C boundary can be said in C").write(&mut text);
    String::from_utf8(text).expect("the header is text")
}

/// Rewrites what cbindgen cannot be told: C89 and C++98 know no `//`; negative constants need parentheses; the Safety
/// sections of the Rust functions read "Pointers" in C; a comment of one line takes one line.
fn fold(header: &str) -> String {
    let mut folded: Vec<String> = Vec::new();
    let lines: Vec<&str> = header.lines().collect();
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at];
        let indent = &line[..line.len() - line.trim_start().len()];
        at += 1;
        if line.trim() == "/**" && lines.get(at + 1).is_some_and(|end| end.trim() == "*/") {
            folded.push(format!("{indent}/** {} */", lines[at].trim().trim_start_matches('*').trim()));
            at += 2;
        } else if line.trim() == "* # Safety" {
            folded.push(format!("{indent}* Pointers: {}", lines[at].trim().trim_start_matches('*').trim()));
            at += 1;
        } else if let Some((code, comment)) = line.split_once("// ") {
            folded.push(format!("{}  /* {comment} */", code.trim_end()));
        } else if let Some((name, value)) = line.strip_prefix("#define ").and_then(|rest| rest.split_once(" -")) {
            folded.push(format!("#define {name} (-{value})"));
        } else {
            folded.push(line.to_owned());
        }
    }
    folded.join("\n") + "\n"
}
