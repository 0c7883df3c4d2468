//! Handles keep their word between threads, signal handlers and forked processes.

#[path = "c/driver.rs"]
#[expect(dead_code, reason = "shared by all tests of the C boundary; each uses a part")]
mod driver;

#[test]
fn handles_hold_between_threads_signals_and_processes() {
    driver::passes("threads");
}
