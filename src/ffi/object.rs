//! What stands behind handles.

use std::sync::Arc;

use super::exclusive::Exclusive;
use super::handle::Table;
use super::types::{ckafka_log_t, ckafka_reader_t, ckafka_sender_t, ckafka_t};
use crate::broker::{Directory, Log};
use crate::storage::reader::{Reader, Wakeup};
use crate::storage::sender::Sender;

/// All open handles of the process.
pub(crate) static HANDLES: Table<Object> = Table::new();

/// Something open.
#[derive(Debug)]
pub(crate) enum Object {
    /// `ckafka_t`.
    Directory(Arc<Directory>),
    /// `ckafka_log_t`.
    Log(Log),
    /// `ckafka_reader_t`.
    Reader(Box<OpenReader>),
    /// `ckafka_sender_t`.
    Sender(Box<OpenSender>),
}

/// A reader, the way to wake it, and the log that it keeps open.
#[derive(Debug)]
pub(crate) struct OpenReader {
    /// One thread at a time.
    pub(crate) reader: Exclusive<Reader>,
    /// Reached without taking the reader.
    pub(crate) wakeup: Arc<Wakeup>,
    /// Keeps log and directory open. Declared last: dropped after the reader.
    pub(crate) _log: Log,
}

/// A sender and the log that it keeps open.
#[derive(Debug)]
pub(crate) struct OpenSender {
    /// One thread at a time.
    pub(crate) sender: Exclusive<Sender>,
    /// Keeps log and directory open. Declared last: dropped after the sender.
    pub(crate) _log: Log,
}

/// A kind of object that a C type stands for.
pub(crate) trait Noun: Sized {
    /// The C type that its handles are dressed as.
    type Handle;
    /// What messages call it.
    const NAME: &'static str;
    /// Over what the thread is kept from being cancelled.
    const UNCANCELLED: Span;
    /// The object, if it is of this kind.
    fn of(object: &Object) -> Option<&Self>;
}

/// A stretch in which a thread is not cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Span {
    /// A whole call.
    Call,
    /// Each system call, as `sys` has it: for calls that are a matter of nanoseconds and hold nothing that others wait for.
    SystemCall,
}

macro_rules! noun {
    ($kind:ty, $variant:ident, $handle:ty, $name:literal, $uncancelled:ident) => {
        impl Noun for $kind {
            type Handle = $handle;
            const NAME: &'static str = $name;
            const UNCANCELLED: Span = Span::$uncancelled;
            #[inline]
            fn of(object: &Object) -> Option<&Self> {
                match object {
                    Object::$variant(inner) => Some(inner),
                    _ => None,
                }
            }
        }
    };
}

noun!(Arc<Directory>, Directory, ckafka_t, "directory", Call);
noun!(Log, Log, ckafka_log_t, "log", Call);
noun!(OpenReader, Reader, ckafka_reader_t, "reader", SystemCall);
noun!(OpenSender, Sender, ckafka_sender_t, "sender", Call);
