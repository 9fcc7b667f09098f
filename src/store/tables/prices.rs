//! Prices that administrators have set, in `portagent.db`.

use rusqlite::{Connection, Row, params};

use super::usage::int;
use crate::domain::Result;
use crate::domain::price::Price;
use crate::store::engine::Store;
use crate::store::sqlite::rows;

const COLUMNS: &str =
    "provider, model, validFrom, aboveTokens, inputMicros, outputMicros, cacheReadMicros, cacheWriteMicros";

impl Store {
    /// By provider, model and time.
    pub fn prices(&self) -> Result<Vec<Price>> {
        let sql = format!("SELECT {COLUMNS} FROM prices ORDER BY provider, model, validFrom, aboveTokens");
        self.accounts.read(|conn| rows::all(conn, &sql, [], price))
    }

    /// Those of one model, in the order of their time.
    pub fn prices_of(&self, provider: &str, model: &str) -> Result<Vec<Price>> {
        let sql =
            format!("SELECT {COLUMNS} FROM prices WHERE provider = ?1 AND model = ?2 ORDER BY validFrom, aboveTokens");
        self.accounts.read(|conn| rows::all(conn, &sql, [provider, model], price))
    }

    /// Replaces the one of the same model, time and band.
    pub fn set_price(&self, price: Price) -> Result<()> {
        self.accounts.write(move |conn| insert(conn, &price))
    }

    /// Replaces all bands of the same model and time by these, which are of one model and time.
    pub fn set_bands(&self, prices: Vec<Price>) -> Result<()> {
        self.accounts.write(move |conn| {
            let Some(Price { provider, model, valid_from, .. }) = prices.first() else { return Ok(()) };
            let sql = "DELETE FROM prices WHERE provider = ?1 AND model = ?2 AND validFrom = ?3";
            rows::change(conn, sql, params![provider, model, valid_from])?;
            prices.iter().try_for_each(|price| insert(conn, price))
        })
    }

    /// Forgets what was set for a model. Returns how many rows there were.
    pub fn clear_prices(&self, provider: &str, model: &str) -> Result<usize> {
        let (provider, model) = (provider.to_owned(), model.to_owned());
        let sql = "DELETE FROM prices WHERE provider = ?1 AND model = ?2";
        self.accounts.write(move |conn| rows::change(conn, sql, [provider, model]))
    }
}

fn insert(conn: &Connection, price: &Price) -> Result<()> {
    let Price { provider, model, valid_from, above, input, output, cache_read, cache_write } = price;
    let sql = format!("INSERT OR REPLACE INTO prices ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
    let values = params![
        provider,
        model,
        valid_from,
        int(*above),
        int(*input),
        int(*output),
        cache_read.map(int),
        cache_write.map(int)
    ];
    rows::change(conn, &sql, values).map(drop)
}

fn price(row: &Row<'_>) -> rusqlite::Result<Price> {
    let positive = |amount: i64| u64::try_from(amount).unwrap_or(0);
    Ok(Price {
        provider: row.get(0)?,
        model: row.get(1)?,
        valid_from: row.get(2)?,
        above: positive(row.get(3)?),
        input: positive(row.get(4)?),
        output: positive(row.get(5)?),
        cache_read: row.get::<_, Option<i64>>(6)?.map(positive),
        cache_write: row.get::<_, Option<i64>>(7)?.map(positive),
    })
}
