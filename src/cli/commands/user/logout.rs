//! `portagent user logout NAME`.

use serde_json::json;

use crate::cli::command::{Command, Given};
use crate::cli::output::{one_line, print, print_json};
use crate::domain::Result;
use crate::domain::user::Actor;

pub(in crate::cli) static COMMAND: Command = Command {
    name: "user logout",
    operands: &["NAME"],
    options: &[],
    json: true,
    quiet: true,
    about: "end all logins of an account, on every device",
    details: "",
    examples: &[("portagent user logout lin", "after a phone was lost")],
    run,
};

fn run(given: &Given) -> Result<()> {
    let data = given.data()?;
    let user = data.users.find(Actor::Operator, given.operand(0))?;
    let ended = data.users.logout(Actor::Operator, &user)?;
    if given.json {
        return print_json(&json!({ "username": user.username, "ended": ended }));
    }
    print(&format!("{}: {ended} logins ended\n", one_line(&user.username)))
}
