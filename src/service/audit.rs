//! The trace of what administrators do: one line in the log for each change, `audit action=… by=… on=…`.

use std::fmt::Display;

use crate::domain::user::Actor;

/// `on` names what was changed, never a secret.
pub fn record(action: &'static str, by: Actor<'_>, on: impl Display) {
    log::info!(target: "audit", "action={action} by={by} on={on}");
}
