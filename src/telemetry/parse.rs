//! Parses a line of the log, for `portagent logs`.

use log::Level;

use super::timestamp;

/// A line as [`super::line`] makes it for the file.
#[derive(Debug, PartialEq, Eq)]
pub struct Parsed<'a> {
    /// As it stands there: RFC 3339, UTC.
    pub time: &'a str,
    /// Milliseconds since 1970.
    pub ms: i64,
    pub level: Level,
    /// The room that speaks.
    pub target: &'a str,
    pub message: &'a str,
}

/// Without its newline. `None` for what is no line of ours: half a line after a power cut, or a stranger's.
pub fn parse(line: &str) -> Option<Parsed<'_>> {
    let (time, rest) = line.split_once(' ')?;
    let ms = timestamp::parse_rfc3339(time)?;
    let (word, rest) = rest.split_once(' ')?;
    let level = level(word)?;
    let (target, message) = rest.trim_start_matches(' ').split_once(' ')?;
    Some(Parsed { time, ms, level, target, message })
}

fn level(word: &str) -> Option<Level> {
    match word {
        "ERROR" => Some(Level::Error),
        "WARN" => Some(Level::Warn),
        "INFO" => Some(Level::Info),
        "DEBUG" => Some(Level::Debug),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_lines_and_others() {
        let line = "2026-11-22T07:50:33.845Z WARN  http GET /a  b 200";
        let expected = Parsed {
            time: "2026-11-22T07:50:33.845Z",
            ms: 1_795_333_833_845,
            level: Level::Warn,
            target: "http",
            message: "GET /a  b 200",
        };
        assert_eq!(parse(line), Some(expected));
        let other = parse("2026-11-22T07:50:33.845Z ERROR store x y").map(|line| (line.level, line.target));
        assert_eq!(other, Some((Level::Error, "store")));
        for stranger in ["", "half a li", "2026-11-22T07:50:33.845Z", "yesterday INFO  http x", "字 INFO  http x"] {
            assert_eq!(parse(stranger), None, "{stranger}");
        }
    }
}
