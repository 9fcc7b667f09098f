//! The question behind the watchdog of the service manager.

use super::Services;
use crate::domain::Result;

impl Services {
    /// Returns when both databases have answered a question of their own, for reading and for writing; hangs while one
    /// of them does. Errors: what a database says instead of an answer.
    pub fn databases_answer(&self) -> Result<()> {
        self.store.probe()
    }
}
