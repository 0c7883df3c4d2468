//! A log lives under a storm of signals, in a forked child, on a stack of 64 KiB, without a descriptor to be had, and in a
//! host that loads the library and lets go of it again and again.

#[path = "c/driver.rs"]
#[expect(dead_code, reason = "shared by all tests of the C boundary; each uses a part")]
mod driver;
#[path = "c/hostile/mod.rs"]
mod hostile;

fn place(name: &str, sanitizers: &[&str]) {
    let scratch = driver::Scratch::new(&format!("hostile-{name}"));
    let source = driver::root().join("tests/c/hostile/places.c");
    let program = hostile::build(&source, "places", sanitizers, &scratch);
    hostile::passes(&program, &[name], &scratch);
}

#[test]
fn storm_of_signals() {
    place("storm", &[]);
    place("storm", &hostile::SANITIZERS);
}

#[test]
fn forked_child() {
    place("child", &[]);
}

/// Without sanitizers, which need a stack of their own size.
#[test]
fn stack_of_64_kib() {
    place("stack", &[]);
}

#[test]
fn no_descriptor_left() {
    place("descriptors", &[]);
    place("descriptors", &hostile::SANITIZERS);
}

#[test]
fn loaded_and_let_go() {
    let scratch = driver::Scratch::new("hostile-plugin");
    let source = driver::root().join("tests/c/hostile/plugin.c");
    let program = hostile::build(&source, "plugin", &["-Wl,--as-needed"], &scratch);
    hostile::passes(&program, &[&driver::library().to_string_lossy()], &scratch);
}
