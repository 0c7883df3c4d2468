//! C++ programs go the whole way through the header, move, drop and fork its handles, and keep views beyond all of it:
//! plain with each compiler, and under the address and undefined-behaviour sanitizers.

#[path = "c/driver.rs"]
#[expect(dead_code, reason = "shared by all tests of the C boundary; each uses a part")]
mod driver;

#[path = "cpp/driver.rs"]
mod cpp;

/// Builds and runs a program with each compiler in the oldest standard, and sanitized in the newest.
fn passes(name: &str) {
    let scratch = driver::Scratch::new(&format!("cpp-{name}"));
    let library = cpp::library_folder(&scratch);
    let source = driver::root().join(format!("tests/cpp/{name}.cpp"));
    let sanitizing = cpp::compilers().into_iter().find(|compiler| cpp::has_sanitizers(compiler, &scratch));
    let sanitizing = sanitizing.expect("a compiler with its sanitizers: apt-get install -y g++");
    let mut ways: Vec<(&str, Vec<&str>)> =
        cpp::compilers().into_iter().map(|compiler| (compiler, cpp::STANDARDS[..1].to_vec())).collect();
    ways.push((sanitizing, [&cpp::STANDARDS[2..], &cpp::SANITIZERS].concat()));
    for (number, (compiler, flags)) in ways.iter().enumerate() {
        let program = scratch.0.join(number.to_string());
        cpp::build(compiler, flags, &source, &library, &program);
        let data = scratch.0.join(format!("data-{number}"));
        let sanitizers = [("ASAN_OPTIONS", "detect_leaks=1"), ("UBSAN_OPTIONS", "print_stacktrace=1")];
        let output = driver::run(&program, &[&data.to_string_lossy()], &sanitizers);
        let (said, complaints) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{compiler} {flags:?}: {}\n{said}\n{complaints}", output.status);
    }
}

#[test]
fn what_goes_in_comes_out() {
    passes("whole");
}

#[test]
fn handles_live_and_end_in_any_order() {
    passes("lives");
}
