//! Looks after what changes behind our back: accounts that somebody disabled with `sqlite3` or the command line while
//! we serve, and rings of events that nobody needs any more.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::domain::{Error, Result};
use crate::service::Services;

/// A disabled account's sockets are closed within two seconds; a look costs one read of a few bytes.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Logins that expired change nothing in the database: so many looks later everybody is checked anyway.
const CHECK_ALL_EVERY_LOOKS: u32 = 60;
/// A database that was replaced is opened here.
const STACK_BYTES: usize = 1024 * 1024;

/// A running watch; it ends when this is dropped.
pub struct Watch {
    stop: Mutex<Option<Sender<()>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Watch {
    /// Errors: `Internal` without a thread.
    pub fn start(services: Arc<Services>) -> Result<Self> {
        let (stop, stopped) = channel();
        let thread = std::thread::Builder::new()
            .name("watch".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || run(&services, &stopped))
            .map_err(Error::internal)?;
        Ok(Self { stop: Mutex::new(Some(stop)), thread: Mutex::new(Some(thread)) })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        drop(self.stop.lock().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = thread.join();
        }
    }
}

fn run(services: &Services, stopped: &Receiver<()>) {
    let mut watcher = None;
    let mut failing = false;
    for look in 1_u32.. {
        match stopped.recv_timeout(LOOK_EVERY) {
            Err(RecvTimeoutError::Timeout) => {}
            _ => return,
        }
        services.hub.sweep();
        services.look_after_store();
        let looked = once(services, &mut watcher, look.is_multiple_of(CHECK_ALL_EVERY_LOOKS));
        // Said once, not every second; a watcher that failed is opened anew.
        if let Err(error) = &looked {
            watcher = None;
            if !failing {
                log::warn!(target: "watch", "cannot look after accounts: {}", error.with_cause());
            }
        }
        failing = looked.is_err();
    }
}

fn once(services: &Services, watcher: &mut Option<crate::store::Watcher>, everybody: bool) -> Result<()> {
    let watcher = match watcher {
        Some(watcher) => watcher,
        None => watcher.insert(services.watch_accounts()?),
    };
    if watcher.changed()? || everybody { services.put_out_the_invalid() } else { Ok(()) }
}
