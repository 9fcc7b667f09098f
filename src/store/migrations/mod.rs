//! The steps of both databases' schemas.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::domain::Result;
use crate::store::engine::migrate::{Schema, Step};
use crate::store::sqlite::programs::{Program, programs};
use crate::store::sqlite::rows;
use crate::store::v19::takeover;

/// One of the two databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// `portagent.db`: accounts.
    Portagent,
    /// `agentx.db`: conversations.
    Agentx,
}

impl Which {
    pub const BOTH: [Self; 2] = [Self::Portagent, Self::Agentx];

    /// By its name, with or without `.db`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::BOTH.into_iter().find(|which| name == which.name() || name == which.file())
    }

    pub fn name(self) -> &'static str {
        self.schema().name
    }

    pub fn file(self) -> &'static str {
        match self {
            Self::Portagent => "portagent.db",
            Self::Agentx => "agentx.db",
        }
    }

    pub fn path(self, directory: &Path) -> PathBuf {
        directory.join("data").join(self.file())
    }

    pub(in crate::store) fn schema(self) -> &'static Schema {
        match self {
            Self::Portagent => &PORTAGENT,
            Self::Agentx => &AGENTX,
        }
    }
}

pub static PORTAGENT: Schema = Schema {
    name: "portagent",
    steps: &[
        Step { version: 1, apply: portagent_1 },
        Step { version: 2, apply: portagent_2 },
        Step { version: 3, apply: portagent_3 },
        Step { version: 4, apply: portagent_4 },
        Step { version: 5, apply: portagent_5 },
        Step { version: 6, apply: portagent_6 },
        Step { version: 7, apply: portagent_7 },
        Step { version: 8, apply: portagent_8 },
    ],
    is_legacy: takeover::is_legacy_accounts,
};

pub static AGENTX: Schema = Schema {
    name: "agentx",
    steps: &[
        Step { version: 1, apply: agentx_1 },
        Step { version: 2, apply: agentx_2 },
        Step { version: 3, apply: agentx_3 },
        Step { version: 4, apply: agentx_4 },
        Step { version: 5, apply: agentx_5 },
        Step { version: 6, apply: agentx_6 },
        Step { version: 7, apply: agentx_7 },
    ],
    is_legacy: takeover::is_legacy_agent,
};

fn portagent_1(conn: &Connection) -> Result<()> {
    if takeover::is_legacy_accounts(conn)? {
        return takeover::accounts(conn, include_str!("portagent-1.sql"));
    }
    Ok(conn.execute_batch(include_str!("portagent-1.sql"))?)
}

fn portagent_2(conn: &Connection) -> Result<()> {
    Ok(conn.execute_batch(include_str!("portagent-2.sql"))?)
}

fn portagent_3(conn: &Connection) -> Result<()> {
    Ok(conn.execute_batch(include_str!("portagent-3.sql"))?)
}

fn portagent_4(conn: &Connection) -> Result<()> {
    Ok(conn.execute_batch(include_str!("portagent-4.sql"))?)
}

fn portagent_5(conn: &Connection) -> Result<()> {
    Ok(conn.execute_batch(include_str!("portagent-5.sql"))?)
}

fn portagent_6(conn: &Connection) -> Result<()> {
    Ok(conn.execute_batch(include_str!("portagent-6.sql"))?)
}

fn portagent_7(conn: &Connection) -> Result<()> {
    Ok(conn.execute_batch(include_str!("portagent-7.sql"))?)
}

fn portagent_8(conn: &Connection) -> Result<()> {
    Ok(conn.execute_batch(include_str!("portagent-8.sql"))?)
}

fn agentx_1(conn: &Connection) -> Result<()> {
    conn.execute_batch(include_str!("agentx-1.sql"))?;
    if takeover::is_legacy_agent(conn)? { takeover::agent(conn) } else { Ok(()) }
}

fn agentx_2(conn: &Connection) -> Result<()> {
    Ok(conn.execute_batch(include_str!("agentx-2.sql"))?)
}

fn agentx_3(conn: &Connection) -> Result<()> {
    Ok(conn.execute_batch(include_str!("agentx-3.sql"))?)
}

fn agentx_4(conn: &Connection) -> Result<()> {
    Ok(conn.execute_batch(include_str!("agentx-4.sql"))?)
}

fn agentx_5(conn: &Connection) -> Result<()> {
    Ok(conn.execute_batch(include_str!("agentx-5.sql"))?)
}

fn agentx_6(conn: &Connection) -> Result<()> {
    Ok(conn.execute_batch(include_str!("agentx-6.sql"))?)
}

fn agentx_7(conn: &Connection) -> Result<()> {
    Ok(conn.execute_batch(include_str!("agentx-7.sql"))?)
}

/// An empty database in memory, as this program makes one.
pub fn expected(which: Which) -> Result<Connection> {
    made_up_to(which, which.schema().newest())
}

/// Triggers, views and virtual tables that are not those of our migrations, up to the file's own schema. No connection of
/// ours runs them, other programs would.
pub fn foreign_programs(conn: &Connection, which: Which) -> Result<Vec<Program>> {
    let ours = programs(&made_up_to(which, rows::value(conn, "PRAGMA user_version", [])?)?)?;
    Ok(programs(conn)?.difference(&ours).cloned().collect())
}

fn made_up_to(which: Which, version: i64) -> Result<Connection> {
    let conn = Connection::open_in_memory()?;
    for step in which.schema().steps.iter().filter(|step| step.version <= version) {
        (step.apply)(&conn)?;
    }
    Ok(conn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_of_older_preambles_are_found_in_their_set() {
        let conn = made_up_to(Which::Agentx, 6).expect("made");
        conn.execute_batch(
            "PRAGMA foreign_keys = OFF;
             INSERT INTO preambles (sessionId, turnId, ordinal, system, tools) VALUES
               ('s', 't1', 1, 'be kind', '[[\"a\",\"\",\"{}\"]]'), ('s', 't2', 2, '', '[[\"a\",\"\",\"{}\"]]'),
               ('r', 't3', 1, '', '[]')",
        )
        .expect("inserts");
        agentx_7(&conn).expect("migrates");
        let sql = "SELECT turnId || definitions FROM preambles JOIN tool_sets ON digest = setDigest ORDER BY turnId";
        let found: Vec<String> = rows::all(&conn, sql, [], |row| row.get(0)).expect("reads");
        assert_eq!(found, [r#"t1[["a","","{}"]]"#, r#"t2[["a","","{}"]]"#, "t3[]"]);
        assert_eq!(rows::count(&conn, "SELECT count(*) FROM tool_sets", []).expect("counts"), 2);
    }
}
