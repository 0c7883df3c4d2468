//! The threads that a directory runs on request: one that syncs, one that prepares pages. Each bound to its configured core.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use super::shared::Shared;
use crate::error::{Error, Result};
use crate::storage::partition::PartitionLog;
use crate::storage::writer::Flusher;
use crate::sys::{affinity, fork, shield};

/// How often the flush thread looks at `flush.ms`, where nothing is requested.
const FLUSH_TICK: Duration = Duration::from_millis(5);
/// How often pages are looked after.
const PRETOUCH_TICK: Duration = Duration::from_millis(1);

/// A thread's mailbox: a request to look now, or to end.
#[derive(Debug, Default)]
struct Signal {
    mail: Mutex<Mail>,
    changed: Condvar,
}

#[derive(Debug, Clone, Copy, Default)]
struct Mail {
    requested: bool,
    ends: bool,
}

impl Signal {
    fn mail(&self) -> MutexGuard<'_, Mail> {
        self.mail.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the thread to look now; whether it will: not where it was told to end.
    fn raise(&self) -> bool {
        let mut mail = self.mail();
        mail.requested |= !mail.ends;
        self.changed.notify_one();
        !mail.ends
    }

    fn end(&self) {
        self.mail().ends = true;
        self.changed.notify_one();
    }

    /// Waits for mail, at most `tick`, and takes it.
    fn wait(&self, tick: Duration) -> Mail {
        let (mut mail, _) = self
            .changed
            .wait_timeout_while(self.mail(), tick, |mail| !mail.requested && !mail.ends)
            .unwrap_or_else(PoisonError::into_inner);
        let taken = *mail;
        mail.requested = false;
        taken
    }
}

/// The flush threads of a directory: one for each handle that asked for one, and each serves all logs. They end with their handles.
#[derive(Debug, Default)]
pub struct FlushThreads(Mutex<Vec<Arc<Signal>>>);

impl FlushThreads {
    fn add(&self, signal: &Arc<Signal>) {
        let mut signals = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        signals.retain(|signal| !signal.mail().ends);
        signals.push(Arc::clone(signal));
    }
}

impl Flusher for FlushThreads {
    fn request(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().any(|signal| signal.raise())
    }
}

/// A running thread.
#[derive(Debug)]
pub struct IoThread {
    signal: Arc<Signal>,
    handle: Option<JoinHandle<()>>,
    process: u32,
}

impl IoThread {
    /// Starts the flush thread.
    pub fn flush(shared: &Arc<Shared>, cpu: Option<usize>) -> Result<Self> {
        let weak = Arc::downgrade(shared);
        let mut last_flush = std::collections::HashMap::new();
        let thread = Self::start("ckafka-flush", cpu, FLUSH_TICK, move |requested| {
            let Some(shared) = weak.upgrade() else { return };
            for log in shared.logs().iter() {
                let due = requested || is_due(log, &mut last_flush);
                if due && log.durable_end() < log.published_end() {
                    // A failed sync is latched: who waits is told by the log itself.
                    let _ = log.sync();
                }
            }
        })?;
        shared.flush_threads().add(&thread.signal);
        Ok(thread)
    }

    /// Starts the pre-touch thread.
    pub fn pretouch(shared: &Arc<Shared>, cpu: Option<usize>) -> Result<Self> {
        let weak = Arc::downgrade(shared);
        Self::start("ckafka-pretouch", cpu, PRETOUCH_TICK, move |_| {
            let Some(shared) = weak.upgrade() else { return };
            for log in shared.logs().iter() {
                // A full disk is told to the append that needs the room.
                while log.pretouch().unwrap_or(false) {}
            }
        })
    }

    fn start(
        name: &str,
        cpu: Option<usize>,
        tick: Duration,
        mut work: impl FnMut(bool) + Send + 'static,
    ) -> Result<Self> {
        let signal = Arc::new(Signal::default());
        let inner = Arc::clone(&signal);
        let bound = Arc::new(OnceLock::new());
        let outcome = Arc::clone(&bound);
        let body = move || {
            shield::block_all();
            bound.get_or_init(|| Mutex::new(cpu.map_or(Ok(()), affinity::pin_current_thread)));
            // A pass over very many partitions is not begun again at once: at most a fifth of a core.
            let mut pause = tick;
            loop {
                let mail = inner.wait(pause);
                // What was asked for before the end is done.
                if mail.ends && !mail.requested {
                    return;
                }
                let begun = Instant::now();
                work(mail.requested);
                pause = tick.max(begun.elapsed() * 4);
            }
        };
        let handle = Builder::new().name(name.to_owned()).spawn(body);
        let handle = handle.map_err(|source| Error::io("pthread_create", std::path::Path::new(name), source))?;
        let thread = Self { signal, handle: Some(handle), process: fork::generation() };
        std::mem::replace(&mut *outcome.wait().lock().unwrap_or_else(PoisonError::into_inner), Ok(()))?;
        Ok(thread)
    }
}

impl Drop for IoThread {
    fn drop(&mut self) {
        // In a forked child there is no such thread to wait for.
        if fork::generation() != self.process {
            return;
        }
        self.signal.end();
        if let Some(handle) = self.handle.take() {
            // A thread that panicked has nothing left to say here.
            let _ = handle.join();
        }
    }
}

fn is_due(log: &Arc<PartitionLog>, last_flush: &mut std::collections::HashMap<(String, i32), Instant>) -> bool {
    let Some(interval) = log.config().flush_interval else { return false };
    let now = Instant::now();
    let last = last_flush.entry((log.topic().to_owned(), log.partition())).or_insert(now);
    if now.duration_since(*last) < interval {
        return false;
    }
    *last = now;
    true
}
