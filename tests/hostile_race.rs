//! Eight threads close handles under each other's hands: every call answers, nothing crashes, hangs or leaks, no record
//! is lost. Five seconds each, plain and sanitized; CKAFKA_HOSTILE_SECONDS makes it longer.

#[path = "c/driver.rs"]
#[expect(dead_code, reason = "shared by all tests of the C boundary; each uses a part")]
mod driver;
#[path = "c/hostile/mod.rs"]
mod hostile;

use std::env;

#[test]
fn close_races_against_use() {
    let scratch = driver::Scratch::new("hostile-race");
    let source = driver::root().join("tests/c/hostile/race.c");
    let seconds = env::var("CKAFKA_HOSTILE_SECONDS").unwrap_or_else(|_| "5".to_owned());
    for flags in [&[][..], &hostile::SANITIZERS[..]] {
        let program = hostile::build(&source, "race", flags, &scratch);
        let said = hostile::passes(&program, &[&seconds], &scratch);
        let count: u64 = said.split_whitespace().next().and_then(|word| word.parse().ok()).expect("a count");
        assert!(count > 1000, "{count} calls only");
        println!("{flags:?}: {said}");
    }
}
