//! `portagent version` and `--version`.

use serde_json::json;

use crate::cli::command::{Command, Given};
use crate::cli::output::{print, print_json};
use crate::domain::Result;

pub(in crate::cli) static COMMAND: Command = Command {
    name: "version",
    operands: &[],
    options: &[],
    json: true,
    quiet: false,
    about: "print the version",
    details: "",
    examples: &[("portagent --version", "the same")],
    run,
};

fn run(given: &Given) -> Result<()> {
    let version = env!("CARGO_PKG_VERSION");
    if given.json { print_json(&json!({ "version": version })) } else { print(&format!("portagent {version}\n")) }
}
