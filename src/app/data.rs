//! A data directory as commands use it, beside a running server or without one: accounts, invites, people's data.
//! No queue of turns, no timers.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::Config;
use crate::domain::user::{Actor, User};
use crate::domain::{Error, Kind, Result, clock};
use crate::llm::{Provider, Timeouts};
pub use crate::mcp::CallResult;
pub use crate::ops::people::{DAYS_MOST, Exported, Forgotten, Usage};
use crate::ops::stand_in::{StandIn, require_writable};
use crate::ops::{backup, people};
pub use crate::service::models::{Checked, Verdict};
pub use crate::service::models::{Offer, PolicyChange};
use crate::service::models::{Providers, Registry};
use crate::service::transfer::Import;
pub use crate::service::transfer::Report as ImportReport;
use crate::service::{Administration, Invites, UsageBook, audit, clock_guard, setup_code};
pub use crate::service::{ServerStatus, ServerView, Tested, ToolServers};
pub use crate::store::Belongings;
use crate::store::{self, Store};

pub struct DataDirectory {
    pub users: Administration,
    pub invites: Invites,
    pub usage: UsageBook,
    pub providers: Providers,
    pub models: Arc<Registry>,
    pub tool_servers: ToolServers,
    /// The most that a person may store, in bytes.
    storage_per_user: u64,
    store: Arc<Store>,
    /// Where agents' files are, also where copies stand for the databases.
    directory: PathBuf,
    _stand_in: Option<StandIn>,
}

/// Where `service install` and the packages keep the data of the machine's service.
const OF_THE_SERVICE: &str = "/var/lib/portagent";

/// Errors: `NotFound` where there is no database, naming the directory of the installed service.
pub fn require(config: &Config) -> Result<()> {
    let directory = &config.data_dir;
    if store::has_data(directory) {
        return Ok(());
    }
    let error = Error::new(Kind::NotFound, "no_data", format!("there is no data in {}", directory.display()));
    Err(error.hint(where_data_is(directory)))
}

/// The way out where there is nothing in a directory.
pub(super) fn where_data_is(directory: &Path) -> String {
    match Path::new(OF_THE_SERVICE) {
        service if service != directory && service.symlink_metadata().is_ok() => {
            format!("the installed service has its data in {OF_THE_SERVICE}: add -d {OF_THE_SERVICE}")
        }
        _ => "name the data directory with --data-dir or AGENTX_DIR".to_owned(),
    }
}

/// Before a server makes an empty service. Errors: `NotFound` where there are backups, but no data.
pub(super) fn check_not_lost(config: &Config) -> Result<()> {
    let (directory, backups) = (&config.data_dir, &config.backup.directory);
    let count = if store::has_data(directory) { 0 } else { backup::list(backups).map_or(0, |found| found.len()) };
    if count == 0 {
        return Ok(());
    }
    let message = format!(
        "there is no data in {}, but there are backups ({count}) in {}",
        directory.display(),
        backups.display()
    );
    Err(Error::new(Kind::NotFound, "data_missing", message).hint(
        "mount the volume or put the files back; `portagent restore latest` restores the newest backup, \
         `portagent serve --new` begins with an empty service",
    ))
}

impl DataDirectory {
    /// Errors: `Unavailable` on a read-only medium.
    pub fn open(config: &Config) -> Result<Self> {
        require_writable(&config.data_dir)?;
        Self::over(config, config.data_dir.clone(), None)
    }

    /// For what only reads: on a read-only medium, copies stand for the databases.
    pub fn open_to_read(config: &Config) -> Result<Self> {
        let Some(stand_in) = StandIn::of(&config.data_dir)? else { return Self::open(config) };
        let mut over = config.clone();
        over.data_dir = stand_in.path().to_owned();
        Self::over(&over, config.data_dir.clone(), Some(stand_in))
    }

    fn over(config: &Config, directory: PathBuf, stand_in: Option<StandIn>) -> Result<Self> {
        let store = Arc::new(super::open_store(config)?);
        let fixed = Provider::new(super::endpoint(config, None), Timeouts::default());
        let models = Registry::new(store.clone(), fixed);
        Ok(Self {
            users: Administration::offline(store.clone()),
            invites: Invites::new(store.clone()),
            providers: Providers::new(models.clone(), store.clone()),
            models,
            usage: UsageBook::new(store.clone()),
            tool_servers: ToolServers::new(super::mcp_servers(config)),
            storage_per_user: u64::from(config.storage_per_user_mib) << 20,
            store,
            directory,
            _stand_in: stand_in,
        })
    }

    /// The code with which the first administrator registers.
    pub fn setup_code(&self) -> Result<String> {
        setup_code::read(&self.store)
    }

    /// Counts all data of one person.
    pub fn belongings(&self, user: &User) -> Result<(Belongings, Usage)> {
        self.users.belongings(Actor::Operator, user)
    }

    /// Writes all data of one person into a file; without a name for it, into one in the working directory.
    ///
    /// Errors: `Conflict` where the file exists; `Unavailable` when it cannot be written.
    pub fn export(&self, user: &User, target: Option<&Path>) -> Result<Exported> {
        let target = target.map_or_else(|| default_name(user), Path::to_owned);
        let exported = people::export(&self.store, &self.directory, user, &target)?;
        audit::record("user.export", Actor::Operator, format_args!("user:{}", user.id));
        Ok(exported)
    }

    /// Imports conversations for a person, with the limits of the settings.
    ///
    /// Errors: `Invalid` for what is no export. What ends it early stands in the report.
    pub fn import(&self, user: &User, file: File) -> Result<ImportReport> {
        self.store.limit_stored(self.storage_per_user);
        let report = Import::of(self.store.clone(), &user.container_id, file)?.run(&mut |_| Ok(()));
        let ImportReport { imported, already_here, skipped, .. } = &report;
        audit::record(
            "user.import",
            Actor::Operator,
            format_args!("user:{} imported={imported} there={already_here} skipped={skipped}", user.id),
        );
        Ok(report)
    }

    /// After how many days a conversation without activity is deleted; `None`: never.
    pub fn keep_days(&self) -> Result<Option<u32>> {
        people::keep_days(&self.store)
    }

    pub fn set_keep_days(&self, days: Option<u32>) -> Result<()> {
        people::set_keep_days(&self.store, days)?;
        let what = days.map_or_else(|| "off".to_owned(), |days| format!("{days}d"));
        audit::record("retention.set", Actor::Operator, what);
        Ok(())
    }

    pub fn would_forget(&self, days: u32) -> Result<Forgotten> {
        people::would_forget(&self.store, days)
    }

    /// The operator says that the clock is right, however far it is ahead of what was stored.
    pub fn confirm_clock(&self) -> Result<()> {
        clock_guard::confirm(&self.store)?;
        audit::record("clock.confirm", Actor::Operator, "clock");
        Ok(())
    }

    /// Whether the clock is near enough to what was stored to delete by age.
    pub fn may_delete_by_age(&self) -> Result<bool> {
        clock_guard::may_delete_by_age(&self.store, clock::now_ms())
    }

    /// Deletes conversations without activity for that many days. Events in memory are the running server's.
    pub fn forget(&self, days: u32) -> Result<Forgotten> {
        let forgotten = people::forget(&self.store, &|_| {}, days, &|| true)?;
        audit::record("retention.run", Actor::Operator, format_args!("{} conversations", forgotten.conversations));
        Ok(forgotten)
    }
}

/// Here, named after the person as far as a file can be.
fn default_name(user: &User) -> PathBuf {
    let name: String = user.username.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).take(40).collect();
    PathBuf::from(format!("portagent-export-{name}.tar.gz"))
}
