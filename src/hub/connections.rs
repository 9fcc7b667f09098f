//! The open connections, so that one can be ended when its login is, or all when the server stops.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::budget::{Budget, Share};
use super::lock;
use super::outbox::Outbox;
use crate::domain::id::UserId;
use crate::domain::limits::{UNSENT_BYTES, UNSENT_BYTES_PER_USER};
use crate::domain::user::Login;
use crate::domain::{Error, Kind, Result};

/// Connections that were ended to make room need a moment to be gone. Past this part of all that there may be, the next of
/// those whose they are is refused.
const LEAVING_PART: usize = 6;
/// By then connections that died without a word have been noticed.
const RETRY_WHEN_FULL: Duration = Duration::from_secs(60);
/// By then a server that was restarted is back.
const RETRY_WHEN_STOPPING: Duration = Duration::from_secs(5);

/// Why the server ends a connection. Code and text are part of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// The peer said goodbye, with this code if it gave one.
    Goodbye(Option<u16>),
    ServerStopping,
    AccountDisabled,
    LoggedOut,
    /// The peer does not read what it is sent; it may reconnect and ask for what it missed.
    TooSlow,
    /// Nothing was heard of the peer.
    Silent,
    /// A newer connection of the same person, or of others with fewer, needs the place.
    TooMany,
    TooBig,
    NotUtf8,
    /// The peer does not keep to RFC 6455.
    Protocol,
    Internal,
}

impl CloseReason {
    /// As RFC 6455 section 7.4.1 has them; `None`: a close frame without a code.
    pub fn code(self) -> Option<u16> {
        Some(match self {
            Self::Goodbye(code) => return code,
            Self::ServerStopping => 1001,
            Self::Protocol => 1002,
            Self::NotUtf8 => 1007,
            Self::AccountDisabled | Self::LoggedOut | Self::TooSlow | Self::Silent => 1008,
            Self::TooBig => 1009,
            Self::Internal => 1011,
            // One of the codes that are free to use (section 7.4.2): a client that came back at once would push out the
            // next, and so on for ever.
            Self::TooMany => 4429,
        })
    }

    pub fn text(self) -> &'static str {
        match self {
            Self::Goodbye(_) => "",
            Self::ServerStopping => "server is stopping",
            Self::AccountDisabled => "account disabled",
            Self::LoggedOut => "logged out",
            Self::TooSlow => "too slow",
            Self::Silent => "silent for too long",
            Self::TooMany => "too many connections",
            Self::TooBig => "message too big",
            Self::NotUtf8 => "text is not UTF-8",
            Self::Protocol => "protocol violation",
            Self::Internal => "internal",
        }
    }
}

pub(super) struct Registry {
    state: Mutex<OpenSockets>,
    emptied: Condvar,
    /// Bytes that wait to be sent on all connections.
    unsent: Arc<Budget>,
}

impl Default for Registry {
    fn default() -> Self {
        Self { state: Mutex::default(), emptied: Condvar::new(), unsent: Budget::of(UNSENT_BYTES) }
    }
}

/// How many connections there may be; 0: no limit.
#[derive(Debug, Clone, Copy, Default)]
pub struct SocketLimits {
    /// Of one person.
    pub per_user: usize,
    /// Of one address.
    pub per_address: usize,
    pub total: usize,
}

#[derive(Default)]
struct OpenSockets {
    open: HashMap<u64, Entry>,
    made: u64,
    stopping: Option<CloseReason>,
    limits: SocketLimits,
}

struct Entry {
    user: UserId,
    login: Login,
    /// `None` where connections of its address are not counted.
    address: Option<IpAddr>,
    outbox: Arc<Outbox>,
    /// It was ended to make room, and is not gone yet.
    is_leaving: bool,
}

/// Keeps a connection registered; dropping it takes it off the list.
pub struct Connected {
    registry: Arc<Registry>,
    number: u64,
}

impl Drop for Connected {
    fn drop(&mut self) {
        let mut state = lock(&self.registry.state);
        state.open.remove(&self.number);
        if state.open.is_empty() {
            self.registry.emptied.notify_all();
        }
    }
}

impl Registry {
    pub(super) fn limit(&self, change: impl FnOnce(&mut SocketLimits)) {
        change(&mut lock(&self.state).limits);
    }

    pub(super) fn connect(
        self: &Arc<Self>,
        user: UserId,
        login: Login,
        address: Option<IpAddr>,
        outbox: Arc<Outbox>,
    ) -> Result<Connected> {
        let mut state = lock(&self.state);
        if state.stopping.is_some() {
            return Err(
                Error::unavailable("server_stopping", "The server is stopping").retry_after(RETRY_WHEN_STOPPING)
            );
        }
        let ended = state.make_room(&user, address)?;
        let theirs = state.open.values().find(|entry| entry.user == user).and_then(|entry| entry.outbox.share());
        let person = theirs.map_or_else(|| Budget::of(UNSENT_BYTES_PER_USER), |share| share.person.clone());
        outbox.draw_upon(Share { person, server: Arc::clone(&self.unsent) });
        state.made += 1;
        let number = state.made;
        state.open.insert(number, Entry { user, login, address, outbox, is_leaving: false });
        drop(state);
        ended.iter().for_each(|outbox| outbox.close(CloseReason::TooMany));
        Ok(Connected { registry: Arc::clone(self), number })
    }

    pub(super) fn close_user(&self, user: &UserId, reason: CloseReason) {
        self.close_where(reason, |entry| entry.user == *user);
    }

    pub(super) fn close_login(&self, login: &Login, reason: CloseReason) {
        self.close_where(reason, |entry| entry.login == *login);
    }

    pub(super) fn close_other_logins(&self, user: &UserId, but: &Login, reason: CloseReason) {
        self.close_where(reason, |entry| entry.user == *user && entry.login != *but);
    }

    pub(super) fn close_all(&self, reason: CloseReason) {
        lock(&self.state).stopping = Some(reason);
        self.close_where(reason, |_| true);
    }

    pub(super) fn list(&self) -> Vec<(UserId, Login, u64)> {
        let state = lock(&self.state);
        state.open.iter().map(|(number, entry)| (entry.user.clone(), entry.login.clone(), *number)).collect()
    }

    pub(super) fn count(&self) -> usize {
        lock(&self.state).open.len()
    }

    /// A person's connections that follow their list of conversations, but for `except`.
    pub(super) fn list_followers(&self, user: &UserId, except: Option<&Arc<Outbox>>) -> Vec<Arc<Outbox>> {
        let state = lock(&self.state);
        let is_known = |outbox: &Arc<Outbox>| except.is_some_and(|except| Arc::ptr_eq(outbox, except));
        let follows = |entry: &&Entry| entry.user == *user && entry.outbox.follows_list() && !is_known(&entry.outbox);
        state.open.values().filter(follows).map(|entry| Arc::clone(&entry.outbox)).collect()
    }

    /// True when no connection is left, false when one still is at `deadline`.
    pub(super) fn wait_until_empty(&self, deadline: Instant) -> bool {
        let mut state = lock(&self.state);
        while !state.open.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self.emptied.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    fn close_where(&self, reason: CloseReason, is_meant: impl Fn(&Entry) -> bool) {
        let meant: Vec<Arc<Outbox>> = {
            let state = lock(&self.state);
            state.open.values().filter(|entry| is_meant(entry)).map(|entry| Arc::clone(&entry.outbox)).collect()
        };
        for outbox in meant {
            outbox.close(reason);
        }
    }
}

impl OpenSockets {
    /// Picks the connections that have to end before one more comes, and marks them.
    ///
    /// Errors: `RateLimited` where no one has more than another, or those that were ended are not gone yet.
    fn make_room(&mut self, user: &UserId, address: Option<IpAddr>) -> Result<Vec<Arc<Outbox>>> {
        let SocketLimits { per_user, per_address, total } = self.limits;
        let leaving = self.open.values().filter(|entry| entry.is_leaving);
        let of_user = leaving.clone().filter(|entry| entry.user == *user).count();
        if per_user > 0 && of_user >= per_user || of_user > 0 && total > 0 && leaving.count() > total / LEAVING_PART {
            return Err(full());
        }
        let mut ended = Vec::new();
        if per_user > 0 && self.count(|entry| entry.user == *user) >= per_user {
            ended.extend(self.end_oldest(|entry| entry.user == *user));
        }
        let is_there = |entry: &Entry| address.is_some() && entry.address == address;
        if per_address > 0 && self.count(is_there) >= per_address {
            ended.push(self.end_one_of_many(is_there)?);
        }
        if total > 0 && self.count(|_| true) >= total {
            ended.push(self.end_one_of_many(|_| true)?);
        }
        Ok(ended)
    }

    fn count(&self, is_meant: impl Fn(&Entry) -> bool) -> usize {
        self.open.values().filter(|entry| !entry.is_leaving && is_meant(entry)).count()
    }

    /// Of the person with the most. Where everyone has one, none has to go for another: they would come back in turn.
    fn end_one_of_many(&mut self, is_meant: impl Fn(&Entry) -> bool) -> Result<Arc<Outbox>> {
        let mut counts: HashMap<&UserId, usize> = HashMap::new();
        for entry in self.open.values().filter(|entry| !entry.is_leaving && is_meant(entry)) {
            *counts.entry(&entry.user).or_default() += 1;
        }
        let most = counts.into_iter().filter(|(_, count)| *count > 1).max_by_key(|(_, count)| *count);
        let most = most.map(|(user, _)| user.clone()).ok_or_else(full)?;
        self.end_oldest(|entry| entry.user == most && is_meant(entry)).ok_or_else(full)
    }

    fn end_oldest(&mut self, is_meant: impl Fn(&Entry) -> bool) -> Option<Arc<Outbox>> {
        let meant = self.open.iter_mut().filter(|(_, entry)| !entry.is_leaving && is_meant(entry));
        let (_, oldest) = meant.min_by_key(|(number, _)| **number)?;
        oldest.is_leaving = true;
        Some(Arc::clone(&oldest.outbox))
    }
}

fn full() -> Error {
    Error::new(Kind::RateLimited, "too_many_connections", "There are too many connections").retry_after(RETRY_WHEN_FULL)
}
