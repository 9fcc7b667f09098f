//! Signals: the first one stops, a second one stops immediately, and SIGHUP reads the settings again.

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::config::Config;
use crate::domain::{Error, Result};
use crate::telemetry;

/// From here on signals wait to be looked at.
pub(super) struct Waiting(Signals);

impl Waiting {
    pub(super) fn start() -> Result<Self> {
        Signals::new([SIGTERM, SIGINT, SIGHUP]).map(Self).map_err(Error::internal)
    }

    /// Waits for the signal to stop; every SIGHUP before it calls `reload`.
    pub(super) fn until_stop(&mut self, mut reload: impl FnMut()) -> i32 {
        for signal in self.0.forever() {
            match signal {
                SIGHUP => reload(),
                signal => return signal,
            }
        }
        SIGTERM // it goes on forever
    }

    /// A second signal ends the process without waiting.
    pub(super) fn next_one_stops_at_once(mut self) {
        std::thread::spawn(move || {
            let signal = self.until_stop(|| {});
            log::warn!(target: "app", "stopped immediately on signal {signal}");
            log::logger().flush();
            std::process::exit(128 + signal);
        });
    }
}

/// Takes over what can be changed while serving, and says what cannot. Settings that are wrong change nothing.
pub(super) fn reload(running: &Config, read: &dyn Fn() -> Result<Config>) {
    let new = match read() {
        Ok(new) => new,
        Err(error) => {
            let hint = error.hint.as_deref().unwrap_or_default();
            log::error!(target: "app", "cannot reload, the settings stay as they were: {} ({hint})", error.message);
            return;
        }
    };
    telemetry::change_level(new.log_level, format_args!("SIGHUP"));
    let others: Vec<&str> = running.changes(&new).into_iter().filter(|name| *name != "LOG_LEVEL").collect();
    if !others.is_empty() {
        let names = others.join(", ");
        log::warn!(target: "app", "only LOG_LEVEL can be changed without a restart; also changed: {names}");
    }
}
