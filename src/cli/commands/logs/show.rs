//! Lines of the log on stdout: as they are, or as JSON.

use std::io::{self, BufWriter, StdoutLock, Write as _};

use serde_json::json;

use crate::cli::output::one_line;
use crate::telemetry::{self, level_name};

pub(super) struct Printer {
    out: BufWriter<StdoutLock<'static>>,
    json: bool,
}

impl Printer {
    pub(super) fn new(json: bool) -> Self {
        Self { out: BufWriter::new(io::stdout().lock()), json }
    }

    pub(super) fn line_if(&mut self, wanted: bool, line: &[u8]) -> io::Result<()> {
        if !wanted {
            return Ok(());
        }
        if self.json {
            return writeln!(self.out, "{}", as_json(&String::from_utf8_lossy(line)));
        }
        // A line of ours cannot play with the terminal; one that another program wrote into the file could.
        match std::str::from_utf8(line) {
            Ok(text) if !text.contains(char::is_control) => writeln!(self.out, "{text}"),
            _ => writeln!(self.out, "{}", one_line(&String::from_utf8_lossy(line))),
        }
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn as_json(line: &str) -> serde_json::Value {
    match telemetry::parse(line) {
        Some(parsed) => json!({
            "time": parsed.time,
            "level": level_name(parsed.level.to_level_filter()),
            "target": parsed.target,
            "message": parsed.message,
        }),
        None => json!({ "message": line }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_lines() {
        let check = |line: &str, expected: &str| assert_eq!(as_json(line).to_string(), expected);
        check(
            "2026-11-22T07:50:33.845Z INFO  http GET / 200",
            r#"{"level":"info","message":"GET / 200","target":"http","time":"2026-11-22T07:50:33.845Z"}"#,
        );
        check("stranger", r#"{"message":"stranger"}"#);
    }
}
