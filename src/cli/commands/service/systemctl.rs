//! Asks systemd to do something; where none runs, says what to type later.

use std::path::Path;
use std::process::Command;

use super::layout::Layout;
use crate::cli::output::{one_line, print};
use crate::domain::{Error, Kind, Result};

/// Runs these, or prints them where systemd is not running or another root is meant.
///
/// Errors: `Unavailable` for one that fails, with its message.
pub(super) fn run(layout: &Layout, commands: &[&str]) -> Result<()> {
    if !layout.on_this_machine() || !is_running(layout) {
        let typed: String = commands.iter().map(|command| format!("  {} {command}\n", layout.systemctl())).collect();
        return print(&format!("systemd is not running here; where it is, type:\n{typed}"));
    }
    for command in commands {
        let typed = format!("{} {command}", layout.systemctl());
        let words: Vec<&str> = typed.split(' ').collect();
        let output = Command::new(words[0]).args(&words[1..]).output();
        let failed = |why: String| Err(Error::new(Kind::Unavailable, "systemctl", format!("`{typed}` failed: {why}")));
        match output {
            Err(cause) => return failed(cause.to_string()),
            Ok(output) if !output.status.success() => {
                return failed(one_line(String::from_utf8_lossy(&output.stderr).trim()));
            }
            Ok(_) => print(&format!("{typed}\n"))?,
        }
    }
    Ok(())
}

/// sd_booted(3); and for a user, whether their own manager runs.
fn is_running(layout: &Layout) -> bool {
    let booted = Path::new("/run/systemd/system").is_dir();
    let own = std::env::var_os("XDG_RUNTIME_DIR").is_some_and(|dir| Path::new(&dir).join("systemd").is_dir());
    booted && (!layout.user || own)
}
