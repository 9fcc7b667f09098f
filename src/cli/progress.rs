//! How far a long command is: on a terminal one line that is written again and again, elsewhere a line for each step.
//! On stderr, so that what a program reads stays clean.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use super::output;
use crate::app::backup::Progress;

/// A terminal is not written to more often.
const AGAIN_AFTER: Duration = Duration::from_millis(100);

pub(super) struct Line {
    on_terminal: bool,
    step: &'static str,
    shown: Option<Instant>,
}

impl Line {
    pub(super) fn new() -> Self {
        Self { on_terminal: io::stderr().is_terminal(), step: "", shown: None }
    }

    pub(super) fn show(&mut self, progress: Progress) {
        if output::is_quiet() {
            return;
        }
        let is_new = progress.step != self.step;
        self.step = progress.step;
        let text = if self.on_terminal {
            if !is_new && self.shown.is_some_and(|at| at.elapsed() < AGAIN_AFTER) {
                return;
            }
            self.shown = Some(Instant::now());
            format!("\r\x1b[K{}{}", progress.step, percent(progress))
        } else if is_new {
            format!("{} …\n", progress.step)
        } else {
            return;
        };
        let _ = io::stderr().write_all(text.as_bytes()); // without a reader the work goes on
    }

    /// Takes the line away.
    pub(super) fn end(&mut self) {
        if self.on_terminal {
            let _ = io::stderr().write_all(b"\r\x1b[K");
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.end();
    }
}

fn percent(Progress { done, total, .. }: Progress) -> String {
    match total {
        0 => " …".to_owned(),
        total => format!(" {} %", (u128::from(done) * 100 / u128::from(total)).min(100)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percents() {
        let check = |done, total, expected: &str| assert_eq!(percent(Progress { step: "", done, total }), expected);
        check(0, 0, " …");
        check(1, 3, " 33 %");
        check(9, 3, " 100 %");
        check(u64::MAX, u64::MAX, " 100 %");
    }
}
