//! Values as people write them: numbers, switches, levels, names, addresses.

use std::net::Ipv6Addr;
use std::path::{Path, PathBuf};

use log::LevelFilter;

use super::resolve::{Problem, problem};
use crate::domain::limits::MODEL_CHARS;
use crate::domain::vendor::{self, Vendor};
use crate::telemetry;

const NAME_CHARS: usize = 100;
/// In bytes.
const TOKEN_BYTES: usize = 1024;

pub(super) fn port(text: &str) -> Result<u16, Problem> {
    text.parse().map_err(|_| problem("not a port", "a port is a number from 1 to 65535; the usual one is 5200"))
}

pub(super) fn number(text: &str) -> Result<u32, Problem> {
    text.parse().map_err(|_| problem("not a whole number", "give a number from 0 up; 0 turns the limit off"))
}

/// A minute's worth of seconds, or an hour's; not none.
pub(super) fn seconds(text: &str) -> Result<u32, Problem> {
    let number = text.parse().ok().filter(|number| (1..=3600).contains(number));
    number.ok_or_else(|| problem("not a number of seconds", "give a whole number from 1 to 3600"))
}

/// A line that people read.
pub(super) fn words(text: &str) -> Result<String, Problem> {
    if text.chars().count() <= NAME_CHARS && !text.chars().any(char::is_control) {
        return Ok(text.to_owned());
    }
    Err(problem("not a name", "give at most 100 characters on one line"))
}

/// Times of the day, as minutes after midnight, in order and each once. `off`: none.
pub(super) fn schedule(text: &str) -> Result<Vec<u16>, Problem> {
    if text.eq_ignore_ascii_case("off") {
        return Ok(Vec::new());
    }
    let mut minutes = Vec::new();
    for time in text.split(',') {
        let minute = minute(time.trim())
            .ok_or_else(|| problem("not a time of the day", "write 02:00, or 02:00,14:00, in UTC; or off"))?;
        minutes.push(minute);
    }
    minutes.sort_unstable();
    minutes.dedup();
    Ok(minutes)
}

fn minute(time: &str) -> Option<u16> {
    let (hour, minute) = time.split_once(':').filter(|(hour, minute)| hour.len() <= 2 && minute.len() == 2)?;
    let number = |text: &str, most: u16| -> Option<u16> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse::<u16>().ok()).flatten().filter(|number| *number <= most)
    };
    Some(number(hour, 23)? * 60 + number(minute, 59)?)
}

/// Recipients of age; whether they are good, only age knows.
pub(super) fn recipients(text: &str) -> Result<Vec<String>, Problem> {
    let recipients: Vec<String> = text.split(',').map(|one| one.trim().to_owned()).collect();
    let is_one = |text: &String| text.starts_with("age1") && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    // A secret key that is given by mistake is not shown: what is wrong does not quote it.
    if recipients.iter().all(is_one) {
        return Ok(recipients);
    }
    Err(problem("not a recipient of age", "a recipient begins with age1; `age-keygen -y IDENTITY_FILE` prints it"))
}

pub(super) fn days(text: &str) -> Result<u32, Problem> {
    text.parse().map_err(|_| problem("not a number of days", "give a whole number; 0 keeps all backups"))
}

pub(super) fn switch(text: &str) -> Result<bool, Problem> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err(problem("neither true nor false", "write true or false")),
    }
}

pub(super) fn level(text: &str) -> Result<LevelFilter, Problem> {
    telemetry::level_named(text).ok_or_else(|| problem("not a log level", "choose debug, info, warn or error"))
}

pub(super) fn provider(text: &str) -> Result<&'static Vendor, Problem> {
    vendor::named(text).ok_or_else(|| {
        let names: Vec<&str> = vendor::VENDORS.iter().map(|vendor| vendor.name).collect();
        problem("not a provider", format!("choose one of {}", names.join(", ")))
    })
}

/// An address, with or without brackets, or a host name.
pub(super) fn host(text: &str) -> Result<String, Problem> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if bare.parse::<Ipv6Addr>().is_ok() || (bare == text && bare.chars().all(is_name)) {
        return Ok(bare.to_owned());
    }
    let hint = "write an address such as 127.0.0.1, :: or 0.0.0.0; the port has a setting of its own, PORT";
    Err(problem("not an address to listen on", hint))
}

/// Names and addresses of other machines, each once and without a port.
pub(super) fn hosts(text: &str) -> Result<Vec<String>, Problem> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let mut hosts = Vec::new();
    for one in text.split(',').map(str::trim).filter(|one| !one.is_empty()) {
        let bare = one.trim_matches(['[', ']']).trim_end_matches('.');
        if bare.parse::<Ipv6Addr>().is_err() && (bare.is_empty() || !bare.chars().all(is_name)) {
            return Err(problem(
                "not a list of hosts",
                "write names or addresses without a scheme or port, such as wiki.lan, 192.168.1.5",
            ));
        }
        hosts.push(bare.to_ascii_lowercase());
    }
    hosts.dedup();
    Ok(hosts)
}

pub(super) fn model(text: &str) -> Result<String, Problem> {
    if text.chars().count() > MODEL_CHARS || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        let what = format!("a model's name has at most {MODEL_CHARS} characters and no blanks");
        return Err(problem(what, "write it as the provider does, such as claude-sonnet-5-5"));
    }
    Ok(text.to_owned())
}

/// It travels in a header.
pub(super) fn token(text: &str) -> Result<String, Problem> {
    if text.bytes().all(|byte| (b'!'..=b'~').contains(&byte)) && text.len() <= TOKEN_BYTES {
        return Ok(text.to_owned());
    }
    Err(problem("a token has no blanks and at most 1024 ASCII characters", "`openssl rand -hex 32` makes a good one"))
}

/// A key travels in a header.
pub(super) fn api_key(text: &str) -> Result<String, Problem> {
    if text.bytes().all(|byte| (b'!'..=b'~').contains(&byte)) {
        return Ok(text.to_owned());
    }
    Err(problem("a key has no blanks and only ASCII characters", "copy it again from the provider's page"))
}

/// Absolute. `~/` means the home directory also where no shell has seen the value.
pub(super) fn directory(text: &str, home: Option<&Path>) -> Result<PathBuf, Problem> {
    let path = match (text.strip_prefix("~/"), text) {
        (Some(below), _) => home.ok_or_else(no_home)?.join(below),
        (None, "~") => home.ok_or_else(no_home)?.to_owned(),
        _ => PathBuf::from(text),
    };
    std::path::absolute(&path).map_err(|error| problem(format!("not a directory: {error}"), ""))
}

pub(super) fn no_home() -> Problem {
    problem("HOME is not set, so there is no default", "name a data directory with --data-dir or AGENTX_DIR")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        for (text, expected) in [("0.0.0.0", "0.0.0.0"), ("[::1]", "::1"), ("::", "::"), ("localhost", "localhost")] {
            assert_eq!(host(text).ok().as_deref(), Some(expected));
        }
        for text in ["0.0.0.0:5200", "http://x", "a b", "[localhost]", "[::1]:80", "ä"] {
            assert!(host(text).is_err(), "{text}");
        }
    }

    #[test]
    fn directories() {
        let home = Path::new("/home/a");
        let check = |text, home, expected: &str| {
            assert_eq!(directory(text, home).ok().as_deref(), Some(Path::new(expected)), "{text}");
        };
        check("~/x", Some(home), "/home/a/x");
        check("~", Some(home), "/home/a");
        check("/var/~/x", None, "/var/~/x");
        assert!(directory("~/x", None).is_err());
        assert!(directory("x", None).ok().unwrap().is_absolute());
    }

    #[test]
    fn schedules() {
        let check =
            |text: &str, expected: Option<&[u16]>| assert_eq!(schedule(text).ok().as_deref(), expected, "{text}");
        check("02:00", Some(&[120]));
        check("14:30, 2:00,14:30", Some(&[120, 870]));
        check("23:59,00:00", Some(&[0, 1439]));
        check("OFF", Some(&[]));
        for bad in ["24:00", "2", "02:60", "02:0", "02:00,", "+2:00", "02:00:00", "noon", "02:00 14:00"] {
            check(bad, None);
        }
    }

    #[test]
    fn small_things() {
        assert_eq!(port("0").ok(), Some(0));
        for text in ["99999", "-1", "5200x", ""] {
            assert!(port(text).is_err(), "{text}");
        }
        assert_eq!(switch("Yes").ok(), Some(true));
        assert!(switch("maybe").is_err());
        assert_eq!(level("WARN").ok(), Some(LevelFilter::Warn));
        assert!(level("loud").is_err() && number("-1").is_err() && number("1.5").is_err());
        assert!(api_key("sk-ant x").is_err() && api_key("schlüssel").is_err() && api_key("sk-ant-1").is_ok());
        assert_eq!(provider("OpenAI").ok().unwrap().name, "openai");
    }
}
