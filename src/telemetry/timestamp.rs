//! Times as people and `grep` read them: UTC, RFC 3339, milliseconds.

use time::OffsetDateTime;
use time::format_description::well_known::{Rfc2822, Rfc3339};

/// `2026-11-22T07:50:33.845Z`, appended without an allocation of its own. `ms` counts from 1970; years outside 0 to
/// 9999 read as 1970.
pub fn push_rfc3339(out: &mut Vec<u8>, ms: i64) {
    let at = moment(ms);
    let (year, month, day) = at.to_calendar_date();
    digits::<4>(out, u32::try_from(year).unwrap_or(0));
    out.push(b'-');
    digits::<2>(out, u32::from(u8::from(month)));
    out.push(b'-');
    digits::<2>(out, u32::from(day));
    for (separator, number) in [(b'T', at.hour()), (b':', at.minute()), (b':', at.second())] {
        out.push(separator);
        digits::<2>(out, u32::from(number));
    }
    out.push(b'.');
    digits::<3>(out, u32::from(at.millisecond()));
    out.push(b'Z');
}

/// The same as a string.
pub fn rfc3339(ms: i64) -> String {
    let mut text = Vec::with_capacity(24);
    push_rfc3339(&mut text, ms);
    String::from_utf8_lossy(&text).into_owned()
}

/// For tables: `2026-11-22 07:50 UTC`.
pub fn minute(ms: i64) -> String {
    let text = rfc3339(ms);
    format!("{} {} UTC", &text[..10], &text[11..16])
}

/// Milliseconds since 1970, from RFC 3339 with any offset.
pub fn parse_rfc3339(text: &str) -> Option<i64> {
    let at = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    i64::try_from(at.unix_timestamp_nanos() / 1_000_000).ok()
}

/// Milliseconds since 1970, from a `Date` header, RFC 9110 section 5.6.7.
pub fn parse_http_date(text: &str) -> Option<i64> {
    Some(OffsetDateTime::parse(text.trim(), &Rfc2822).ok()?.unix_timestamp().saturating_mul(1000))
}

fn moment(ms: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000)
        .ok()
        .filter(|at| (0..=9999).contains(&at.year()))
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

fn digits<const N: usize>(out: &mut Vec<u8>, mut number: u32) {
    let mut text = [b'0'; N];
    for place in text.iter_mut().rev() {
        *place = b'0' + (number % 10) as u8;
        number /= 10;
    }
    out.extend_from_slice(&text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_as_expected() {
        let check = |ms: i64, expected: &str| assert_eq!(rfc3339(ms), expected, "{ms}");
        check(0, "1970-01-01T00:00:00.000Z");
        check(-1, "1969-12-31T23:59:59.999Z");
        check(1_795_333_833_845, "2026-11-22T07:50:33.845Z");
        check(951_782_400_007, "2000-02-29T00:00:00.007Z");
        check(i64::MAX, "1970-01-01T00:00:00.000Z");
        check(i64::MIN, "1970-01-01T00:00:00.000Z");
        assert_eq!(parse_rfc3339("2026-11-22T07:50:33.845Z"), Some(1_795_333_833_845));
        assert_eq!(parse_rfc3339("2026-11-22T08:50:33+01:00"), Some(1_795_333_833_000));
        assert_eq!(parse_rfc3339("2026-11-22"), None);
        assert_eq!(parse_http_date("Sun, 22 Nov 2026 07:50:33 GMT"), Some(1_795_333_833_000));
        assert_eq!(parse_http_date("yesterday"), None);
        assert_eq!(minute(1_795_333_833_845), "2026-11-22 07:50 UTC");
    }
}
