//! The `Date` of a response: RFC 9110 section 5.6.7. Written once a second and kept, since it is on every response.

use time::OffsetDateTime;

use crate::domain::clock;

pub(crate) struct Date {
    second: i64,
    text: String,
}

impl Date {
    pub(crate) fn now() -> Self {
        let second = clock::now_ms() / 1000;
        Self { second, text: imf_fixdate(second) }
    }

    /// Brings it up to date.
    pub(crate) fn refresh(&mut self) {
        let second = clock::now_ms() / 1000;
        if second != self.second {
            *self = Self { second, text: imf_fixdate(second) };
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }
}

fn imf_fixdate(second: i64) -> String {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let at = OffsetDateTime::from_unix_timestamp(second).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let day = DAYS[usize::from(at.weekday().number_days_from_monday())];
    let month = MONTHS[usize::from(u8::from(at.month()) - 1)];
    format!(
        "{day}, {:02} {month} {:04} {:02}:{:02}:{:02} GMT",
        at.day(),
        at.year(),
        at.hour(),
        at.minute(),
        at.second()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_as_the_rfc_writes_them() {
        assert_eq!(imf_fixdate(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(imf_fixdate(0), "Thu, 01 Jan 1970 00:00:00 GMT");
    }
}
