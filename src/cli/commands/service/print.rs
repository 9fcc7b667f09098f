//! `portagent service print`: the unit, to be looked at or put somewhere by hand.

use super::layout::Layout;
use super::{USER, unit};
use crate::cli::command::{Command, CommandOption, Given};
use crate::cli::output::print;
use crate::domain::Result;

pub(in crate::cli) static COMMAND: Command = Command {
    name: "service print",
    operands: &[],
    options: &[USER, CommandOption { flag: "force", value: "", about: "also where this program's file may not stay" }],
    json: false,
    quiet: false,
    about: "print the systemd unit that `service install` would write",
    details: "",
    examples: &[("portagent service print | systemd-analyze security --offline=true /dev/stdin", "how hardened it is")],
    run,
};

fn run(given: &Given) -> Result<()> {
    let layout = Layout::of(given)?;
    print(&unit::text(&layout, &unit::program(&layout, given)?))
}
