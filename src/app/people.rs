//! What a command does with somebody's data, beside a running server or without one.

use std::path::{Path, PathBuf};

use crate::domain::Result;
use crate::domain::user::User;
use crate::ops::people;
pub use crate::ops::people::{DAYS_MOST, Exported, Files, Forgotten};
use crate::service::Services;
pub use crate::store::Belongings;

/// Counts all that is here of somebody.
pub fn belongings(services: &Services, user: &User) -> Result<(Belongings, Files)> {
    let files = people::count(services.store().directory(), &user.container_id);
    Ok((services.store().belongings(user)?, files))
}

/// Writes all that is here of somebody into a file; without a name for it, into one beside the data directory's others.
///
/// Errors: `Conflict` where the file exists; `Unavailable` when it cannot be written.
pub fn export(services: &Services, user: &User, target: Option<&Path>) -> Result<Exported> {
    let target = target.map_or_else(|| default_name(user), Path::to_owned);
    people::export(services.store(), user, &target)
}

/// Here, named after the person as far as a file can be.
fn default_name(user: &User) -> PathBuf {
    let name: String = user.username.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).take(40).collect();
    PathBuf::from(format!("portagent-export-{name}.tar.gz"))
}

/// After how many days a conversation without activity is deleted; `None`: never.
pub fn keep_days(services: &Services) -> Result<Option<u32>> {
    people::keep_days(services.store())
}

pub fn set_keep_days(services: &Services, days: Option<u32>) -> Result<()> {
    people::set_keep_days(services.store(), days)
}

pub fn would_forget(services: &Services, days: u32) -> Result<Forgotten> {
    people::would_forget(services.store(), days)
}

pub fn forget(services: &Services, days: u32) -> Result<Forgotten> {
    people::forget(services, days, &|| true)
}
