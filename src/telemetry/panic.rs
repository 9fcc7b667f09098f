//! A panic is one line in the log, like everything else, and not a page on stderr.

use std::panic;

/// From now on panics are logged. Only words that stand in the program itself are repeated: a formatted message may
/// quote what a person wrote (a slice out of bounds quotes the text), and that has no place in a log.
pub(super) fn log_panics() {
    panic::set_hook(Box::new(|info| {
        let what = info.payload().downcast_ref::<&'static str>().copied().unwrap_or("(message withheld)");
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("unnamed");
        match info.location() {
            Some(at) => log::error!(target: "panic", "thread {name} at {}:{}: {what}", at.file(), at.line()),
            None => log::error!(target: "panic", "thread {name}: {what}"),
        }
    }));
}
