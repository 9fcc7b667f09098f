//! What administrators do with accounts: in the page, or from the command line on a running server's data directory or a
//! stopped one's. Every change leaves an audit line.

use std::sync::Arc;

use super::audit::record;
use super::own_account::Confirmed;
use super::passwords::Passwords;
use super::turn::Turns;
use crate::domain::user::{Actor, Caller, NewUser, Role, User, check_guessable, check_password, fold_name};
use crate::domain::{Result, id::UserId};
use crate::hub::{CloseReason, Hub};
use crate::mcp::Servers;
use crate::store::{Admission, Belongings, DeletedCounts, Store, UserPage};
use crate::workdirs::Usage;

pub struct Administration {
    store: Arc<Store>,
    passwords: Arc<Passwords>,
    /// `None` beside a server: it finds out from the database within two seconds, and ends what no longer may be.
    live: Option<Live>,
}

/// What a server holds of people while it runs.
pub(super) struct Live {
    pub(super) hub: Arc<Hub>,
    pub(super) servers: Arc<Servers>,
    pub(super) turns: Arc<Turns>,
}

impl Administration {
    /// For a command.
    pub fn offline(store: Arc<Store>) -> Self {
        Self { store, passwords: Arc::default(), live: None }
    }

    pub(super) fn serving(store: Arc<Store>, passwords: Arc<Passwords>, live: Live) -> Self {
        Self { store, passwords, live: Some(live) }
    }

    pub fn list(&self, _by: Actor<'_>) -> Result<Vec<User>> {
        self.store.users()
    }

    /// Accounts by age, a page of them. Errors: `Invalid` for a cursor that is none.
    pub fn page(&self, _by: Actor<'_>, page: &UserPage) -> Result<(Vec<User>, Option<String>)> {
        self.store.users_page(page)
    }

    /// Errors: `NotFound`.
    pub fn by_id(&self, _by: Actor<'_>, id: &str) -> Result<User> {
        self.store.user(&UserId::from_outside(id))
    }

    /// Counts all data of one person.
    pub fn belongings(&self, _by: Actor<'_>, user: &User) -> Result<(Belongings, Usage)> {
        Ok((self.store.belongings(user)?, self.store.workdirs().usage(&user.container_id)))
    }

    /// By username, e-mail or userId. Errors: `NotFound`.
    pub fn find(&self, _by: Actor<'_>, who: &str) -> Result<User> {
        self.store.find_user(who)
    }

    /// Creates an account; the very first is an administrator in any case.
    ///
    /// Errors: `Invalid`, `Conflict`.
    pub fn add(&self, by: Actor<'_>, new: NewUser, role: Role) -> Result<User> {
        let new = new.checked()?;
        let hash = self.passwords.hash(&new.password, None)?;
        let user = self.store.add_user(new, hash, Admission::Granted(role))?;
        record("user.add", by, on(&user));
        Ok(user)
    }

    /// Ends every login of theirs, too. Errors: `Invalid`, `NotFound`.
    pub fn set_password(&self, by: Actor<'_>, user: &User, password: &str) -> Result<()> {
        check_password(password)?;
        check_guessable(password, &user.username, user.email.as_deref())?;
        let hash = self.passwords.hash(password, None)?;
        self.store.set_password(&user.id, hash)?;
        self.close_sockets(&user.id, CloseReason::LoggedOut);
        record("user.password", by, on(user));
        Ok(())
    }

    /// Disables or enables: tokens die and sockets close. Errors: `Conflict` for the last active administrator.
    pub fn set_active(&self, by: Actor<'_>, user: &User, active: bool) -> Result<User> {
        let user = self.store.set_active(&user.id, active)?;
        if !active {
            self.close_sockets(&user.id, CloseReason::AccountDisabled);
        }
        record(if active { "user.enable" } else { "user.disable" }, by, on(&user));
        Ok(user)
    }

    /// Errors: `Conflict` when no active administrator would be left.
    pub fn set_role(&self, by: Actor<'_>, user: &User, role: Role) -> Result<User> {
        let user = self.store.set_role(&user.id, role)?;
        record(if role == Role::Admin { "user.promote" } else { "user.demote" }, by, on(&user));
        Ok(user)
    }

    /// Deletes an account with all its conversations and files. Errors: `Conflict` for the last active administrator.
    pub fn delete(&self, by: Actor<'_>, user: &User) -> Result<DeletedCounts> {
        // The account first: what is interrupted between the two leaves a container without an owner, which no login
        // can reach, rather than an owner who has lost everything.
        self.store.delete_user(&user.id)?;
        record("user.delete", by, on(user));
        self.delete_belongings(user)
    }

    /// What goes with the caller's own account. Errors: `Conflict` for the last active administrator.
    pub fn own_belongings(&self, caller: &Caller) -> Result<(Belongings, Usage)> {
        self.store.check_may_leave(&caller.user.id)?;
        Ok((self.store.belongings(&caller.user)?, self.store.workdirs().usage(&caller.user.container_id)))
    }

    /// Deletes the caller's own account, likewise. Errors: `Conflict` for the last active administrator.
    pub fn delete_own(&self, confirmed: &Confirmed<'_>) -> Result<DeletedCounts> {
        let user = &confirmed.caller().user;
        self.store.delete_user(&user.id)?;
        log::info!(target: "audit", "action=user.delete by=user:{0} on=user:{0}", user.id);
        self.delete_belongings(user)
    }

    fn delete_belongings(&self, user: &User) -> Result<DeletedCounts> {
        self.close_sockets(&user.id, CloseReason::AccountDisabled);
        if let Some(live) = &self.live {
            live.turns.abandon_owner(&user.container_id);
        }
        let counts = self.store.delete_container(&user.container_id)?;
        if let Some(live) = &self.live {
            live.servers.close_owner(&user.container_id);
        }
        self.store.workdirs().remove_container(&user.container_id)?;
        Ok(counts)
    }

    /// Turns off the second step of log-ins, for people who lost their codes. False when it was not on.
    pub fn reset_second_step(&self, by: Actor<'_>, user: &User) -> Result<bool> {
        let was_on = self.store.turn_off_second_step(&user.id)?;
        record("user.2fa_reset", by, on(user));
        Ok(was_on)
    }

    /// Ends every login; returns how many there were.
    pub fn logout(&self, by: Actor<'_>, user: &User) -> Result<u64> {
        let ended = self.store.end_logins(&user.id)?;
        self.close_sockets(&user.id, CloseReason::LoggedOut);
        record("user.logout", by, on(user));
        Ok(ended)
    }

    /// Lifts the limit on failed logins of one account, or of all.
    pub fn unlock(&self, by: Actor<'_>, who: Option<&str>) -> Result<u64> {
        let Some(who) = who else {
            self.store.unlock("*")?;
            record("user.unlock", by, "all");
            return Ok(self.store.users().map_or(0, |users| users.len() as u64));
        };
        let user = self.store.find_user(who)?;
        self.store.unlock(&fold_name(&user.username))?;
        if let Some(email) = &user.email {
            self.store.unlock(&fold_name(email))?;
        }
        record("user.unlock", by, on(&user));
        Ok(1)
    }

    fn close_sockets(&self, user: &UserId, reason: CloseReason) {
        if let Some(live) = &self.live {
            live.hub.close_user(user, reason);
        }
    }
}

fn on(user: &User) -> String {
    format!("user:{}", user.id)
}
