//! People's conversations on their way out: as a file of our own form, and as Markdown.

mod export;
mod markdown;
pub mod portable;

use std::sync::Arc;

pub use export::{Export, Format, Which, each_conversation};
pub use portable::Halt;

use super::slots::Slots;
use crate::store::Store;

/// Exports of one person at once, and of all: each holds a thread and a page of messages.
const EXPORTS_PER_USER: u32 = 2;
const EXPORTS: u32 = 32;

pub struct Transfer {
    store: Arc<Store>,
    exports: Arc<Slots>,
}

impl Transfer {
    pub fn new(store: Arc<Store>) -> Self {
        Self { store, exports: Slots::new(EXPORTS_PER_USER, EXPORTS) }
    }
}
