//! The open connections, so that one can be ended when its login is, or all when the server stops.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::budget::{Budget, Share};
use super::lock;
use super::outbox::Outbox;
use crate::domain::id::UserId;
use crate::domain::limits::{UNSENT_BYTES, UNSENT_BYTES_PER_USER};
use crate::domain::user::Login;
use crate::domain::{Error, Kind, Result};

/// Connections of one person. The next is refused rather than the oldest ended: clients that reconnect automatically
/// would push each other out for ever.
pub const CONNECTIONS_PER_USER: usize = 64;
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

#[derive(Default)]
struct OpenSockets {
    open: HashMap<u64, Entry>,
    made: u64,
    stopping: Option<CloseReason>,
}

struct Entry {
    user: UserId,
    login: Login,
    outbox: Arc<Outbox>,
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
    pub(super) fn connect(self: &Arc<Self>, user: UserId, login: Login, outbox: Arc<Outbox>) -> Result<Connected> {
        let mut state = lock(&self.state);
        if state.stopping.is_some() {
            return Err(
                Error::unavailable("server_stopping", "The server is stopping").retry_after(RETRY_WHEN_STOPPING)
            );
        }
        if state.open.values().filter(|entry| entry.user == user).count() >= CONNECTIONS_PER_USER {
            let message = format!("You already have {CONNECTIONS_PER_USER} connections");
            return Err(Error::new(Kind::RateLimited, "too_many_connections", message).retry_after(RETRY_WHEN_FULL));
        }
        let theirs = state.open.values().find(|entry| entry.user == user).and_then(|entry| entry.outbox.share());
        let person = theirs.map_or_else(|| Budget::of(UNSENT_BYTES_PER_USER), |share| share.person.clone());
        outbox.draw_upon(Share { person, server: Arc::clone(&self.unsent) });
        state.made += 1;
        let number = state.made;
        state.open.insert(number, Entry { user, login, outbox });
        Ok(Connected { registry: Arc::clone(self), number })
    }

    pub(super) fn close_user(&self, user: &UserId, reason: CloseReason) {
        self.close_where(reason, |entry| entry.user == *user);
    }

    pub(super) fn close_login(&self, login: &Login, reason: CloseReason) {
        self.close_where(reason, |entry| entry.login == *login);
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
