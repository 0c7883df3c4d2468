//! The kill harness: real processes that write, follow, open, close and die, and an oracle that knows what each was told.
//!
//! - `process`: forks, signals, waits, single steps: every unsafe line of the harness;
//! - `board`: the memory that all processes share; what a process was told is on it before anything else happens;
//! - `record`: what a record says, so that a torn or moved one shows; `dice`: a seeded generator;
//! - `roles`: what the processes do; `stage`: where, and with which settings;
//! - `page`: the control page as an onlooker reads it; `files`: segments read by other code than the library's;
//! - `scene`: one operation, cut short; `step`: all the points where it can be; `attack`: which of them are tried;
//! - `oracle`: what must be true of the files, given the board.
//!
//! The process that starts others has one thread at work, so that a forked child may do anything.

pub mod attack;
pub mod board;
pub mod dice;
pub mod files;
pub mod oracle;
pub mod page;
pub mod process;
pub mod record;
pub mod roles;
pub mod scene;
pub mod stage;
pub mod step;
