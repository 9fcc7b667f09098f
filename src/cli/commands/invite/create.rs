//! `portagent invite create`.

use std::time::Duration;

use super::as_json;
use crate::cli::command::{Command, CommandOption, Given, usage};
use crate::cli::output::{print, print_json};
use crate::domain::Result;
use crate::domain::user::Actor;
use crate::service::invites::NewInvite;

/// 7 days.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(7 * 24 * 3600);
/// A code that is good for longer is a standing password: a year.
const LONGEST_LIFETIME: Duration = Duration::from_secs(365 * 24 * 3600);
const MOST_USES: u32 = 10_000;
const NOTE_CHARS: usize = 200;

pub(in crate::cli) static COMMAND: Command = Command {
    name: "invite create",
    operands: &[],
    options: &[
        CommandOption { flag: "uses", value: "NUMBER", about: "how many people may use it; default: 1" },
        CommandOption {
            flag: "expires",
            value: "TIME",
            about: "how long it is good, such as 30m, 12h or 7d; default: 7d",
        },
        CommandOption { flag: "note", value: "TEXT", about: "a remark for the list" },
    ],
    json: true,
    quiet: false,
    about: "create an invite code",
    details: "",
    examples: &[
        ("portagent invite create", "for one person, within a week"),
        ("portagent invite create --uses 30 --expires 12h --note 'class 3b'", "for a class, today"),
        ("portagent invite create --json | jq -r .code", "the code alone"),
    ],
    run,
};

fn run(given: &Given) -> Result<()> {
    let new = NewInvite {
        uses: given.option("uses").map_or(Ok(1), uses)?,
        expires_in: given.option("expires").map_or(Ok(DEFAULT_LIFETIME), lifetime)?,
        note: given.option("note").map(note).transpose()?,
    };
    let invite = given.data_or_new()?.invites.create(Actor::Operator, new)?;
    if given.json { print_json(&as_json(&invite)) } else { print(&format!("{}\n", invite.code)) }
}

fn uses(text: &str) -> Result<u32> {
    text.parse()
        .ok()
        .filter(|uses| (1..=MOST_USES).contains(uses))
        .ok_or_else(|| usage(format!("--uses {text}: not a number from 1 to {MOST_USES}"), "such as --uses 5"))
}

fn lifetime(text: &str) -> Result<Duration> {
    let seconds = |number: &str, unit: u64| number.parse::<u64>().ok()?.checked_mul(unit);
    let found = match text.split_at(text.len() - text.chars().next_back().map_or(0, char::len_utf8)) {
        (number, "m") => seconds(number, 60),
        (number, "h") => seconds(number, 3600),
        (number, "d") => seconds(number, 24 * 3600),
        _ => None,
    };
    found
        .map(Duration::from_secs)
        .filter(|time| !time.is_zero() && *time <= LONGEST_LIFETIME)
        .ok_or_else(|| usage(format!("--expires {text}: not a time of at most 365 days"), "such as 30m, 12h or 7d"))
}

fn note(text: &str) -> Result<String> {
    if text.chars().count() > NOTE_CHARS || text.chars().any(char::is_control) {
        return Err(usage(format!("a note has at most {NOTE_CHARS} characters on one line"), "make it shorter"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes() {
        let check = |text, expected: Option<u64>| {
            assert_eq!(lifetime(text).ok().map(|time| time.as_secs()), expected, "{text}")
        };
        check("30m", Some(1800));
        check("12h", Some(43_200));
        check("7d", Some(604_800));
        for bad in ["", "d", "0d", "7", "7w", "-1d", "7天", "999999999999999999d", "400d"] {
            check(bad, None);
        }
    }
}
