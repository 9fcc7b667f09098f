//! The invite code of Portagent 1.9: one number for all, all day. Accepted only with `INVITE_CODE_DAILY`.

use crate::domain::clock;

/// The Unix seconds of today 00:00:01, server time: the day changes at midnight UTC, which is the time our log shows.
pub(super) fn today() -> String {
    at(clock::now_ms() / 1000).to_string()
}

fn at(now_s: i64) -> i64 {
    now_s - now_s.rem_euclid(24 * 3600) + 1
}

#[cfg(test)]
mod tests {
    #[test]
    fn one_second_past_midnight() {
        assert_eq!(super::at(1_768_435_200), 1_768_435_201);
        assert_eq!(super::at(1_768_435_200 + 86_399), 1_768_435_201);
    }
}
