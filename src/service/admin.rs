//! What an operator does with accounts: from the command line, on a running server's data directory or a stopped one's.

use super::accounts::Accounts;
use crate::domain::user::{NewUser, Role, User, check_password, fold_name};
use crate::domain::{Result, id::UserId};
use crate::hub::CloseReason;
use crate::store::{Admission, DeletedCounts};

impl Accounts {
    pub fn admin_list(&self) -> Result<Vec<User>> {
        self.store.users()
    }

    /// By username, e-mail or userId. Errors: `NotFound`.
    pub fn admin_find(&self, who: &str) -> Result<User> {
        self.store.find_user(who)
    }

    /// Makes an account; the very first is an administrator whatever was asked.
    ///
    /// Errors: `Invalid`, `Conflict`.
    pub fn admin_add(&self, new: NewUser, role: Role) -> Result<User> {
        let new = new.checked()?;
        let hash = self.passwords.hash(&new.password)?;
        self.store.add_user(new, hash, Admission::Granted(role))
    }

    /// Ends every login of theirs, too. Errors: `Invalid`, `NotFound`.
    pub fn admin_set_password(&self, user: &User, password: &str) -> Result<()> {
        check_password(password)?;
        self.replace_password(user, password)
    }

    /// Disables or enables: tokens die and sockets close. Errors: `Conflict` for the last active administrator.
    pub fn admin_set_active(&self, user: &User, active: bool) -> Result<User> {
        let user = self.store.set_active(&user.id, active)?;
        if !active {
            self.hub.close_user(&user.id, CloseReason::AccountDisabled);
        }
        Ok(user)
    }

    /// Errors: `Conflict` when the last active administrator would be none any more.
    pub fn admin_set_role(&self, user: &User, role: Role) -> Result<User> {
        self.store.set_role(&user.id, role)
    }

    /// Deletes an account with all its conversations and files. Errors: `Conflict` for the last active administrator.
    pub fn admin_delete(&self, user: &User) -> Result<DeletedCounts> {
        // The account first: what is interrupted between the two leaves a container without an owner, which nobody
        // can reach, rather than an owner who has lost everything.
        self.store.delete_user(&user.id)?;
        self.hub.close_user(&user.id, CloseReason::AccountDisabled);
        let counts = self.store.delete_container(&user.container_id)?;
        self.store.delete_files(&user.container_id)?;
        Ok(counts)
    }

    /// Ends every login; says how many there were.
    pub fn admin_logout(&self, user: &User) -> Result<u64> {
        let ended = self.store.end_logins(&user.id)?;
        self.close_sockets(&user.id);
        Ok(ended)
    }

    /// Lets an account that failed too often try again, or all of them.
    pub fn admin_unlock(&self, who: Option<&str>) -> Result<u64> {
        match who {
            None => self.store.unlock("*").map(|()| self.store.users().map_or(0, |users| users.len() as u64)),
            Some(who) => {
                let user = self.store.find_user(who)?;
                self.store.unlock(&fold_name(&user.username))?;
                if let Some(email) = &user.email {
                    self.store.unlock(&fold_name(email))?;
                }
                Ok(1)
            }
        }
    }

    fn close_sockets(&self, user: &UserId) {
        self.hub.close_user(user, CloseReason::LoggedOut);
    }
}
