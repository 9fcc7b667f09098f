//! The steps of both databases' schemas.

use rusqlite::Connection;

use super::migrate::{Schema, Step};
use super::{failure, takeover};
use crate::domain::Result;

pub(super) static PORTAGENT: Schema = Schema {
    name: "portagent",
    steps: &[Step { version: 1, apply: portagent_1 }, Step { version: 2, apply: portagent_2 }],
    is_legacy: takeover::is_legacy_accounts,
};

pub(super) static AGENTX: Schema =
    Schema { name: "agentx", steps: &[Step { version: 1, apply: agentx_1 }], is_legacy: takeover::is_legacy_agent };

fn portagent_1(conn: &Connection) -> Result<()> {
    if takeover::is_legacy_accounts(conn)? {
        return takeover::accounts(conn, include_str!("migrations/portagent-1.sql"));
    }
    conn.execute_batch(include_str!("migrations/portagent-1.sql")).map_err(failure::error)
}

fn portagent_2(conn: &Connection) -> Result<()> {
    conn.execute_batch(include_str!("migrations/portagent-2.sql")).map_err(failure::error)
}

fn agentx_1(conn: &Connection) -> Result<()> {
    conn.execute_batch(include_str!("migrations/agentx-1.sql")).map_err(failure::error)?;
    if takeover::is_legacy_agent(conn)? { takeover::agent(conn) } else { Ok(()) }
}
