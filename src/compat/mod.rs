//! The C-Kafka interface: its 23 functions under their old names, with their old signatures, layouts, lines and files.
//! One file per folder of the original; what each does differently on purpose is in `docs/COMPAT.md`.
//!
//! - `append_log` (with `log_files`, `log_tail`, `log_lines`, `redirect`), `reader`, `server`, `threads`, `broker`,
//!   `producer`, `consumer`, `compression`, `logger`, `memory`, `client`: the functions;
//! - `types`: the structs that programs reach into; `public`: calls from one old module to another, which go through the
//!   public symbol, because a program may have brought that module itself;
//! - `guard`: no panic and no cancellation of a thread crosses; `shim`: the C half;
//! - `import`: takes an old log over into a partition: the one call here of the new C API, whose handles and error codes
//!   it uses.
//!
//! Nothing else of the new C API is used here, and nothing of it calls anything here.

mod append_log;
mod broker;
mod client;
mod compression;
mod consumer;
mod guard;
pub mod import;
mod log_files;
mod log_lines;
mod log_tail;
mod logger;
mod memory;
mod producer;
mod public;
mod reader;
mod redirect;
mod server;
mod shim;
mod threads;
pub mod types;

pub use append_log::append_message_to_log;
pub use broker::{add_topic, create_broker, get_topic};
pub use client::{close_broker_connection, connect_to_broker, send_message_to_broker};
pub use compression::{compress_message, decompress_message};
pub use consumer::consume_messages;
pub use logger::log_message;
pub use memory::{MemoryPool, pool_alloc, pool_create, pool_destroy, pool_free};
pub use producer::produce_message;
pub use reader::{read_fully, read_log_with_mmap};
pub use server::start_server;
pub use threads::{bind_thread_to_core, consumer_thread, log_flush_thread, network_io_thread};
