//! Where a service's files are: for the whole system, or for one user.

use std::env;
use std::path::{Path, PathBuf};

use crate::cli::command::{Given, usage};
use crate::domain::Result;

/// The account that the system's service runs as.
pub(super) const ACCOUNT: &str = "portagent";

#[derive(Debug)]
pub(super) struct Layout {
    pub user: bool,
    /// Everything is written below it; `/` for this machine.
    pub root: PathBuf,
    /// As the service sees it, without `root`.
    pub unit: PathBuf,
    pub env_file: PathBuf,
    pub data: PathBuf,
}

impl Layout {
    /// Errors: `Invalid` for a user without a home, and for `--user` below another root.
    pub(super) fn of(given: &Given) -> Result<Self> {
        let root = PathBuf::from(given.option("root").unwrap_or("/"));
        if !given.has("user") {
            return Ok(Self {
                user: false,
                root,
                unit: "/etc/systemd/system/portagent.service".into(),
                env_file: "/etc/portagent/portagent.env".into(),
                data: "/var/lib/portagent".into(),
            });
        }
        let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = set("HOME").ok_or_else(|| usage("HOME is not set", "run this as the user whose service it is"))?;
        let config = set("XDG_CONFIG_HOME").unwrap_or_else(|| home.join(".config"));
        Ok(Self {
            user: true,
            root,
            unit: config.join("systemd/user/portagent.service"),
            env_file: config.join("portagent/portagent.env"),
            data: home.join(".agentx"),
        })
    }

    pub(super) fn on_this_machine(&self) -> bool {
        self.root == Path::new("/")
    }

    /// Where a file of the service is written.
    pub(super) fn inside(&self, path: &Path) -> PathBuf {
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// `systemctl`, as it is typed for this service.
    pub(super) fn systemctl(&self) -> &'static str {
        if self.user { "systemctl --user" } else { "systemctl" }
    }
}
