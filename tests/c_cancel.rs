//! A cancelled thread ends behind the call that it is in, and leaves nothing locked.

#[path = "c/driver.rs"]
#[expect(dead_code, reason = "shared by all tests of the C boundary; each uses a part")]
mod driver;

#[test]
fn cancelled_thread_leaves_nothing_locked() {
    driver::passes("cancel");
}
