//! Backups, by command and automatic.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};

use crate::config::Config;
use crate::domain::secret::Secret;
use crate::domain::{Code, Error, Kind, Result, clock};
use crate::ops::backup::{self, Options};
use crate::ops::stand_in::is_read_only;
use crate::ops::{self, archive};
use crate::ops::{Job, Meter, Pace, Stop, When, become_owner_but_for};
use crate::service::clock_guard;
use crate::service::{BACKUP_JOB, BackupPlan, Services};
use crate::store::{Store, inspect};

pub use crate::ops::Progress;
pub use crate::ops::archive::{Decryption, Encryption, Report};
pub use crate::ops::backup::{Listed, Made};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A backup, and what was removed because it was too old.
pub struct Done {
    pub made: Made,
    pub removed: Vec<PathBuf>,
}

/// Makes a backup now; without a directory, where the scheduled ones are, which then counts like one of them. Without an
/// encryption of its own it is encrypted as they are.
///
/// Errors: those of the backup; `Conflict` when a signal cuts it off.
pub fn make(
    config: &Config,
    into: Option<&Path>,
    encryption: Option<Encryption>,
    tell: &mut dyn FnMut(Progress),
) -> Result<Done> {
    let mut options = options(config, into);
    become_owner_but_for(&config.data_dir, &options.into)?;
    options.encryption = encryption.unwrap_or(options.encryption);
    let mut meter = meter_for_command(tell)?;
    let made = backup::make(&options, &mut meter).map_err(|error| match error.code.as_str() {
        "no_data" => error.hint(super::data::where_data_is(&config.data_dir)),
        _ => error,
    })?;
    let removed = match into {
        None if note(config, &made) => {
            backup::remove_old(&config.backup.directory, &made, config.backup.retention_days, clock::now_ms())
        }
        None => Vec::new(),
        Some(_) => Vec::new(),
    };
    Ok(Done { made, removed })
}

/// The backups where scheduled ones are put, newest first.
pub fn list(config: &Config) -> Result<Vec<Listed>> {
    backup::list(&config.backup.directory)
}

/// Checks an archive: a file, or `latest`.
///
/// Errors: `Unavailable` for one that is not good; `NotFound`.
pub fn verify(
    config: &Config,
    which: &str,
    decryption: &Decryption,
    tell: &mut dyn FnMut(Progress),
) -> Result<(PathBuf, Report)> {
    let archive = find(config, which)?;
    let mut meter = meter_for_command(tell)?;
    let report = match archive::verify(&archive, decryption, scratch_for(config, &archive), &mut meter) {
        // An archive on a disk that cannot be written, or in another owner's directory.
        Err(error) if error.code == Code::CANNOT_WRITE => {
            archive::verify(&archive, decryption, &std::env::temp_dir(), &mut meter)?
        }
        other => other?,
    };
    Ok((archive, report))
}

/// Where what is taken out to be looked at lies: beside the archive; of an encrypted one, where the data is anyway.
fn scratch_for<'a>(config: &'a Config, archive: &'a Path) -> &'a Path {
    if archive::is_encrypted(archive) {
        return &config.data_dir;
    }
    archive.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A file by its path or, where that is none, by its name among the backups; or the newest of them.
pub fn find(config: &Config, which: &str) -> Result<PathBuf> {
    if which == "latest" {
        let newest = backup::latest(&config.backup.directory)?.map(|newest| newest.path);
        return newest.ok_or_else(|| {
            let directory = config.backup.directory.display();
            Error::new(Kind::NotFound, "no_backup", format!("there is no backup in {directory}"))
                .hint("`portagent backup` makes one; --data-dir and BACKUP_DIR say where to look")
        });
    }
    let path = PathBuf::from(which);
    let among_backups = config.backup.directory.join(&path);
    Ok(if !path.exists() && among_backups.is_file() { among_backups } else { path })
}

/// The automatic one, on a thread of low priority. It waits while an administrator's holds `turn`.
pub(super) fn job(config: &Config, store: Arc<Store>, turn: Arc<Mutex<()>>) -> Job {
    let when = match config.backup.schedule.as_slice() {
        [] => When::Never,
        minutes => When::Daily(minutes.to_vec()),
    };
    let (options, days) = (options(config, None), config.backup.retention_days);
    let may_remove = move || clock_guard::is_confirmed(&store).unwrap_or(false);
    let run = move |stop: &Stop| {
        let _alone = turn.lock().unwrap_or_else(PoisonError::into_inner);
        backup::scheduled(&options, days, stop, &may_remove, &mut |_| {}).map(|made| made.sentence())
    };
    Job { name: BACKUP_JOB, when, run: Box::new(run) }
}

/// One that an administrator asks for in the page: like an automatic one, and recorded like it.
///
/// Errors: those of the backup; `Conflict` while an automatic one runs.
pub(super) fn on_demand(
    config: &Config,
    store: Arc<Store>,
    turn: Arc<Mutex<()>>,
) -> impl Fn(&Stop, &mut (dyn FnMut(Progress) + Send)) -> Result<(String, String)> + use<> {
    let (options, days) = (options(config, None), config.backup.retention_days);
    move |stop, tell| {
        let Ok(_alone) = turn.try_lock() else {
            return Err(Error::conflict("operation_running", "The automatic backup is being made"));
        };
        let may_remove = || clock_guard::is_confirmed(&store).unwrap_or(false);
        let mut name = String::new();
        let sentence = ops::recorded(&store, BACKUP_JOB, || {
            let made = backup::scheduled(&options, days, stop, &may_remove, tell)?;
            name = made.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            Ok(made.sentence())
        })?;
        Ok((name, sentence))
    }
}

/// Lets the health check know what to expect.
///
/// Errors: `Invalid` for bad recipients: better found at the start than at two in the night.
pub(super) fn watch(config: &Config, services: &Arc<Services>) -> Result<()> {
    encryption(config).check().map_err(|error| config.reject("BACKUP_RECIPIENT", &error.message))?;
    let directory = config.backup.directory.clone();
    services.health.expect_backups(BackupPlan {
        period: period(config),
        newest: Box::new(move || backup::latest(&directory).ok()?.map(|newest| newest.made_at)),
    });
    Ok(())
}

/// The time between two automatic backups; `None`: there are none.
pub(super) fn period(config: &Config) -> Option<Duration> {
    let slots = u32::try_from(config.backup.schedule.len()).unwrap_or(1);
    (slots > 0).then(|| DAY / slots)
}

fn encryption(config: &Config) -> Encryption {
    match config.backup.recipients.as_slice() {
        [] => Encryption::None,
        recipients => Encryption::Recipients(recipients.to_vec()),
    }
}

fn options(config: &Config, into: Option<&Path>) -> Options {
    Options {
        data_dir: config.data_dir.clone(),
        into: into.unwrap_or(&config.backup.directory).to_owned(),
        key: config.jwt_secret.clone(),
        settings: Secret::new(config.as_env_file()),
        encryption: encryption(config),
    }
}

fn meter_for_command<'a>(tell: &'a mut dyn FnMut(Progress)) -> Result<Meter<'a>> {
    let stop = Stop::default();
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, stop.flag()).map_err(Error::internal)?;
    }
    Ok(Meter::new(stop, Pace::Full, tell))
}

/// Returns whether older ones may be removed by their age. Into `jobs`, where the server keeps its own runs. A data directory of another schema is left as it is: a backup
/// before an upgrade must not upgrade.
fn note(config: &Config, made: &Made) -> bool {
    let databases = &made.report.manifest.databases;
    let is_current = databases.iter().all(|one| inspect::newest_schema(&one.file) == Some(one.schema));
    if !is_current || is_read_only(&config.data_dir) {
        return true;
    }
    let noted = super::open_store(config).and_then(|store| {
        let may_remove = clock_guard::may_delete_by_age(&store, clock::now_ms())?;
        store.job_ended(BACKUP_JOB, Ok(&made.sentence()))?;
        Ok(may_remove)
    });
    noted.unwrap_or_else(|error| {
        log::warn!(target: "backup", "the backup was not noted in the database: {}", error.with_cause());
        false
    })
}
