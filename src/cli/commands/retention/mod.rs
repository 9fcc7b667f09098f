//! `portagent retention …`: how long inactive conversations are kept.

pub(in crate::cli) mod off;
pub(in crate::cli) mod run_now;
pub(in crate::cli) mod set;
pub(in crate::cli) mod show;

use serde_json::json;

use crate::cli::command::Given;
use crate::cli::output::{print, print_json};
use crate::domain::Result;

fn report(given: &Given, days: Option<u32>) -> Result<()> {
    if given.json {
        return print_json(&json!({ "days": days }));
    }
    print(&match days {
        Some(days) => format!("conversations without activity for {days} days are deleted, once a day\n"),
        None => "off: conversations are kept\n".to_owned(),
    })
}
