//! Two-step log-in: setting it up, the code at the log-in and before what cannot be undone, and turning it off.

use std::sync::PoisonError;

use super::accounts::{Accounts, LoggedIn, RequestSource};
use super::login_limits::Attempt;
use super::own_account::Confirmed;
use super::totp::{self, Typed};
use crate::domain::user::{Caller, User};
use crate::domain::{Error, Kind, Result, clock};
use crate::telemetry::{metrics::catalog, timestamp};

/// What an app needs to make codes.
pub struct SetUp {
    pub secret: String,
    pub uri: String,
    /// The same as an SVG picture.
    pub qr: String,
}

pub struct StepStatus {
    pub is_on: bool,
    pub recovery_codes_left: u64,
}

impl Accounts {
    pub fn second_step(&self, caller: &Caller) -> Result<StepStatus> {
        let user = &caller.user.id;
        Ok(StepStatus {
            is_on: self.store.has_second_step(user)?,
            recovery_codes_left: self.store.count_recovery_codes(user)?,
        })
    }

    /// A fresh secret, which counts when a code of it was given. Errors: `Conflict` when the second step is on.
    pub fn prepare_second_step(&self, confirmed: &Confirmed<'_>) -> Result<SetUp> {
        let user = &confirmed.caller().user;
        let secret = totp::new_secret();
        self.store.prepare_second_step(&user.id, secret.clone())?;
        let uri = totp::uri(&secret, &user.username);
        let qr = totp::qr(&uri)?;
        Ok(SetUp { secret: secret.expose().to_owned(), uri: uri.expose().to_owned(), qr })
    }

    /// Turns it on with the first code of the app; returns the recovery codes, this once.
    ///
    /// Errors: `Conflict` when nothing was prepared; `Forbidden` for a wrong code; `RateLimited`.
    pub fn turn_on_second_step(&self, caller: &Caller, code: &str, source: &RequestSource) -> Result<Vec<String>> {
        let user = &caller.user;
        let attempt = source.attempt_of(user);
        let _one_by_one = self.code_turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.check_tries(user, &attempt)?;
        let nothing = || Error::conflict("second_step_not_prepared", "Set up two-step log-in first");
        let secret = self.store.step_secret(&user.id, false)?.ok_or_else(nothing)?;
        let step = match totp::typed(code) {
            Typed::App(code) => totp::step_of(&secret, &code, clock::now_ms())?,
            _ => None,
        };
        let Some(step) = step else { return Err(self.wrong_code(user, &attempt)) };
        let codes = totp::recovery_codes();
        if !self.store.turn_on_second_step(&user.id, secret, step, totp::digests(&codes))? {
            return Err(nothing());
        }
        log::info!(target: "accounts", "two-step log-in turned on user={}", user.id);
        Ok(codes)
    }

    /// Errors: `Forbidden` without a good code; `RateLimited`.
    pub fn turn_off_second_step(&self, confirmed: &Confirmed<'_>, code: &str, source: &RequestSource) -> Result<()> {
        let user = &confirmed.caller().user;
        self.confirm_code(confirmed.caller(), Some(code), source)?;
        self.store.turn_off_second_step(&user.id)?;
        log::info!(target: "accounts", "two-step log-in turned off user={}", user.id);
        Ok(())
    }

    /// A code, from people whose second step is on, before what cannot be undone.
    ///
    /// Errors: `Forbidden` without a good one; `RateLimited`.
    pub fn confirm_code(&self, caller: &Caller, code: Option<&str>, source: &RequestSource) -> Result<()> {
        if !self.store.has_second_step(&caller.user.id)? {
            return Ok(());
        }
        let needed = || Error::new(Kind::Forbidden, "code_required", "A code of the second step is needed");
        let code = code.filter(|code| !code.trim().is_empty()).ok_or_else(needed)?;
        self.check_code(&caller.user, code, &source.attempt_of(&caller.user))
    }

    /// The second step of a login: the ticket of the first and a code.
    ///
    /// Errors: `Unauthenticated` for a ticket that is not good any more; `Forbidden` for a wrong code; `RateLimited`.
    pub fn login_with_code(&self, ticket: &str, code: &str, source: &RequestSource) -> Result<LoggedIn> {
        let outcome = self.login_with_code_uncounted(ticket, code, source);
        catalog::LOGINS.inc(match &outcome {
            Ok(_) => "ok",
            Err(error) if matches!(error.kind, Kind::Unauthenticated | Kind::Forbidden) => "refused",
            Err(error) if error.kind == Kind::RateLimited => "limited",
            Err(_) => "failed",
        });
        outcome
    }

    fn login_with_code_uncounted(&self, text: &str, code: &str, source: &RequestSource) -> Result<LoggedIn> {
        let over = || Error::new(Kind::Unauthenticated, "ticket_expired", "This log-in took too long, begin again");
        let ticket = self.tickets.look(text).ok_or_else(over)?;
        let known = self.store.credentials_of(&ticket.user)?;
        let known = known.filter(|known| known.user.is_active && ticket.hashes.contains(&known.password_hash));
        let user = known.ok_or_else(over)?.user;
        let attempt = source.attempt_of(&user);
        // It may have been reset meanwhile: then the password is enough.
        if self.store.has_second_step(&user.id)? {
            self.check_code(&user, code, &attempt)?;
        }
        if !self.tickets.take(text) {
            return Err(over());
        }
        self.login_limits.count_success(&attempt);
        self.begin(user, source)
    }

    /// Guesses at the same time are checked, and counted, one after the other.
    fn check_code(&self, user: &User, code: &str, attempt: &Attempt) -> Result<()> {
        let _one_by_one = self.code_turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.check_tries(user, attempt)?;
        let good = match totp::typed(code) {
            Typed::App(code) => self.is_code_of_app(user, &code)?,
            Typed::Recovery(digest) => {
                let good = self.store.use_recovery_code(&user.id, digest)?;
                if good {
                    log::warn!(target: "accounts", "a recovery code was used user={}", user.id);
                }
                good
            }
            Typed::Neither => false,
        };
        if good { Ok(()) } else { Err(self.wrong_code(user, attempt)) }
    }

    fn is_code_of_app(&self, user: &User, code: &str) -> Result<bool> {
        let Some(secret) = self.store.step_secret(&user.id, true)? else { return Ok(false) };
        match totp::step_of(&secret, code, clock::now_ms())? {
            Some(step) => self.store.use_step(&user.id, step),
            None => Ok(false),
        }
    }

    fn check_tries(&self, user: &User, attempt: &Attempt) -> Result<()> {
        self.login_limits.check(attempt)?;
        self.login_limits.check_codes(user)
    }

    fn wrong_code(&self, user: &User, attempt: &Attempt) -> Error {
        self.login_limits.count_failure(attempt);
        self.login_limits.count_wrong_code(user);
        log::info!(target: "accounts", "a wrong code of the second step user={}", user.id);
        let now = timestamp::rfc3339(clock::now_ms());
        Error::new(Kind::Forbidden, "wrong_code", "The code is wrong, or was used already").hint(format!(
            "this server's clock says {now}; when codes keep failing, it or the clock of the phone is off"
        ))
    }
}
