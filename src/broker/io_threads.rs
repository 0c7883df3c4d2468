//! The threads that a directory runs on request: one that syncs, one that prepares pages. Each bound to its configured core.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use super::shared::Shared;
use crate::error::{Error, Result};
use crate::storage::partition::PartitionLog;
use crate::storage::writer::Flusher;
use crate::sys::{affinity, fork};

/// How often the flush thread looks at `flush.ms`, where nothing is requested.
const FLUSH_TICK: Duration = Duration::from_millis(5);
/// How often pages are looked after.
const PRETOUCH_TICK: Duration = Duration::from_millis(1);

/// A thread's mailbox: a request to look now, or to end.
#[derive(Debug, Default)]
struct Signal {
    requested: Mutex<bool>,
    changed: Condvar,
    ends: AtomicBool,
}

impl Signal {
    fn raise(&self) {
        *self.requested.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_one();
    }

    /// Waits for a request, at most `tick`; whether there was one.
    fn wait(&self, tick: Duration) -> bool {
        let requested = self.requested.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut requested, _) = self
            .changed
            .wait_timeout_while(requested, tick, |requested| !*requested)
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *requested)
    }
}

#[derive(Debug)]
struct FlushRequests(Arc<Signal>);

impl Flusher for FlushRequests {
    fn request(&self) {
        self.0.raise();
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
        Self::start("ckafka-flush", cpu, FLUSH_TICK, move |requested| {
            let Some(shared) = weak.upgrade() else { return };
            for log in shared.logs().iter() {
                let due = requested || is_due(log, &mut last_flush);
                if due && log.durable_end() < log.published_end() {
                    // A failed sync is latched: who waits is told by the log itself.
                    let _ = log.sync();
                }
            }
        })
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
            bound.get_or_init(|| Mutex::new(cpu.map_or(Ok(()), affinity::pin_current_thread)));
            // A pass over very many partitions is not begun again at once: at most a fifth of a core.
            let mut pause = tick;
            while !inner.ends.load(Ordering::Acquire) {
                let requested = inner.wait(pause);
                let begun = Instant::now();
                work(requested);
                pause = tick.max(begun.elapsed() * 4);
            }
        };
        let handle = Builder::new().name(name.to_owned()).spawn(body);
        let handle = handle.map_err(|source| Error::io("pthread_create", std::path::Path::new(name), source))?;
        let thread = Self { signal, handle: Some(handle), process: fork::generation() };
        std::mem::replace(&mut *outcome.wait().lock().unwrap_or_else(PoisonError::into_inner), Ok(()))?;
        Ok(thread)
    }

    /// What logs ask for syncs through.
    #[must_use]
    pub fn flusher(&self) -> Arc<dyn Flusher> {
        Arc::new(FlushRequests(Arc::clone(&self.signal)))
    }
}

impl Drop for IoThread {
    fn drop(&mut self) {
        // In a forked child there is no such thread to wait for.
        if fork::generation() != self.process {
            return;
        }
        self.signal.ends.store(true, Ordering::Release);
        self.signal.raise();
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
