//! What commands print. A reader that went away (`| head -1`) has seen enough, and is no failure.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use super::command::usage;
use crate::domain::text::is_invisible;
use crate::domain::{Error, Kind, Result};

/// Set by `--quiet`: what went well is not said.
static QUIET: AtomicBool = AtomicBool::new(false);

pub(super) fn set_quiet(quiet: bool) {
    QUIET.store(quiet, Ordering::Relaxed);
}

pub(super) fn is_quiet() -> bool {
    QUIET.load(Ordering::Relaxed)
}

/// Says it on stderr, also where the command is quiet.
pub(super) fn warn(text: &str) {
    let _ = writeln!(io::stderr(), "warning: {}", one_line(text)); // without a reader the work is done all the same
}

/// Errors: `Internal` when stdout takes nothing, on a full disk for instance.
pub(super) fn print(text: &str) -> Result<()> {
    if is_quiet() {
        return Ok(());
    }
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::new(Kind::Unavailable, "stdout", "cannot write to stdout").source(error))
        }
        _ => Ok(()),
    }
}

pub(super) fn print_json(value: &Value) -> Result<()> {
    print(&format!("{value:#}\n"))
}

/// Asks on the terminal. Anything but yes is no.
///
/// Errors: `Invalid` where there is no terminal, because a script has to say `--yes`.
pub(super) fn confirm(question: &str) -> Result<bool> {
    if !io::stdin().is_terminal() {
        return Err(usage("this asks first, and there is no terminal to ask on", "add --yes if you are sure"));
    }
    let _ = write!(io::stderr(), "{question} [y/N] ");
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).map_err(Error::internal)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// Columns under their headings. Names come from people, so they are kept on their line.
pub(super) fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let headings = headings.iter().map(|&heading| heading.to_owned()).collect();
    let rows: Vec<Vec<String>> =
        std::iter::once(&headings).chain(rows).map(|row| row.iter().map(|cell| one_line(cell)).collect()).collect();
    let widths: Vec<usize> =
        (0..headings.len()).map(|at| rows.iter().map(|row| width(&row[at])).max().unwrap_or(0)).collect();
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (cell, most) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.push_str(&" ".repeat(most - width(cell) + 2));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// The same text with control and invisible characters spelled out.
pub(super) fn one_line(text: &str) -> String {
    text.chars()
        .flat_map(|c| if c.is_control() || is_invisible(c) { c.escape_default().collect() } else { vec![c] })
        .collect()
}

/// Columns on a terminal: the characters of East Asia take two (Unicode Standard Annex 11, roughly).
fn width(text: &str) -> usize {
    let wide = |c: char| {
        matches!(u32::from(c), 0x1100..=0x115f | 0x2e80..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff | 0xfe30..=0xfe6f
            | 0xff00..=0xff60 | 0xffe0..=0xffe6 | 0x1f300..=0x1faff | 0x20000..=0x3fffd)
    };
    text.chars().map(|c| if wide(c) { 2 } else { 1 }).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = [["小林", "a"], ["bob\u{1b}", "b"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(table(&["NAME", "X"], &rows), "NAME       X\n小林       a\nbob\\u{1b}  b\n");
    }
}
