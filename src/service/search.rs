//! Search over all conversations of a person.

use std::sync::Arc;
use std::time::Duration;

use super::allowance::Rate;
use crate::domain::user::Caller;
use crate::domain::{Error, Result};
pub use crate::store::Hit;
use crate::store::{Found, Query, SearchIndex, Store};

/// Hits of a page: without a number, and at most.
const HITS: usize = 20;
const MOST_HITS: usize = 50;
/// What one person may ask: a page that searches while they type stays far below it.
const SEARCHES_PER_MINUTE: u32 = 240;

pub struct Search {
    index: SearchIndex,
    rate: Rate,
}

/// A page of hits.
pub struct SearchPage {
    pub found: Found,
    /// The index does not have everything yet: there may be more later.
    pub is_indexing: bool,
}

impl Search {
    pub fn new(store: Arc<Store>) -> Self {
        Self { index: SearchIndex::of(store), rate: Rate::new(SEARCHES_PER_MINUTE, Duration::from_secs(60)) }
    }

    /// Messages of the caller's that have all these words, anywhere and in any order.
    ///
    /// Errors: `Invalid` for a cursor that is none of ours; `RateLimited`; `Unavailable` where the index cannot be read.
    pub fn find(&self, caller: &Caller, query: &str, limit: Option<usize>, cursor: Option<&str>) -> Result<SearchPage> {
        let parse =
            |cursor: &str| cursor.parse::<i64>().map_err(|_| Error::invalid("invalid_cursor", "There is no such page"));
        let before = cursor.map(parse).transpose()?;
        let query = Query::parse(query);
        let is_indexing = !self.index.is_complete();
        if query.is_empty() {
            return Ok(SearchPage { found: Found::default(), is_indexing });
        }
        self.rate.check(caller, "too_many_searches", "You have searched too often in a short time")?;
        let limit = limit.unwrap_or(HITS).clamp(1, MOST_HITS);
        let found = self.index.find(&caller.user.container_id, &query, limit, before)?;
        Ok(SearchPage { found, is_indexing })
    }

    /// Brings the index up to date, in small steps, as long as `go_on` says so.
    ///
    /// Errors: what the databases say; it can be tried again.
    pub fn catch_up(&self, go_on: &dyn Fn() -> bool) -> Result<()> {
        self.index.catch_up(go_on)
    }
}
