//! `portagent service install`: the unit, an account, an env file; then systemd starts it.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _, chown};
use std::path::Path;
use std::process::Command as Process;

use super::layout::{ACCOUNT, Layout};
use super::{ROOT, USER, systemctl, unit};
use crate::cli::command::{Command, CommandOption, Given, usage};
use crate::cli::output::{one_line, print};
use crate::domain::{Error, Kind, Result};

pub(in crate::cli) static COMMAND: Command = Command {
    name: "service install",
    operands: &[],
    options: &[
        USER,
        ROOT,
        CommandOption { flag: "force", value: "", about: "also where this program's file may not stay" },
    ],
    json: false,
    quiet: true,
    about: "run this program as a service of systemd, from now on and after every start of the machine",
    details: "\
It writes a unit that starts this very file, makes the account `portagent` and an env file where they are missing,
enables the service and starts it. Every step is printed; an existing env file is kept.",
    examples: &[
        ("sudo portagent service install", "for the machine: settings in /etc/portagent, data in /var/lib/portagent"),
        ("portagent service install --user", "for this user: settings in ~/.config/portagent, data in ~/.agentx"),
    ],
    run,
};

fn run(given: &Given) -> Result<()> {
    let layout = Layout::of(given)?;
    let program = unit::program(&layout, given)?;
    if !layout.user && !rustix::process::geteuid().is_root() {
        return Err(usage("installing a service for the machine needs root", "use sudo, or add --user"));
    }
    let owner = if layout.user { None } else { Some(account(&layout)?) };
    env_file(&layout, owner)?;
    unit_file(&layout, &unit::text(&layout, &program))?;
    systemctl::run(&layout, &["daemon-reload", "enable portagent.service", "restart portagent.service"])?;
    if layout.user {
        print("it runs while you are logged in; `loginctl enable-linger` keeps it running after that\n")?;
    }
    print(&format!("settings: {}\ndata:     {}\n", layout.env_file.display(), layout.data.display()))
}

/// The account's user and group, made where it is missing.
fn account(layout: &Layout) -> Result<(u32, u32)> {
    if let Some(found) = look_up(layout) {
        return Ok(found);
    }
    let root = layout.root.to_string_lossy();
    let mut command = Process::new("useradd");
    command.args(["--system", "--user-group", "--no-create-home", "--home-dir"]).arg(&layout.data);
    command.args(["--shell", "/usr/sbin/nologin", "--comment", "Portagent"]);
    if !layout.on_this_machine() {
        command.args(["--prefix", &root]);
    }
    let failed = |why: String| {
        Error::new(Kind::Unavailable, "no_account", format!("cannot make the account {ACCOUNT}: {why}"))
            .hint("make it yourself, as a system account of that name, and try again")
    };
    let output = command.arg(ACCOUNT).output().map_err(|cause| failed(format!("useradd: {cause}")))?;
    if !output.status.success() {
        return Err(failed(one_line(String::from_utf8_lossy(&output.stderr).trim())));
    }
    print(&format!("made the system account {ACCOUNT}\n"))?;
    look_up(layout).ok_or_else(|| failed("useradd made none".to_owned()))
}

/// passwd(5): name, password, user, group.
fn look_up(layout: &Layout) -> Option<(u32, u32)> {
    let accounts = fs::read_to_string(layout.inside(Path::new("/etc/passwd"))).ok()?;
    let line = accounts.lines().find(|line| line.split(':').next() == Some(ACCOUNT))?;
    let mut numbers = line.split(':').skip(2).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// Readable by the service only, because it holds the key.
fn env_file(layout: &Layout, owner: Option<(u32, u32)>) -> Result<()> {
    let path = layout.inside(&layout.env_file);
    make_parent(&path)?;
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
        Ok(mut file) => file.write_all(unit::env_file(layout).as_bytes()).map_err(|cause| cannot(&path, cause))?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return print(&format!("kept {}\n", path.display()));
        }
        Err(error) => return Err(cannot(&path, error)),
    }
    if let Some((user, group)) = owner {
        chown(&path, Some(user), Some(group)).map_err(|cause| cannot(&path, cause))?;
    }
    print(&format!("wrote {}\n", path.display()))
}

/// A unit that is there already and says something else is kept beside the new one.
fn unit_file(layout: &Layout, text: &str) -> Result<()> {
    let path = layout.inside(&layout.unit);
    make_parent(&path)?;
    match fs::read_to_string(&path) {
        Ok(old) if old == text => return print(&format!("kept {}\n", path.display())),
        Ok(_) => {
            let kept = path.with_extension("service.old");
            fs::rename(&path, &kept).map_err(|cause| cannot(&kept, cause))?;
            print(&format!("the former unit is now {}\n", kept.display()))?;
        }
        Err(_) => {}
    }
    fs::write(&path, text).map_err(|cause| cannot(&path, cause))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).map_err(|cause| cannot(&path, cause))?;
    print(&format!("wrote {}\n", path.display()))
}

fn make_parent(path: &Path) -> Result<()> {
    let Some(parent) = path.parent() else { return Ok(()) };
    fs::DirBuilder::new().recursive(true).mode(0o755).create(parent).map_err(|cause| cannot(parent, cause))
}

fn cannot(path: &Path, cause: io::Error) -> Error {
    Error::new(Kind::Unavailable, "not_installed", format!("cannot write {}", path.display())).source(cause)
}
