//! `portagent service uninstall`: the service goes; what it knows stays.

use std::fs;
use std::io;

use super::layout::{ACCOUNT, Layout};
use super::{ROOT, USER, systemctl};
use crate::cli::command::{Command, Given, usage};
use crate::cli::output::print;
use crate::domain::{Error, Kind, Result};

pub(in crate::cli) static COMMAND: Command = Command {
    name: "service uninstall",
    operands: &[],
    options: &[USER, ROOT],
    json: false,
    quiet: true,
    about: "stop the service and remove its unit; data, settings and the account stay",
    details: "",
    examples: &[
        ("sudo portagent service uninstall", "the machine's service"),
        ("portagent service uninstall --user", "this user's"),
    ],
    run,
};

fn run(given: &Given) -> Result<()> {
    let layout = Layout::of(given)?;
    if !layout.user && !rustix::process::geteuid().is_root() {
        return Err(usage("removing the machine's service needs root", "use sudo, or add --user"));
    }
    let unit = layout.inside(&layout.unit);
    if !unit.exists() {
        let message = format!("there is no service at {}", unit.display());
        return Err(Error::new(Kind::NotFound, "not_installed", message).hint("`portagent service install` makes one"));
    }
    systemctl::run(&layout, &["disable --now portagent.service"])?;
    match fs::remove_file(&unit) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
            let message = format!("cannot remove {}", unit.display());
            return Err(Error::new(Kind::Unavailable, "not_removed", message).source(cause));
        }
        _ => print(&format!("removed {}\n", unit.display()))?,
    }
    systemctl::run(&layout, &["daemon-reload"])?;
    let account = if layout.user { String::new() } else { format!("account:  {ACCOUNT}\n") };
    print(&format!("kept:\nsettings: {}\ndata:     {}\n{account}", layout.env_file.display(), layout.data.display()))
}
