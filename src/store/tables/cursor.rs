//! Where a page of a list by age begins: behind the entry that the last one ended with. It need not be there any more.

use crate::domain::{Error, Result};

/// When an entry was made, in milliseconds since 1970, and its id.
pub struct Cursor {
    pub at: i64,
    pub id: String,
}

impl Cursor {
    /// `None`: before all entries. Errors: `Invalid` for what no page ended with.
    pub fn parse(text: Option<&str>) -> Result<Self> {
        let Some(text) = text else { return Ok(Self { at: i64::MIN, id: String::new() }) };
        let found = text.split_once(':').and_then(|(at, id)| Some(Self { at: at.parse().ok()?, id: id.to_owned() }));
        found.ok_or_else(|| Error::invalid("invalid_cursor", "cursor must be what the last page ended with"))
    }

    /// For the page behind `last`.
    pub fn behind(at: i64, id: &str) -> String {
        format!("{at}:{id}")
    }
}

/// What to read to know whether there is another page.
pub fn one_more(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1)
}

/// Cuts what was read beyond the page, and says where the next one begins.
pub fn cut<T>(mut entries: Vec<T>, limit: usize, key: impl Fn(&T) -> (i64, &str)) -> (Vec<T>, Option<String>) {
    let goes_on = entries.len() > limit;
    entries.truncate(limit);
    let next = entries.last().filter(|_| goes_on).map(|last| {
        let (at, id) = key(last);
        Cursor::behind(at, id)
    });
    (entries, next)
}
