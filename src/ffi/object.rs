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
    /// The object, if it is of this kind.
    fn of(object: &Object) -> Option<&Self>;
}

macro_rules! noun {
    ($kind:ty, $variant:ident, $handle:ty, $name:literal) => {
        impl Noun for $kind {
            type Handle = $handle;
            const NAME: &'static str = $name;
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

noun!(Arc<Directory>, Directory, ckafka_t, "directory");
noun!(Log, Log, ckafka_log_t, "log");
noun!(OpenReader, Reader, ckafka_reader_t, "reader");
noun!(OpenSender, Sender, ckafka_sender_t, "sender");
