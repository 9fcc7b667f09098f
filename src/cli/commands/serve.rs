//! `portagent serve`, and `portagent` alone.

use crate::app;
use crate::cli::command::{Command, CommandOption, Given};
use crate::domain::Result;

pub(in crate::cli) static COMMAND: Command = Command {
    name: "serve",
    operands: &[],
    options: &[CommandOption { flag: "new", value: "", about: "begin with an empty service where data is missing" }],
    json: false,
    quiet: false,
    about: "start the server; what `portagent` alone does",
    details:
        "It runs until SIGTERM or Ctrl-C, and then gives running answers up to 10 seconds to be stored. SIGHUP makes it
read LOG_LEVEL again from its env file.",
    examples: &[
        ("portagent", "serve on port 5200, with the data in ~/.agentx"),
        ("portagent serve --provider demo", "try it without a key"),
        ("portagent serve -p 8080 -e /etc/portagent.env", "another port, settings from a file"),
    ],
    run,
};

fn run(given: &Given) -> Result<()> {
    app::serve(given.config()?, given.has("new"), &|| given.config())
}
