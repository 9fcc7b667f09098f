//! Which model answers a turn.

use super::Turns;
use super::active::Active;
use crate::domain::Result;
use crate::domain::user::Role;
use crate::service::models::Choice;

impl Turns {
    /// Errors: those of [`Registry::choose`](crate::service::models::Registry::choose).
    pub(super) fn choose(&self, active: &Active) -> Result<Choice> {
        let conversation = &active.conversation;
        let is_admin = self.store.container_is_administrators(&conversation.container_id)?;
        self.models.choose(conversation.model.as_deref(), if is_admin { Role::Admin } else { Role::User })
    }
}
