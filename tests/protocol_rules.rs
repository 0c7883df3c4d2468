//! Every rule that can be left out has a scene of its own that fails then, and a line in the protocol; every place to die at has a test that dies there.

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
fn each_rule_is_left_out_by_itself_in_a_scene_that_fails_then() {
    let tests = tests();
    let untried: Vec<&Rule> =
        Rule::ALL.iter().filter(|rule| !tests.contains(&format!("needs(&[Rule::{rule:?}], "))).collect();
    assert!(untried.is_empty(), "no scene needs these: {untried:?}");
}

/// The page that says what each rule is for has them all, and no others.
#[test]
fn each_rule_is_in_the_table_of_the_protocol() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/PROTOCOL.md")).expect("the page");
    let mut written: Vec<&str> = page
        .lines()
        .skip_while(|line| !line.starts_with("| what is left out |"))
        .take_while(|line| line.starts_with('|'))
        .filter_map(|line| line.split('|').nth(1))
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .collect();
    written.sort_unstable();
    let mut rules: Vec<String> = Rule::ALL.iter().map(|rule| format!("{rule:?}")).collect();
    rules.sort_unstable();
    assert_eq!(written, rules);
}

#[test]
fn each_place_is_one_that_a_test_arms() {
    let tests = tests();
    let of_none = |point: &&Point| **point != Point::None && !tests.contains(&format!("Point::{point:?}"));
    let unused: Vec<&Point> = Point::ALL.iter().filter(of_none).collect();
    assert!(unused.is_empty(), "no test arms these: {unused:?}");
}
