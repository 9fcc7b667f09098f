//! `portagent user add NAME`.

use super::as_json;
use crate::cli::command::{Command, CommandOption, Given};
use crate::cli::output::{one_line, print, print_json};
use crate::cli::password::{self, FROM_STDIN, GENERATE};
use crate::domain::Result;
use crate::domain::user::{Actor, NewUser, Role};

pub(in crate::cli) static COMMAND: Command = Command {
    name: "user add",
    operands: &["NAME"],
    options: &[
        CommandOption { flag: "email", value: "ADDRESS", about: "an e-mail address, which logs in as well" },
        CommandOption { flag: "display-name", value: "TEXT", about: "how the page addresses the person" },
        CommandOption { flag: "admin", value: "", about: "create an administrator" },
        FROM_STDIN,
        GENERATE,
    ],
    json: true,
    quiet: false,
    about: "create an account",
    details: "The password is asked for on the terminal, unless an option says otherwise.",
    examples: &[
        ("portagent user add lin --generate", "prints the password once"),
        ("portagent user add lin --admin", "an administrator; asks for the password"),
        ("portagent user add lin --password-stdin <file", "the password is the file's first line"),
    ],
    run,
};

fn run(given: &Given) -> Result<()> {
    let data = given.data_or_new()?;
    let password = password::obtain(given)?;
    let new = NewUser {
        username: given.operand(0).to_owned(),
        password: password.text.clone(),
        email: given.option("email").map(str::to_owned),
        display_name: given.option("display-name").map(str::to_owned),
        avatar: None,
    };
    let role = if given.has("admin") { Role::Admin } else { Role::User };
    let user = data.users.add(Actor::Operator, new.checked()?, role)?;
    if given.json {
        let mut value = as_json(&user);
        if password.generated {
            value["password"] = password.text.into();
        }
        return print_json(&value);
    }
    let mut text = format!("{} was created\n", one_line(&user.username));
    if password.generated {
        text.push_str(&format!("password: {}\n", password.text));
    }
    print(&text)
}
