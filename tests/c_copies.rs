//! A process may have the library in it twice, as when two of its plugins bring one each.

#[path = "c/driver.rs"]
#[expect(dead_code, reason = "shared by all tests of the C boundary; each uses a part")]
mod driver;

#[test]
fn two_copies_in_one_process_append_beside_each_other() {
    driver::passes("copies");
}
