//! Accounts: who may come in, who is there, and whose token is good.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ipnet::IpNet;

use super::daily_code;
use super::login_limits::{Attempt, LoginLimits};
use super::passwords::{Passwords, Verdict};
use super::setup_code;
use super::throttle::{Throttle, nearest_network, networks};
use super::tickets::{self, Tickets};
use super::token::Tokens;
use crate::domain::id::{UserId, random_bytes};
use crate::domain::secret::Secret;
use crate::domain::user::{Caller, NewUser, User, check_guessable, check_password};
use crate::domain::{Code, Error, Kind, Result};
use crate::hub::{CloseReason, Hub};
use crate::store::{Admission, Credentials, Store};
use crate::telemetry::metrics::catalog;

const HOUR: Duration = Duration::from_secs(3600);
/// A failed login is answered no earlier, whatever was wrong with it: the time reveals nothing.
const FAILURE_TAKES: Duration = Duration::from_millis(250);

#[derive(Debug, Clone)]
pub struct AccountOptions {
    pub invite_code_required: bool,
    /// Accepts the code of Portagent 1.9, which is the same for all people all day.
    pub invite_code_daily: bool,
    /// 0 turns a limit off.
    pub login_failures_per_5min: u32,
    pub registrations_per_hour: u32,
    pub messages_per_minute: u32,
    pub sockets_per_user: u32,
    /// Hosts that agents may fetch although they are not public; `None`: they fetch nothing.
    pub fetch_hosts: Option<Vec<String>>,
}

/// Where a request comes from.
#[derive(Debug, Clone)]
pub struct RequestSource {
    pub ip: IpAddr,
    /// From this very machine: a loopback peer, and no proxy in between.
    pub is_local: bool,
    /// In words, as far as the client says.
    pub device: Option<String>,
}

impl RequestSource {
    pub(super) fn attempt_of(&self, user: &User) -> Attempt {
        Attempt::new(&user.username, Some(user), self.ip)
    }
}

pub struct Registration {
    pub user: NewUser,
    /// An invite code or, while there is no account, the setup code.
    pub invite_code: Option<String>,
}

pub struct LoggedIn {
    pub token: String,
    pub user: User,
}

/// How far a right password brings.
pub enum FirstStep {
    LoggedIn(LoggedIn),
    /// A code is owed: the ticket to give with it, and how long that is good.
    Ticket(String, Duration),
}

pub struct AuthConfig {
    pub invite_code_required: bool,
    /// There is no account yet: the next one becomes the administrator.
    pub setup_required: bool,
}

pub struct Accounts {
    pub(super) store: Arc<Store>,
    pub(super) hub: Arc<Hub>,
    passwords: Arc<Passwords>,
    options: AccountOptions,
    tokens: Tokens,
    setup_code: Secret,
    pub(super) login_limits: LoginLimits,
    registrations: Throttle<IpNet>,
    pub(super) profile_changes: Throttle<UserId>,
    pub(super) tickets: Tickets,
    /// Held while a code is checked and counted.
    pub(super) code_turn: Mutex<()>,
}

impl Accounts {
    pub(super) fn new(
        store: Arc<Store>,
        hub: Arc<Hub>,
        passwords: Arc<Passwords>,
        key: Secret,
        options: AccountOptions,
    ) -> Self {
        Self {
            login_limits: LoginLimits::new(store.clone(), options.login_failures_per_5min),
            store,
            hub,
            passwords,
            options,
            tokens: Tokens::new(key),
            setup_code: Secret::new(readable_code()),
            registrations: Throttle::new(HOUR),
            profile_changes: Throttle::new(HOUR),
            tickets: Tickets::default(),
            code_turn: Mutex::default(),
        }
    }

    pub fn config(&self) -> Result<AuthConfig> {
        Ok(AuthConfig {
            invite_code_required: self.options.invite_code_required,
            setup_required: !self.store.has_users()?,
        })
    }

    /// The code with which the first administrator registers, while there is none; kept for `portagent setup-code`.
    pub fn publish_setup_code(&self) -> Result<Option<&Secret>> {
        let code = if self.store.has_users()? { None } else { Some(&self.setup_code) };
        setup_code::keep(&self.store, code)?;
        Ok(code)
    }

    /// Makes an account and logs it in. The first is the administrator.
    ///
    /// Errors: `Invalid` input; `Forbidden` without a good code where one is needed; `Conflict` for a name or address
    /// that is taken; `RateLimited`; `Unavailable`.
    pub fn register(&self, registration: Registration, source: &RequestSource) -> Result<LoggedIn> {
        let new = registration.user.checked()?;
        self.count_registration(source.ip)?;
        let code = registration.invite_code.as_deref();
        let admission = self.admission(code, source)?;
        let hash = self.passwords.hash(&new.password, Some(nearest_network(source.ip)))?;
        let user = match self.store.add_user(new.clone(), hash.clone(), admission) {
            // Another registration became the first meanwhile: then this is an ordinary one.
            Err(error) if error.code == Code::NOT_THE_FIRST => {
                self.store.add_user(new, hash, self.admission(code, source)?)?
            }
            added => added?,
        };
        catalog::REGISTRATIONS.inc();
        log::info!(target: "accounts", "registered user={} role={}", user.id, user.role.as_str());
        self.begin(user, source)
    }

    /// The password, which is all of the login unless the account has a second step.
    ///
    /// Errors: `Unauthenticated`, the same for unknown, wrong and disabled; `RateLimited`; `Unavailable`.
    pub fn login(&self, name_or_email: &str, password: &str, source: &RequestSource) -> Result<FirstStep> {
        let outcome = self.login_uncounted(name_or_email, password, source);
        catalog::LOGINS.inc(match &outcome {
            Ok(FirstStep::LoggedIn(_)) => "ok",
            Ok(FirstStep::Ticket(..)) => "first_step",
            Err(error) if error.kind == Kind::Unauthenticated => "refused",
            Err(error) if error.kind == Kind::RateLimited => "limited",
            Err(_) => "failed",
        });
        outcome
    }

    fn login_uncounted(&self, name_or_email: &str, password: &str, source: &RequestSource) -> Result<FirstStep> {
        let started = Instant::now();
        let known = self.store.credentials(name_or_email)?;
        let attempt = Attempt::new(name_or_email, known.as_ref().map(|known| &known.user), source.ip);
        self.login_limits.check(&attempt)?;
        let (verdict, known) = match (self.guess(&attempt, password, known.as_ref())?, known) {
            (verdict @ (Verdict::Right | Verdict::RightButOld), Some(known)) => (verdict, known),
            _ => {
                log::info!(target: "accounts", "a login was refused ip={}", source.ip);
                std::thread::sleep(FAILURE_TAKES.saturating_sub(started.elapsed()));
                return Err(bad_credentials());
            }
        };
        let mut hashes = vec![known.password_hash.clone()];
        if verdict == Verdict::RightButOld {
            let fresh = self.passwords.hash(password, Some(attempt.network()))?;
            hashes.push(fresh.clone());
            self.store.rehash(&known.user.id, known.password_hash, fresh);
        }
        if self.store.has_second_step(&known.user.id)? {
            self.login_limits.count_first_step(&attempt);
            return Ok(FirstStep::Ticket(self.tickets.issue(known.user.id, hashes), tickets::LIFETIME));
        }
        self.login_limits.count_success(&attempt);
        self.begin(known.user, source).map(FirstStep::LoggedIn)
    }

    /// Who holds a token, as things stand now. Errors: `Unauthenticated`.
    pub fn authenticate(&self, token: &str) -> Result<Caller> {
        let (user, login) = self.tokens.read(token)?;
        self.store.caller_in_use(&user, &login)
    }

    /// Whether a caller of a moment ago still is one, with what has changed since. Errors: `Unauthenticated`.
    pub fn still_valid(&self, caller: &Caller) -> Result<Caller> {
        self.store.caller_in_use(&caller.user.id, &caller.login)
    }

    /// Ends the caller's login: its token is dead from now on, and its sockets close.
    pub fn logout(&self, caller: &Caller) -> Result<()> {
        self.store.end_login(&caller.login)?;
        self.hub.close_login(&caller.login);
        Ok(())
    }

    /// Changes the caller's password; every token dies, and the caller gets a fresh one.
    ///
    /// Errors: `Forbidden` when the current one is wrong; `Invalid`; `RateLimited`; `Unavailable`.
    pub fn change_password(
        &self,
        caller: &Caller,
        current: &str,
        new: &str,
        source: &RequestSource,
    ) -> Result<LoggedIn> {
        check_password(new)?;
        check_guessable(new, &caller.user.username, caller.user.email.as_deref())?;
        self.confirm(caller, current, source)?;
        let hash = self.passwords.hash(new, Some(nearest_network(source.ip)))?;
        self.store.set_password(&caller.user.id, hash)?;
        self.hub.close_user(&caller.user.id, CloseReason::LoggedOut);
        log::info!(target: "accounts", "password changed user={}", caller.user.id);
        self.begin(caller.user.clone(), source)
    }

    pub(super) fn begin(&self, user: User, source: &RequestSource) -> Result<LoggedIn> {
        let login = self.store.begin_login(&user.id, source.device.as_deref())?;
        Ok(LoggedIn { token: self.tokens.issue(&user.id, &login)?, user })
    }

    /// Compares, and counts a failure before the next comparison: concurrent guesses are counted one after the other.
    pub(super) fn guess(&self, attempt: &Attempt, password: &str, known: Option<&Credentials>) -> Result<Verdict> {
        let turn = self.passwords.enter(Some(attempt.network()), attempt.user())?;
        self.login_limits.check(attempt)?;
        let verdict = turn.verify(password, known.map(|known| known.password_hash.as_str()))?;
        if verdict != Verdict::Wrong && known.is_some_and(|known| known.user.is_active) {
            return Ok(verdict);
        }
        self.login_limits.count_failure(attempt);
        Ok(Verdict::Wrong)
    }

    /// Errors: `RateLimited`.
    fn count_registration(&self, ip: IpAddr) -> Result<()> {
        for (network, factor) in networks(ip) {
            let limit = self.options.registrations_per_hour.saturating_mul(factor);
            if let Some(wait) = self.registrations.wait(&network, limit) {
                return Err(too_often("Too many registrations from this address", wait));
            }
        }
        networks(ip).for_each(|(network, _)| self.registrations.count(network));
        Ok(())
    }

    fn admission(&self, code: Option<&str>, source: &RequestSource) -> Result<Admission> {
        let code = code.map(str::trim).filter(|code| !code.is_empty());
        if !self.store.has_users()? {
            if source.is_local || code.is_some_and(|code| same(code, self.setup_code.expose())) {
                return Ok(Admission::First);
            }
            return Err(match code {
                None => Error::new(Kind::Forbidden, "setup_code_required", "The first account needs the setup code")
                    .hint("`portagent setup-code`, run on the server, shows it"),
                Some(_) => bad_code(),
            });
        }
        match code {
            Some(code) if self.options.invite_code_daily && code == daily_code::today() => Ok(Admission::Open),
            Some(code) if self.options.invite_code_required => Ok(Admission::Invite(code.to_owned())),
            None if self.options.invite_code_required => Err(bad_code()),
            _ => Ok(Admission::Open),
        }
    }
}

/// Ten characters that are not confused when read aloud: 50 bits.
pub(super) fn readable_code() -> String {
    const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz023456789";
    random_bytes::<10>().iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect()
}

fn same(given: &str, secret: &str) -> bool {
    use sha2::{Digest, Sha256};
    // Digests compare in a time that says nothing about the secret.
    Sha256::digest(given.to_lowercase()) == Sha256::digest(secret)
}

fn bad_credentials() -> Error {
    Error::new(Kind::Unauthenticated, "invalid_credentials", "Invalid credentials")
}

fn bad_code() -> Error {
    Error::new(Kind::Forbidden, "invalid_invite_code", "Invalid invite code")
}

pub(super) fn too_often(message: &'static str, wait: Duration) -> Error {
    Error::new(Kind::RateLimited, "rate_limited", format!("{message}, try again in {} s", wait.as_secs() + 1))
        .retry_after(wait)
}
