//! `portagent service …`: this program as a service of systemd.

pub(in crate::cli) mod install;
mod layout;
pub(in crate::cli) mod print;
mod systemctl;
pub(in crate::cli) mod uninstall;
mod unit;

use crate::cli::command::CommandOption;

const USER: CommandOption =
    CommandOption { flag: "user", value: "", about: "a service of this user alone, without root" };
const ROOT: CommandOption =
    CommandOption { flag: "root", value: "DIR", about: "below this directory instead of /, for images and packages" };
