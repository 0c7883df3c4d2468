//! The C++ header compiles without a warning in every standard and compiler, keeps what its types promise, and leaves out
//! no function of the C interface.

#[path = "c/driver.rs"]
#[expect(dead_code, reason = "shared by all tests of the C boundary; each uses a part")]
mod driver;

#[path = "cpp/driver.rs"]
#[expect(dead_code, reason = "shared by the tests of C++; each uses a part")]
mod cpp;

use std::fs;
use std::process::Command;

#[test]
fn header_compiles_and_its_types_keep_their_promises() {
    for compiler in cpp::compilers() {
        for standard in cpp::STANDARDS {
            let mut command = Command::new(compiler);
            command.args([standard, "-fsyntax-only"]).args(cpp::WARNINGS);
            command.arg("-I").arg(driver::root().join("include")).arg(driver::root().join("tests/cpp/concepts.cpp"));
            let output = command.output().expect("the compiler runs");
            assert!(output.status.success(), "{compiler} {standard}:\n{}", String::from_utf8_lossy(&output.stderr));
        }
    }
}

#[test]
fn every_function_of_the_c_interface_is_used() {
    let header = fs::read_to_string(driver::root().join("include/ckafka.hpp")).expect("the header");
    // As a whole word: ckafka_append is in it by itself, not as the start of ckafka_append_raw.
    let words: Vec<&str> = header.split(|symbol: char| !symbol.is_alphanumeric() && symbol != '_').collect();
    let missing: Vec<String> =
        driver::functions().into_iter().map(|(name, _)| name).filter(|name| !words.contains(&name.as_str())).collect();
    assert!(missing.is_empty(), "not in ckafka.hpp: {missing:?}");
}
