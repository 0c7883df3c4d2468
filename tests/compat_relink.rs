//! A program that keeps its old headers links and works, with the new header beside them, against the shared library and
//! the archive as they are installed.
#![cfg(feature = "compat")]

#[expect(dead_code, reason = "shared by the tests of the C-Kafka interface; each uses a part")]
mod compat;
#[path = "c/driver.rs"]
#[expect(dead_code, reason = "shared by all tests of the C boundary; each uses a part")]
mod driver;
#[expect(dead_code, reason = "shared by the tests of packaging; each uses a part")]
mod packaging;

use compat::{line, without_times};

#[test]
fn old_headers_go_with_the_new_library() {
    let scratch = driver::Scratch::new("compat-relink");
    let build = packaging::relinked(&scratch);
    let expected = [
        line("33", "BROKER", "Broker created."),
        line("33", "BROKER", "Topic 'orders' added with 8 partitions."),
        line("32", "PRODUCER", "Message 'hello' sent to topic 'orders', partition 0."),
        "Reading decompressed messages from: temp/order1/00000000000000000000.log\n".to_owned(),
        "hello\nFinished reading. Total messages found: 1.\n".to_owned(),
        line("0", "SYSTEM", &format!("beside version {}", env!("CARGO_PKG_VERSION"))),
    ]
    .concat();
    for (way, library) in [("shared", "libckafka.so"), ("static", "libckafka.a")] {
        let program = compat::link(&[&compat::source("old_headers")], way, &scratch, &build.join(library));
        let folder = scratch.0.join(format!("{way}.run"));
        std::fs::create_dir(&folder).expect("a folder");
        assert_eq!(without_times(&compat::passes(&program, &folder, &[])), expected, "{way}");
    }
}
