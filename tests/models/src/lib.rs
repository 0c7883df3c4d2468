//! Models of what the processes of a partition do to each other, small enough to try every order of their steps.
//!
//! - [`wake`]: publish, arm and wake (`storage/control/wake.rs`);
//! - [`lock`]: the lock word, its sleepers, and the owner that dies (`sys/word.rs`, `storage/slots.rs`);
//! - [`grow`]: growing ahead, appending below, taking over (`storage/grow.rs`, `storage/takeover.rs`);
//! - [`latch`]: a sync that fails, reported once, and who may still say *durable* (`storage/durable.rs`);
//! - [`futex`]: the kernel's part.
//!
//! A model repeats the orderings and the order of steps of the file it names, not its code. Each has variants that leave one rule
//! out; loom must find what goes wrong then: a model that cannot fail shows nothing. Where the library uses an exchange as a full
//! fence and a sequentially consistent load behind it, a model has a fence, since loom keeps a total order of fences alone.
//! Time-outs are a *tick*: a wake-up that comes without anybody's doing.

pub mod futex;
pub mod grow;
pub mod latch;
pub mod lock;
pub mod wake;

/// Explores a model with at most `preemptions` preemptions of a thread.
pub fn explore(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_duration = Some(std::time::Duration::from_secs(60));
    builder.check(model);
}

/// Whether exploring finds something wrong: a panic, a race or a deadlock. `variant` is a name of its own within the calling test.
///
/// Runs in a process of its own, since threads that never end cannot be cleaned up after.
#[must_use]
pub fn finds(variant: &str, preemptions: usize, model: impl Fn() + Sync + Send + 'static) -> bool {
    const MARK: &str = "CKAFKA_MODEL";
    match std::env::var(MARK) {
        Ok(chosen) if chosen == variant => {
            explore(preemptions, model);
            std::process::exit(0);
        }
        // Another variant of this test is what this process is for.
        Ok(_) => true,
        Err(_) => {
            let thread = std::thread::current();
            let test = thread.name().unwrap_or_default();
            let mut command = std::process::Command::new(std::env::current_exe().expect("own binary"));
            let output = command.args([test, "--exact"]).env(MARK, variant).output().expect("own binary runs");
            !output.status.success()
        }
    }
}
