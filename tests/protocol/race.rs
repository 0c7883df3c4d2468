//! A writer that publishes in the moment in which a reader goes to sleep, again and again, at every distance of the two.

use std::hint::spin_loop;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::time::{Duration, Instant};

use ckafka::broker::Log;
use ckafka::storage::config::ReaderConfig;
use ckafka::storage::reader::{Reader, Start};

use crate::common::logs::{self, Owned};
use crate::common::random::Random;

/// More turns of a spin than a fetch takes to fall asleep.
const SPINS: u64 = 3000;
/// Turns after which the writer, which waits for the next round, lets others have its processor: the reader may need it.
const TURNS_MAX: u64 = 100_000;

/// Runs up to `rounds` rounds, and for `patience` at most: in each, one record is appended while the reader waits for it. An error where a wait took `lost` or longer: nobody woke it, and nobody
/// else appends. How many rounds there were.
pub fn race(log: &Log, rounds: u64, lost: Duration, patience: Duration) -> Result<String, String> {
    let mut reader =
        Reader::open(Arc::clone(log), Start::Latest, ReaderConfig::default()).map_err(|error| error.to_string())?;
    let ready = AtomicU64::new(0);
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| write(log, &ready));
        let mut random = Random(1);
        let mut outcome = Ok(String::new());
        let mut round = 0;
        while round < rounds && outcome.is_ok() && begun.elapsed() < patience {
            round += 1;
            ready.store(round, Release);
            spin(random.below(SPINS));
            let asked = Instant::now();
            outcome =
                reader.fetch(1, Some(lost)).map(|_| round.to_string()).map_err(|error| format!("{round}: {error}"));
            if asked.elapsed() >= lost {
                outcome = Err(format!("round {round}: woken after {:?}", asked.elapsed()));
            }
        }
        ready.store(u64::MAX, Release);
        writer.join().expect("the writer did not panic");
        outcome
    })
}

fn write(log: &Log, ready: &AtomicU64) {
    let mut random = Random(2);
    let (mut seen, mut turns) = (0, 0);
    loop {
        let round = ready.load(Acquire);
        match round {
            u64::MAX => return,
            _ if round == seen && turns < TURNS_MAX => {
                turns += 1;
                spin_loop();
            }
            _ if round == seen => std::thread::yield_now(),
            _ => {
                (seen, turns) = (round, 0);
                spin(random.below(SPINS));
                logs::append(log, &[Owned::new(1, "x")]).expect("append");
            }
        }
    }
}

fn spin(turns: u64) {
    (0..turns).for_each(|_| spin_loop());
}
