//! People's data: all of one person handed out in a file, and conversations that grew old forgotten.

mod export;
mod files;
mod requests;
mod retention;

pub use crate::workdirs::Usage;
pub use export::{Exported, export};
pub use retention::{DAYS_MOST, Forgotten, forget, job, keep_days, set_keep_days, would_forget};
