//! What people do with their own accounts: see where they are logged in, and change their profile and how their page looks.

use super::accounts::{Accounts, RequestSource, too_often};
use super::passwords::Verdict;
use crate::domain::id::LoginId;
use crate::domain::profile::{Choices, Preferences, Profile};
use crate::domain::user::{Caller, Login, User};
use crate::domain::{Error, Kind, Result};
use crate::store::LoginRow;

/// Changes of a profile in an hour: each tells whether an address is one of an account.
const PROFILE_CHANGES_PER_HOUR: u32 = 30;

/// A caller who has just given their password again. Only [`Accounts::confirm`] makes one.
pub struct Confirmed<'a>(&'a Caller);

impl Confirmed<'_> {
    pub fn caller(&self) -> &Caller {
        self.0
    }
}

impl Accounts {
    /// Where the caller is logged in, last used first.
    pub fn sessions(&self, caller: &Caller) -> Result<Vec<LoginRow>> {
        self.store.logins_of(&caller.user.id)
    }

    /// Ends one of the caller's logins: its token is dead from now on, and its sockets close. Errors: `NotFound`.
    pub fn end_session(&self, caller: &Caller, id: &LoginId) -> Result<()> {
        self.store.end_login_of(&caller.user.id, id)?;
        self.hub.close_login(&Login::Ours(id.clone()));
        log::info!(target: "accounts", "ended a login user={}", caller.user.id);
        Ok(())
    }

    /// Ends all of the caller's logins but this one; returns how many of ours there were.
    pub fn end_other_sessions(&self, caller: &Caller) -> Result<u64> {
        let ended = self.store.end_other_logins(&caller.user.id, &caller.login)?;
        self.hub.close_other_logins(&caller.user.id, &caller.login);
        log::info!(target: "accounts", "ended {ended} other logins user={}", caller.user.id);
        Ok(ended)
    }

    /// Errors: `Invalid`; `Conflict` for an address that is taken; `RateLimited`.
    pub fn set_profile(&self, caller: &Caller, profile: Profile) -> Result<User> {
        let profile = profile.checked()?;
        if let Some(wait) = self.profile_changes.wait(&caller.user.id, PROFILE_CHANGES_PER_HOUR) {
            return Err(too_often("Too many changes of the profile", wait));
        }
        self.profile_changes.count(caller.user.id.clone());
        self.store.set_profile(&caller.user.id, profile)
    }

    pub fn preferences(&self, caller: &Caller) -> Result<Preferences> {
        self.store.preferences(&caller.user.id)
    }

    /// Errors: `Invalid`.
    pub fn set_preferences(&self, caller: &Caller, chosen: Choices) -> Result<Preferences> {
        self.store.set_preferences(&caller.user.id, chosen.checked()?)
    }

    /// The caller's password once more, for what a stolen token must not do. Wrong ones count as at the login.
    ///
    /// Errors: `Forbidden` when it is wrong; `RateLimited`; `Unavailable`.
    pub fn confirm<'a>(&self, caller: &'a Caller, password: &str, source: &RequestSource) -> Result<Confirmed<'a>> {
        let attempt = source.attempt_of(&caller.user);
        self.login_limits.check(&attempt)?;
        let known = self.store.credentials_of(&caller.user.id)?;
        if self.guess(&attempt, password, known.as_ref())? == Verdict::Wrong {
            return Err(Error::new(Kind::Forbidden, "wrong_password", "The current password is wrong"));
        }
        Ok(Confirmed(caller))
    }
}
