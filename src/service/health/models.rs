//! Whether a model that is configured by name is about to retire, or has.

use crate::domain::finding::Finding;
use crate::service::models::Registry;

const NAME: &str = "models";

pub(super) fn check(models: &Registry, now: i64) -> Finding {
    let retirements = models.retirements().unwrap_or_default();
    let soon: Vec<String> = retirements.iter().filter_map(|one| one.notice(now)).collect();
    if soon.is_empty() {
        return Finding::pass(NAME, "no configured model retires within 30 days");
    }
    Finding::warn(NAME, soon.join("; ")).hint("set another default model")
}
