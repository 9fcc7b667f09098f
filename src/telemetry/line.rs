//! A record becomes a line: `2026-11-22T07:50:33.845Z INFO  http POST /api/auth/login 200 12ms ip=…`.
//!
//! Every request passes here, so a line is made in a buffer that its thread keeps, and time is formatted by hand.

use std::cell::RefCell;
use std::fmt;

use log::{Level, Record};

use super::timestamp::push_rfc3339;

/// The longest line, in bytes, with its newline. What is longer is cut, and says so.
pub const LINE_BYTES: usize = 16 * 1024;

/// Room for the remark that something was cut, in bytes.
const CUT_REMARK_BYTES: usize = 48;

/// What a thread's buffer may keep, in bytes: there is a thread for every connection.
const KEPT_BUFFER_BYTES: usize = 512;

/// What stands in front of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// Time and level.
    Full,
    /// For journald, which has its own clock: the priority as `sd-daemon(3)` wants it, then the level.
    Journal,
}

/// Makes the line, newline included, and hands it to `use_line`.
pub(super) fn with_line<R>(record: &Record<'_>, style: Style, now_ms: i64, use_line: impl FnOnce(&[u8]) -> R) -> R {
    let mut buffer = take_buffer();
    write_line(&mut buffer, record, style, now_ms);
    let result = use_line(&buffer);
    give_back(buffer);
    result
}

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Taken out rather than borrowed: something that logs while it is being formatted finds an empty one.
fn take_buffer() -> Vec<u8> {
    BUFFER.try_with(RefCell::take).unwrap_or_default()
}

fn give_back(mut buffer: Vec<u8>) {
    buffer.clear();
    buffer.shrink_to(KEPT_BUFFER_BYTES);
    let _ = BUFFER.try_with(|kept| kept.replace(buffer));
}

fn write_line(buffer: &mut Vec<u8>, record: &Record<'_>, style: Style, now_ms: i64) {
    match style {
        Style::Full => {
            push_rfc3339(buffer, now_ms);
            buffer.push(b' ');
        }
        Style::Journal => buffer.extend_from_slice(priority(record.level())),
    }
    buffer.extend_from_slice(padded(record.level()));
    let mut text = Escaped { buffer, cut: 0 };
    text.push(room_of(record.target()));
    text.push(" ");
    if fmt::write(&mut text, *record.args()).is_err() {
        text.push("(a part that cannot be shown)");
    }
    let cut = text.cut;
    if record.level() > Level::Warn {
        mask_word(buffer);
    }
    finish(buffer, cut);
}

/// Ends the line, within [`LINE_BYTES`], and says what was cut.
fn finish(buffer: &mut Vec<u8>, cut: usize) {
    let most = LINE_BYTES - CUT_REMARK_BYTES;
    let mut cut = cut;
    if buffer.len() > most {
        let keep = (0..=most).rev().find(|&at| buffer[at] & 0xc0 != 0x80).unwrap_or(0);
        cut += buffer.len() - keep;
        buffer.truncate(keep);
    }
    if cut > 0 {
        buffer.extend_from_slice(format!("… ({cut} bytes more)").as_bytes());
    }
    buffer.push(b'\n');
}

/// `grep -i error` finds errors and nothing else: where a path or a name in a lesser line happens to hold that word,
/// its first letter is written as in a URL (`%65rror`).
fn mask_word(line: &mut Vec<u8>) {
    const WORD: &[u8] = b"error";
    let mut from = 0;
    while let Some(at) = line[from..].windows(WORD.len()).position(|part| part.eq_ignore_ascii_case(WORD)) {
        let first = from + at;
        let code: &[u8] = if line[first] == b'E' { b"%45" } else { b"%65" };
        line.splice(first..=first, code.iter().copied());
        from = first + WORD.len();
    }
}

/// The room's short name: a record without `target:` carries its module's path.
fn room_of(target: &str) -> &str {
    target.strip_prefix("portagent::").map_or(target, |path| path.split("::").next().unwrap_or(path))
}

fn padded(level: Level) -> &'static [u8] {
    match level {
        Level::Error => b"ERROR ",
        Level::Warn => b"WARN  ",
        Level::Info => b"INFO  ",
        Level::Debug => b"DEBUG ",
        Level::Trace => b"TRACE ",
    }
}

fn priority(level: Level) -> &'static [u8] {
    match level {
        Level::Error => b"<3>",
        Level::Warn => b"<4>",
        Level::Info => b"<6>",
        Level::Debug | Level::Trace => b"<7>",
    }
}

/// Appends text so that it stays on its line and cannot play with a terminal, and counts what no longer fits.
struct Escaped<'a> {
    buffer: &'a mut Vec<u8>,
    cut: usize,
}

impl Escaped<'_> {
    fn push(&mut self, text: &str) {
        let room = (LINE_BYTES - CUT_REMARK_BYTES).saturating_sub(self.buffer.len());
        let fits = match text.len() {
            _ if self.cut > 0 => 0,
            length if length <= room => length,
            _ => (0..=room).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0),
        };
        self.buffer.extend_from_slice(&text.as_bytes()[..fits]);
        self.cut += text.len() - fits;
    }
}

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            self.push(text);
            return Ok(());
        }
        for c in text.chars() {
            match c {
                '\n' => self.push("\\n"),
                '\r' => self.push("\\r"),
                '\t' => self.push("\\t"),
                c if c.is_control() || turns_text(c) => self.push(&format!("\\u{{{:x}}}", u32::from(c))),
                c => self.push(c.encode_utf8(&mut [0; 4])),
            }
        }
        Ok(())
    }
}

/// Line and paragraph separators, and the marks that turn the writing direction.
fn turns_text(c: char) -> bool {
    matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(level: Level, target: &str, style: Style, message: &str) -> String {
        let args = format_args!("{message}");
        let record = Record::builder().level(level).target(target).args(args).build();
        with_line(&record, style, 1_795_333_833_845, |line| String::from_utf8(line.to_vec()).unwrap())
    }

    #[test]
    fn looks_as_promised() {
        let check = |level, target, style, message: &str, expected: &str| {
            assert_eq!(line(level, target, style, message), format!("{expected}\n"));
        };
        let (full, journal) = (Style::Full, Style::Journal);
        check(Level::Info, "http", full, "GET /health 200", "2026-11-22T07:50:33.845Z INFO  http GET /health 200");
        check(Level::Error, "http", full, "broken", "2026-11-22T07:50:33.845Z ERROR http broken");
        check(Level::Warn, "http", journal, "slow", "<4>WARN  http slow");
        check(Level::Debug, "portagent::ws::session", journal, "x", "<7>DEBUG ws x");
        check(Level::Warn, "rustls::client", journal, "x", "<4>WARN  rustls::client x");
    }

    #[test]
    fn stays_on_one_line() {
        let check = |message: &str, expected: &str| {
            assert_eq!(line(Level::Info, "t", Style::Journal, message), format!("<6>INFO  t {expected}\n"));
        };
        check("a\nb\r\nc\td", "a\\nb\\r\\nc\\td");
        check("\u{1b}[31mred\0", "\\u{1b}[31mred\\u{0}");
        check("你好 🦀", "你好 🦀");
        check("a\u{2028}b\u{202e}c\u{85}", "a\\u{2028}b\\u{202e}c\\u{85}");
    }

    #[test]
    fn the_word_error_is_for_errors() {
        let check = |level, message: &str, expected: &str| {
            let text = line(level, "t", Style::Journal, message);
            assert!(text.ends_with(&format!(" t {expected}\n")), "{text}");
        };
        check(Level::Info, "GET /errors/ERRORerror 404", "GET /%65rrors/%45RROR%65rror 404");
        check(Level::Debug, "eError", "e%45rror");
        check(Level::Error, "os error 13", "os error 13");
        check(Level::Warn, "os error 13", "os error 13");
    }

    #[test]
    fn long_lines_are_cut_between_characters() {
        for message in ["x".repeat(100_000), "字".repeat(40_000), "error".repeat(9_000), "\n".repeat(30_000)] {
            let text = line(Level::Info, "t", Style::Full, &message);
            assert!(text.len() <= LINE_BYTES && text.len() > LINE_BYTES - 100, "{}", text.len());
            assert!(text.ends_with(" bytes more)\n"));
            assert_eq!(text.lines().count(), 1);
        }
        assert!(BUFFER.with_borrow(Vec::capacity) <= KEPT_BUFFER_BYTES);
    }

    #[test]
    fn a_value_that_logs_while_it_is_shown() {
        struct Chatty;
        impl fmt::Display for Chatty {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(line(Level::Info, "inner", Style::Journal, "hello").trim_end())
            }
        }
        let args = format_args!("{Chatty} and {Chatty}");
        let record = Record::builder().level(Level::Info).target("outer").args(args).build();
        with_line(&record, Style::Journal, 0, |line| {
            assert_eq!(line, b"<6>INFO  outer <6>INFO  inner hello and <6>INFO  inner hello\n");
        });
    }
}
