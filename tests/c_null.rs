//! No function of the C API crashes on NULL, on a handle that is none, or on one that was closed: it answers an error
//! and writes nothing.

#[path = "c/driver.rs"]
#[expect(dead_code, reason = "shared by all tests of the C boundary; each uses a part")]
mod driver;

use std::fs;

/// Functions without a pointer to get wrong.
const WITHOUT_POINTERS: [&str; 2] = ["ckafka_conf_new", "ckafka_errmsg"];

#[test]
fn null_for_every_pointer() {
    driver::passes("null");
}

#[test]
fn what_is_no_handle_is_refused() {
    driver::passes("handles");
}

/// Keeps the two programs complete: a new function, or a new pointer of an old one, has to be tried in them.
#[test]
fn every_function_of_the_header_is_tried() {
    let read = |name: &str| fs::read_to_string(driver::root().join("tests/c").join(name)).expect("the program");
    let program = read("null.c") + &read("handles.c");
    for (name, parameters) in driver::functions() {
        if WITHOUT_POINTERS.contains(&name.as_str()) {
            continue;
        }
        let call = format!("{name}(");
        let tried = program.matches(&call).count();
        let pointers = parameters.matches('*').count() - parameters.matches("**").count();
        let optional = parameters.matches("const ckafka_conf_t *conf").count();
        assert!(tried >= (pointers - optional).max(1), "{name}: {tried} calls for {pointers} pointers");
    }
}
