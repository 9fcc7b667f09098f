//! What simplelog asks of a logger beside `Log`, once for all of ours.

use log::{LevelFilter, Log, Metadata, Record};
use simplelog::{Config, SharedLogger};

use super::{MOST, level};

/// Which records a logger gets.
#[derive(Clone, Copy)]
pub(super) enum Scope {
    All,
    /// Up to the level that is set at the moment.
    Current,
    /// What has to do with security, whatever level is set.
    Security,
    /// Up to a level of its own.
    Fixed(LevelFilter),
}

/// The targets of records that go to the security log.
const SECURITY_TARGETS: [&str; 2] = ["accounts", "audit"];

struct SharedLog<L>(Scope, L);

pub(super) fn shared<L: Log + 'static>(scope: Scope, logger: L) -> Box<dyn SharedLogger> {
    Box::new(SharedLog(scope, logger))
}

impl Scope {
    fn takes(self, metadata: &Metadata<'_>) -> bool {
        match self {
            Self::All => true,
            Self::Current => metadata.level() <= level(),
            Self::Security => metadata.level() <= LevelFilter::Info && SECURITY_TARGETS.contains(&metadata.target()),
            Self::Fixed(level) => metadata.level() <= level,
        }
    }
}

impl<L: Log> Log for SharedLog<L> {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.0.takes(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if self.0.takes(record.metadata()) {
            self.1.log(record);
        }
    }

    fn flush(&self) {
        self.1.flush();
    }
}

impl<L: Log + 'static> SharedLogger for SharedLog<L> {
    fn level(&self) -> LevelFilter {
        match self.0 {
            Scope::Fixed(level) => level,
            _ => MOST,
        }
    }

    fn config(&self) -> Option<&Config> {
        None
    }

    fn as_log(self: Box<Self>) -> Box<dyn Log> {
        self
    }
}
