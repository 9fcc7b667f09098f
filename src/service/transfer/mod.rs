//! People's conversations on their way out and in: as a file of our own form, as Markdown, and from other programs.

mod export;
pub mod import;
mod markdown;
pub mod portable;
mod spool;

use std::sync::Arc;

pub use export::{Export, Format, Which, each_conversation};
pub use import::{Import, Report, Skip};
pub use portable::Halt;
pub use spool::{Received, Spool};

use super::slots::Slots;
use crate::store::Store;

/// Exports of one person at once, and of all: each holds a thread and a page of messages.
const EXPORTS_PER_USER: u32 = 2;
const EXPORTS: u32 = 32;
/// The same of imports: each may hold a conversation of 16 MiB several times over.
const IMPORTS_PER_USER: u32 = 1;
const IMPORTS: u32 = 2;

pub struct Transfer {
    store: Arc<Store>,
    exports: Arc<Slots>,
    imports: Arc<Slots>,
}

impl Transfer {
    pub fn new(store: Arc<Store>) -> Self {
        let exports = Slots::new(EXPORTS_PER_USER, EXPORTS);
        Self { store, exports, imports: Slots::new(IMPORTS_PER_USER, IMPORTS) }
    }
}
