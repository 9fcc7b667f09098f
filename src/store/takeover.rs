//! Takes over the data of Portagent 1.9 (to be joined with its reader).

use rusqlite::Connection;

use super::failure;
use crate::domain::Result;

pub(super) fn is_legacy_accounts(_conn: &Connection) -> Result<bool> { Ok(false) }
pub(super) fn is_legacy_agent(_conn: &Connection) -> Result<bool> { Ok(false) }
pub(super) fn accounts(conn: &Connection, schema: &str) -> Result<()> { conn.execute_batch(schema).map_err(failure::error) }
pub(super) fn agent(_conn: &Connection) -> Result<()> { Ok(()) }
