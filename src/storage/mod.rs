//! The engine of one partition: segments, indexes, control page, append, durability, readers, recovery. Knows no C and no socket.
//!
//! - `config`, `names`, `index`, `tail`: what a log is made of, and the sparse-index rule;
//! - `control`, `slots`, `session`: what processes share;
//! - `partition` (the handle), `active`, `append`, `grow`, `roll`, `takeover`, `durable`: the writing side;
//! - `segments`, `lookup`, `view`, `table`, `reader`, `isolation`, `wait`, `sender`: the reading side;
//! - `recovery`, `scan`, `checkpoint`, `leader_epoch`, `producers`, `transactions`: what a log is rebuilt from.

pub mod active;
pub mod append;
pub mod checkpoint;
pub mod close;
pub mod config;
pub mod control;
pub mod durable;
pub mod grow;
pub mod index;
pub mod leader_epoch;
pub mod lookup;
pub mod names;
pub mod open;
pub mod partition;
pub mod producers;
pub mod raw;
pub mod reader;
pub mod recovery;
pub mod roll;
pub mod segments;
pub mod sender;
pub mod session;
pub mod slots;
pub mod tail;
pub mod takeover;
pub mod transactions;
pub mod view;
pub mod writer;
