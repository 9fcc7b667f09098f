//! When a certificate is valid: the two times of its DER, read where they stand (RFC 5280 section 4.1). A crate for X.509
//! would bring the grammar of all the rest.

use time::{Date, Month, PrimitiveDateTime, Time};

const SEQUENCE: u8 = 0x30;
/// `version`, which may be left out.
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// Both in seconds since 1970. `None` where it is no certificate.
pub(super) fn validity(certificate: &[u8]) -> Option<(i64, i64)> {
    let whole = content(certificate, SEQUENCE)?.0;
    let mut fields = content(whole, SEQUENCE)?.0;
    if let Some((_, rest)) = content(fields, VERSION) {
        fields = rest;
    }
    // Serial number, algorithm of the signature, issuer.
    for _ in 0..3 {
        fields = element(fields)?.2;
    }
    let (begins, rest, ..) = {
        let validity = content(fields, SEQUENCE)?.0;
        let (tag, text, rest) = element(validity)?;
        (seconds(tag, text)?, rest)
    };
    let (tag, text, _) = element(rest)?;
    Some((begins, seconds(tag, text)?))
}

/// What is in the element at the front, which has that tag, and what follows it.
fn content(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    element(bytes).filter(|(found, ..)| *found == tag).map(|(_, content, rest)| (content, rest))
}

/// Tag, content and what follows (X.690 section 8.1); lengths of up to four bytes.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// `YYMMDDHHMMSSZ`, of 1950 to 2049, or with four digits of the year.
fn seconds(tag: u8, text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let (year, rest) = match tag {
        UTC_TIME => {
            let (year, rest) = text.split_at_checked(2)?;
            let year: i32 = year.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        GENERALIZED_TIME => {
            let (year, rest) = text.split_at_checked(4)?;
            (year.parse().ok()?, rest)
        }
        _ => return None,
    };
    let pair = |at: usize| rest.get(at..at + 2)?.parse::<u8>().ok();
    let date = Date::from_calendar_date(year, Month::try_from(pair(0)?).ok()?, pair(2)?).ok()?;
    let time = Time::from_hms(pair(4)?, pair(6)?, pair(8)?).ok()?;
    Some(PrimitiveDateTime::new(date, time).assume_utc().unix_timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_a_certificate() {
        // Version, serial, algorithm, issuer, then the validity.
        let der = |begins: (u8, &str), ends: (u8, &str)| {
            let wrap = |tag: u8, content: &[u8]| [&[tag, u8::try_from(content.len()).unwrap()], content].concat();
            let times = [wrap(begins.0, begins.1.as_bytes()), wrap(ends.0, ends.1.as_bytes())].concat();
            let fields = [wrap(0xa0, &[2, 1, 2]), wrap(2, &[1]), wrap(0x30, &[]), wrap(0x30, &[]), wrap(0x30, &times)];
            wrap(0x30, &wrap(0x30, &fields.concat()))
        };
        let (utc, general) = (UTC_TIME, GENERALIZED_TIME);
        let good = der((utc, "261127000000Z"), (general, "20500101000000Z"));
        assert_eq!(validity(&good), Some((1_795_737_600, 2_524_608_000)));
        assert_eq!(
            validity(&der((utc, "500101000000Z"), (utc, "491231235959Z"))).map(|times| times.0),
            Some(-631_152_000)
        );
        assert_eq!(validity(&der((utc, "261327000000Z"), (utc, "271127000000Z"))), None, "no such month");
        assert_eq!(validity(&der((utc, "26112700000Z"), (utc, "271127000000Z"))), None, "too short");
        for cut in 0..good.len() {
            assert_eq!(validity(&good[..cut]), None, "cut at {cut}");
        }
    }
}
