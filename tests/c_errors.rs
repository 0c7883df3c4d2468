//! Wrong input gets its own error number and a message that names it, and changes nothing.

#[path = "c/driver.rs"]
#[expect(dead_code, reason = "shared by all tests of the C boundary; each uses a part")]
mod driver;

#[test]
fn wrong_input_is_named() {
    driver::passes("errors");
}
