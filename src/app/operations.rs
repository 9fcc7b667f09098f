//! What administrators can do in the page: the same work that the commands do, inside the server.

use std::path::Path;
use std::sync::{Arc, Mutex};

use super::{backup, doctor};
use crate::config::Config;
use crate::domain::Result;
use crate::ops::archive::{self, Decryption};
use crate::ops::{Meter, Pace, Progress, Stop};
use crate::service::Services;
use crate::service::operations::{BackupFile, Control, Machinery};
use crate::store::Store;

/// `turn`: held by the one who makes a backup.
pub(super) fn equip(config: &Config, services: &Services, store: &Arc<Store>, turn: &Arc<Mutex<()>>) {
    let make = backup::on_demand(config, store.clone(), turn.clone());
    let (for_list, for_check, for_doctor) = (config.clone(), config.clone(), config.clone());
    services.operations.equip(Machinery {
        backups: Box::new(move || Ok(backup::list(&for_list)?.into_iter().filter_map(as_file).collect())),
        make_backup: Box::new(move |control| {
            make(&Stop::when(control.stop.clone()), &mut |at: Progress| (control.tell)(at.step, at.done, at.total))
        }),
        verify_backup: Box::new(move |path, control| verify(&for_check, path, control)),
        examine: Box::new(move || doctor::examine(&for_doctor, None, false)),
        log_file: config.log_file(),
    });
}

fn as_file(listed: backup::Listed) -> Option<BackupFile> {
    let name = listed.path.file_name()?.to_str()?.to_owned();
    let backup::Listed { path, bytes, made_at, is_encrypted, .. } = listed;
    Some(BackupFile { name, path, bytes, made_at, is_encrypted })
}

/// The server has no identity that opens an encrypted one: that one is checked by command.
fn verify(config: &Config, path: &Path, control: &Control<'_>) -> Result<String> {
    let stop = Stop::when(control.stop.clone());
    let mut meter = Meter::new(stop, Pace::Gentle, |at: Progress| (control.tell)(at.step, at.done, at.total));
    let report = archive::verify(path, &Decryption::None, &config.data_dir, &mut meter)?;
    let rows = |table: &str| report.manifest.rows(table);
    let (accounts, conversations, messages) = (rows("users"), rows("images"), rows("messages"));
    let files = report.files;
    Ok(format!("good: {accounts} accounts, {conversations} conversations, {messages} messages, {files} files"))
}
