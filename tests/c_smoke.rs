//! A C program opens a directory, appends in every way, reads in every way, sends, decodes, and finds it all again.

#[path = "c/driver.rs"]
#[expect(dead_code, reason = "shared by all tests of the C boundary; each uses a part")]
mod driver;

#[test]
fn the_whole_path_works_from_c() {
    driver::passes("smoke");
}
