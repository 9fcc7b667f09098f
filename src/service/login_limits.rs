//! Limits on logins: how many may fail or succeed in five minutes, by account and by network.
//!
//! Account and network are parts of a typed key, so that no name can be made to look like another key. A known account
//! is counted under its id, whether its name or its e-mail was typed.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ipnet::IpNet;

use super::throttle::{Throttle, nearest_network, networks};
use crate::domain::id::UserId;
use crate::domain::user::{User, fold_name};
use crate::domain::{Error, Kind, Result, clock};
use crate::store::Store;

const WINDOW: Duration = Duration::from_secs(5 * 60);
/// One network may fail this many times the limit of an account from it, and an account from all networks together this
/// many times: families share an address, and locking another person out must not be cheap.
const NETWORK_FACTOR: u32 = 5;
const ACCOUNT_FACTOR: u32 = 10;
/// Successful logins cost a hash, too: one account may have this many times the limit.
const SUCCESS_FACTOR: u32 = 6;
/// Codes have a million values: an account may have this many times the limit of wrong ones in an hour, from everywhere.
const CODE_WINDOW: Duration = Duration::from_secs(3600);
const CODE_FACTOR: u32 = 2;
/// Networks from which an account logged in, of one account and in all.
const REMEMBERED_PER_ACCOUNT: usize = 16;
const REMEMBERED_ACCOUNTS: usize = 4096;
/// Characters of an unknown name that are kept.
const NAME_CHARS: usize = 256;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Account {
    Known(UserId),
    Unknown(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    /// An account from one network.
    Pair(Account, IpNet),
    Network(IpNet),
    Account(Account),
    Success(Account),
}

pub(super) struct LoginLimits {
    store: Arc<Store>,
    /// Failures of one account from one network; 0 turns all limits off.
    limit: u32,
    counts: Throttle<Key>,
    /// Wrong codes of the second step.
    codes: Throttle<UserId>,
    /// From where accounts logged in since the start, newest last.
    known_networks: Mutex<HashMap<UserId, VecDeque<IpNet>>>,
}

/// Who tries to log in, and from where.
pub(super) struct Attempt {
    /// `None` for a name that cannot be one of an account: it is not counted.
    account: Option<Account>,
    /// For what an administrator unlocked.
    name: String,
    ip: IpAddr,
}

impl Attempt {
    pub(super) fn new(name: &str, known: Option<&User>, ip: IpAddr) -> Self {
        let typed: String = fold_name(name).chars().take(NAME_CHARS).collect();
        let account = match known {
            Some(user) => Some(Account::Known(user.id.clone())),
            None if typed.chars().any(char::is_control) => None,
            None => Some(Account::Unknown(typed.clone())),
        };
        Self { account, name: known.map_or(typed, |user| fold_name(&user.username)), ip }
    }

    /// Under what it waits for its turn at the hash.
    pub(super) fn network(&self) -> IpNet {
        nearest_network(self.ip)
    }

    pub(super) fn user(&self) -> Option<&UserId> {
        match &self.account {
            Some(Account::Known(id)) => Some(id),
            _ => None,
        }
    }
}

impl LoginLimits {
    pub(super) fn new(store: Arc<Store>, limit: u32) -> Self {
        Self {
            store,
            limit,
            counts: Throttle::new(WINDOW),
            codes: Throttle::new(CODE_WINDOW),
            known_networks: Mutex::default(),
        }
    }

    /// Errors: `RateLimited`.
    pub(super) fn check(&self, attempt: &Attempt) -> Result<()> {
        for (network, factor) in networks(attempt.ip) {
            if let Some(account) = &attempt.account {
                self.check_one(attempt, &Key::Pair(account.clone(), network), factor)?;
            }
            self.check_one(attempt, &Key::Network(network), NETWORK_FACTOR * factor)?;
        }
        let Some(account) = &attempt.account else { return Ok(()) };
        self.check_one(attempt, &Key::Success(account.clone()), SUCCESS_FACTOR)?;
        // Past the limit of the account only networks that never logged in are refused: a stranger with many addresses
        // cannot keep its owner out.
        if self.logged_in_before(attempt) {
            return Ok(());
        }
        self.check_one(attempt, &Key::Account(account.clone()), ACCOUNT_FACTOR)
    }

    pub(super) fn count_failure(&self, attempt: &Attempt) {
        for (network, _) in networks(attempt.ip) {
            if let Some(account) = &attempt.account {
                self.counts.count(Key::Pair(account.clone(), network));
            }
            self.counts.count(Key::Network(network));
        }
        if let Some(account) = &attempt.account {
            self.counts.count(Key::Account(account.clone()));
        }
    }

    /// A right password lifts the limits of the account.
    pub(super) fn count_success(&self, attempt: &Attempt) {
        let Some(account) = &attempt.account else { return };
        self.counts.forget(|key| matches!(key, Key::Pair(of, _) | Key::Account(of) if of == account));
        self.counts.count(Key::Success(account.clone()));
        if let Account::Known(id) = account {
            self.remember(id, attempt.network());
        }
    }

    /// A right password that is not enough: it costs a hash like a login, and lifts nothing.
    pub(super) fn count_first_step(&self, attempt: &Attempt) {
        if let Some(account) = &attempt.account {
            self.counts.count(Key::Success(account.clone()));
        }
    }

    /// Errors: `RateLimited`.
    pub(super) fn check_codes(&self, user: &User) -> Result<()> {
        let limit = self.limit.saturating_mul(CODE_FACTOR);
        let Some(wait) = self.codes.wait(&user.id, limit) else { return Ok(()) };
        let since = self.codes.since(&user.id).unwrap_or_default();
        if self.unlocked_within(&fold_name(&user.username), since)? {
            self.codes.forget(|id| *id == user.id);
            return Ok(());
        }
        let message = format!("Too many wrong codes, try again in {} s", wait.as_secs() + 1);
        Err(Error::new(Kind::RateLimited, "rate_limited", message).retry_after(wait))
    }

    pub(super) fn count_wrong_code(&self, user: &User) {
        self.codes.count(user.id.clone());
    }

    fn check_one(&self, attempt: &Attempt, key: &Key, factor: u32) -> Result<()> {
        match self.counts.wait(key, self.limit.saturating_mul(factor)) {
            Some(wait) if !self.was_unlocked(key, &attempt.name)? => {
                let message = format!("Too many failed logins, try again in {} s", wait.as_secs() + 1);
                Err(Error::new(Kind::RateLimited, "rate_limited", message).retry_after(wait))
            }
            _ => Ok(()),
        }
    }

    /// An administrator's `user unlock`, which may come from another process, ends the window in which it falls.
    fn was_unlocked(&self, key: &Key, name: &str) -> Result<bool> {
        let unlocked = self.unlocked_within(name, self.counts.since(key).unwrap_or_default())?;
        if unlocked {
            self.counts.forget(|other| other == key);
        }
        Ok(unlocked)
    }

    fn unlocked_within(&self, name: &str, since: Duration) -> Result<bool> {
        let began = clock::now_ms() - i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
        Ok(self.store.unlocked_at(name)?.is_some_and(|at| at >= began))
    }

    fn logged_in_before(&self, attempt: &Attempt) -> bool {
        let known = self.known_networks.lock().unwrap_or_else(PoisonError::into_inner);
        attempt.user().and_then(|id| known.get(id)).is_some_and(|networks| networks.contains(&attempt.network()))
    }

    fn remember(&self, id: &UserId, network: IpNet) {
        let mut known = self.known_networks.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED_ACCOUNTS && !known.contains_key(id) {
            known.clear();
        }
        let networks = known.entry(id.clone()).or_default();
        networks.retain(|other| *other != network);
        if networks.len() >= REMEMBERED_PER_ACCOUNT {
            networks.pop_front();
        }
        networks.push_back(network);
    }
}
