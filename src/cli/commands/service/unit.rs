//! The unit and the env file, made from those in `packaging/systemd`.

use std::path::{Component, Path, PathBuf};

use super::layout::Layout;
use crate::cli::command::{Given, usage};
use crate::domain::{Error, Kind, Result};

const SYSTEM: &str = include_str!("../../../../packaging/systemd/portagent.service");
const USER: &str = include_str!("../../../../packaging/systemd/portagent-user.service");
const ENV_FILE: &str = include_str!("../../../../packaging/systemd/portagent.env");
/// What the units of the packages start.
const PACKAGED: &str = "/usr/bin/portagent";

/// The unit, starting `program`.
pub(super) fn text(layout: &Layout, program: &Path) -> String {
    let unit = if layout.user { USER } else { SYSTEM };
    unit.replace(PACKAGED, &quoted(&program.to_string_lossy()))
}

pub(super) fn env_file(layout: &Layout) -> String {
    let file = ENV_FILE
        .replace("{{FILE}}", &layout.env_file.to_string_lossy())
        .replace("{{DATA}}", &layout.data.to_string_lossy());
    file.replace("systemctl ", &format!("{} ", layout.systemctl()))
}

/// This program's own file.
///
/// Errors: `Invalid` for a file that a service could not start, or that will not stay where it is.
pub(super) fn program(layout: &Layout, given: &Given) -> Result<PathBuf> {
    let program = std::env::current_exe().and_then(std::fs::canonicalize).map_err(|cause| {
        Error::new(Kind::Unavailable, "no_program", "cannot find the file of this program").source(cause)
    })?;
    match (given.has("force"), unfit(&program, layout.user)) {
        (false, Some(why)) => {
            let (program, own) = (program.display(), if layout.user { "~/.local/bin" } else { "/usr/local/bin" });
            let message = format!("{program} {why}");
            Err(usage(message, format!("copy it to {own} and run that one, or add --force")))
        }
        _ => Ok(program),
    }
}

fn unfit(program: &Path, user: bool) -> Option<&'static str> {
    let below = |names: &[&str]| names.iter().any(|name| program.starts_with(name));
    if program.components().any(|part| part == Component::Normal("target".as_ref())) {
        return Some("is a build's output, which the next build replaces");
    }
    if below(&["/tmp", "/var/tmp", "/run", "/dev/shm"]) {
        return Some("is in a directory for temporary files");
    }
    (!user && below(&["/home", "/root"])).then_some("is in a home directory, which the service cannot see")
}

/// systemd.service(5): a path with blanks is quoted, and a percent sign doubled.
fn quoted(program: &str) -> String {
    let program = program.replace('%', "%%");
    if program.contains([' ', '\'', '"', '\\', '$', ';']) {
        format!("\"{}\"", program.replace('\\', "\\\\").replace('"', "\\\"").replace('$', "$$"))
    } else {
        program
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_that_do_not_stay() {
        let check = |path: &str, system: bool, user: bool| {
            let found = [false, true].map(|user| unfit(Path::new(path), user).is_some());
            assert_eq!(found, [system, user], "{path}");
        };
        check("/usr/local/bin/portagent", false, false);
        check("/srv/portagent/target/release/portagent", true, true);
        check("/tmp/portagent", true, true);
        check("/home/lin/.local/bin/portagent", true, false);
        check("/homes/portagent", false, false);
    }

    #[test]
    fn paths_in_a_unit() {
        assert_eq!(quoted("/usr/bin/portagent"), "/usr/bin/portagent");
        assert_eq!(quoted("/a b/100%$x"), "\"/a b/100%%$$x\"");
    }

    #[test]
    fn the_files_agree_with_each_other() {
        for unit in [SYSTEM, USER] {
            assert_eq!(unit.matches(PACKAGED).count(), 1);
            assert!(unit.contains(" serve --env-file "));
        }
    }
}
