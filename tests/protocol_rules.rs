//! Every rule that can be left out has a test that leaves it out, and every place to die at one that dies there.

#![cfg(feature = "break-rules")]

use std::fs;
use std::path::Path;

use ckafka::broken::{Point, Rule};

/// The text of all tests of the sharing rules.
fn tests() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut text = String::new();
    for entry in fs::read_dir(folder).expect("tests") {
        let path = entry.expect("entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with("protocol_") && name != "protocol_rules.rs" {
            text.push_str(&fs::read_to_string(path).expect("source"));
        }
    }
    text
}

#[test]
fn each_rule_is_left_out_by_a_test() {
    let tests = tests();
    let untried: Vec<&Rule> = Rule::ALL.iter().filter(|rule| !tests.contains(&format!("Rule::{rule:?}"))).collect();
    assert!(untried.is_empty(), "no test leaves these out: {untried:?}");
}

#[test]
fn each_place_is_one_that_a_test_arms() {
    let tests = tests();
    let of_none = |point: &&Point| **point != Point::None && !tests.contains(&format!("Point::{point:?}"));
    let unused: Vec<&Point> = Point::ALL.iter().filter(of_none).collect();
    assert!(unused.is_empty(), "no test arms these: {unused:?}");
}
