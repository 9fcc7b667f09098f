//! What simplelog asks of a logger beside `Log`, once for all of ours.

use log::{LevelFilter, Log, Metadata, Record};
use simplelog::{Config, SharedLogger};

/// A logger, and the most that it logs.
struct Shared<L>(LevelFilter, L);

pub(super) fn shared<L: Log + 'static>(level: LevelFilter, logger: L) -> Box<dyn SharedLogger> {
    Box::new(Shared(level, logger))
}

impl<L: Log> Log for Shared<L> {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= self.0
    }

    fn log(&self, record: &Record<'_>) {
        self.1.log(record);
    }

    fn flush(&self) {
        self.1.flush();
    }
}

impl<L: Log + 'static> SharedLogger for Shared<L> {
    fn level(&self) -> LevelFilter {
        self.0
    }

    fn config(&self) -> Option<&Config> {
        None
    }

    fn as_log(self: Box<Self>) -> Box<dyn Log> {
        self
    }
}
