//! Finds offsets and times. (to be implemented)

use std::sync::Arc;

use super::config::ReaderConfig;
use super::partition::PartitionLog;
use crate::error::Result;

/// First record with timestamp >= `timestamp`.
pub fn offset_for_time(_log: &Arc<PartitionLog>, _timestamp: i64, _config: ReaderConfig) -> Result<Option<(i64, i64)>> {
    todo!()
}
