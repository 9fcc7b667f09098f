//! `portagent setup-code`.

use serde_json::json;

use crate::cli::command::{Command, Given};
use crate::cli::output::{print, print_json};
use crate::domain::Result;

pub(in crate::cli) static COMMAND: Command = Command {
    name: "setup-code",
    operands: &[],
    options: &[],
    json: true,
    quiet: false,
    about: "show the code that the first account needs",
    details: "The server makes it at each start, as long as there is no account.",
    examples: &[("portagent setup-code", "print the code")],
    run,
};

fn run(given: &Given) -> Result<()> {
    let code = given.data()?.setup_code()?;
    if given.json { print_json(&json!({ "setupCode": code })) } else { print(&format!("{code}\n")) }
}
