//! The names of archives: `portagent-20261124-020000.tar.gz`, with `-2` behind the time where there are several of one
//! second, and `.age` at the end of encrypted ones. Nothing else in the directory is ours.

use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time};

const PREFIX: &str = "portagent-";
const SUFFIX: &str = ".tar.gz";
const ENCRYPTED: &str = ".age";
/// `20261124-020000`.
const STAMP_BYTES: usize = 15;

/// `number` counts from 1.
pub fn name(made_at: i64, number: u32, is_encrypted: bool) -> String {
    let at = OffsetDateTime::from_unix_timestamp(made_at.div_euclid(1000)).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (year, month, day) = at.to_calendar_date();
    let (hour, minute, second) = at.to_hms();
    let number = if number > 1 { format!("-{number}") } else { String::new() };
    let end = if is_encrypted { ENCRYPTED } else { "" };
    let month = u8::from(month);
    format!("{PREFIX}{year:04}{month:02}{day:02}-{hour:02}{minute:02}{second:02}{number}{SUFFIX}{end}")
}

/// When an archive of this name was made, in milliseconds since 1970, its number, and whether it is encrypted.
/// `None` for a name that is none of ours.
pub fn parse(name: &str) -> Option<(i64, u32, bool)> {
    let rest = name.strip_prefix(PREFIX)?;
    let (rest, is_encrypted) = rest.strip_suffix(ENCRYPTED).map_or((rest, false), |rest| (rest, true));
    let rest = rest.strip_suffix(SUFFIX)?;
    let (stamp, number) = rest.split_at_checked(STAMP_BYTES)?;
    let number = match number {
        "" => 1,
        number => digits(number.strip_prefix('-')?)?,
    };
    Some((moment(stamp)?, number, is_encrypted))
}

fn moment(stamp: &str) -> Option<i64> {
    let (date, time) = stamp.split_once('-').filter(|(date, time)| date.len() == 8 && time.len() == 6)?;
    let two = |text: &str, at: usize| digits(text.get(at..at + 2)?).and_then(|number| u8::try_from(number).ok());
    let year = i32::try_from(digits(date.get(..4)?)?).ok()?;
    let date = Date::from_calendar_date(year, Month::try_from(two(date, 4)?).ok()?, two(date, 6)?).ok()?;
    let time = Time::from_hms(two(time, 0)?, two(time, 2)?, two(time, 4)?).ok()?;
    Some(PrimitiveDateTime::new(date, time).assume_utc().unix_timestamp() * 1000)
}

fn digits(text: &str) -> Option<u32> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back() {
        let check = |at: i64, number: u32, is_encrypted: bool, expected: &str| {
            assert_eq!(name(at, number, is_encrypted), expected);
            assert_eq!(parse(expected), Some((at - at % 1000, number, is_encrypted)));
        };
        check(1_795_485_600_123, 1, false, "portagent-20261124-020000.tar.gz");
        check(1_795_485_600_000, 2, false, "portagent-20261124-020000-2.tar.gz");
        check(1_795_485_600_000, 1, true, "portagent-20261124-020000.tar.gz.age");
    }

    #[test]
    fn what_is_not_ours_is_left_alone() {
        for other in [
            "portagent-20260230-020000.tar.gz",
            "portagent-20261124-250000.tar.gz",
            "portagent-20261124-020000.tar.gz.partial",
            "portagent-20261124-020000x.tar.gz",
            "portagent-20261124-020000-+2.tar.gz",
            "portagent-2026112-0200000.tar.gz",
            "portagent-新26112-020000.tar.gz",
            "backup-20261124_020000.tar.gz",
            "portagent-20261124_020000.db",
            "portagent-.tar.gz",
        ] {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}
