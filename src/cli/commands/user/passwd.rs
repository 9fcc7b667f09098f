//! `portagent user passwd NAME`.

use super::as_json;
use crate::cli::command::{Command, Given};
use crate::cli::output::{one_line, print, print_json};
use crate::cli::password::{self, FROM_STDIN, GENERATE};
use crate::domain::Result;
use crate::domain::user::{Actor, check_password};

pub(in crate::cli) static COMMAND: Command = Command {
    name: "user passwd",
    operands: &["NAME"],
    options: &[FROM_STDIN, GENERATE],
    json: true,
    quiet: false,
    about: "set a new password; ends all logins of that account",
    details: "The password is asked for on the terminal, unless an option says otherwise.",
    examples: &[
        ("portagent user passwd lin", "asks for it, twice"),
        ("portagent user passwd lin --generate", "prints it once"),
    ],
    run,
};

fn run(given: &Given) -> Result<()> {
    let data = given.data()?;
    let user = data.users.find(Actor::Operator, given.operand(0))?;
    let password = password::obtain(given)?;
    check_password(&password.text)?;
    data.users.set_password(Actor::Operator, &user, &password.text)?;
    if given.json {
        let mut value = as_json(&user);
        if password.generated {
            value["password"] = password.text.into();
        }
        return print_json(&value);
    }
    let mut text = format!("{} has a new password\n", one_line(&user.username));
    if password.generated {
        text.push_str(&format!("password: {}\n", password.text));
    }
    print(&text)
}
