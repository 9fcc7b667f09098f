//! The new file: made with our own schema, filled row by row.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{Connection, params, params_from_iter};

use super::TableReport;
use super::read::Row;
use super::record::Value;
use super::schema::{self, Schema, Table};
use super::shape::{self, Shape};
use crate::domain::{Error, Result};
use crate::store::engine::migrate;
use crate::store::migrations::Which;
use crate::store::sqlite::{open, rows};

/// Rows in one transaction.
const ROWS_PER_COMMIT: u64 = 2000;
/// Columns of SQLite's own statistics, whose rows are made anew.
const STATISTICS_COLUMNS: [usize; 2] = [3, 6];

pub(super) struct Builder {
    conn: Connection,
    shapes: Vec<Shape>,
    counts: BTreeMap<String, (u64, u64)>,
    pending: u64,
}

#[derive(PartialEq, Eq)]
enum Outcome {
    Stored,
    /// The same key is there already.
    Twice,
    /// It cannot be a row of this table.
    Refused,
}

impl Builder {
    pub(super) fn create(target: &Path, schema: &Schema) -> Result<Self> {
        open::new_private_file(target)?;
        let mut conn = open::writer(target)?;
        if schema.is_legacy {
            let sql = match schema.which {
                Which::Agentx => shape::LEGACY_AGENTX,
                Which::Portagent => shape::LEGACY_PORTAGENT,
            };
            conn.execute_batch(sql)?;
        } else {
            migrate::bring_up_to_date(&mut conn, target, schema.which.schema())?;
        }
        let mut shapes = schema.shapes.clone();
        for table in &schema.tables {
            if let Some(sql) = &table.sql
                && conn.execute(sql, []).is_ok()
            {
                shapes.push(table.shape.clone());
            }
        }
        // The file is thrown away if we do not come to the end, and synced there if we do.
        let prepared = conn.execute_batch("PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; BEGIN");
        prepared?;
        Ok(Self { conn, shapes, counts: BTreeMap::new(), pending: 0 })
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.conn
    }

    /// A row that was found in a table's tree.
    pub(super) fn in_tree(&mut self, table: &Table, row: Row) -> Result<()> {
        if table.is_internal {
            return Ok(());
        }
        // A wrong pointer leads into the tree of another table.
        let is_foreign = row.values.len() > table.shape.columns.len()
            || (self.shapes.contains(&table.shape) && !self.may_be(&table.shape, &row));
        if is_foreign
            && let Some(other) = self.only_table(&row)
            && other.table != table.shape.table
        {
            return self.store(&other, &row, true);
        }
        self.store(&table.shape, &row, false)
    }

    /// A row on a page that no tree led to.
    pub(super) fn stray(&mut self, row: Row) -> Result<()> {
        if schema::is_entry(&row.values) || self.is_statistics(&row) {
            return Ok(());
        }
        match self.only_table(&row) {
            Some(shape) => self.store(&shape, &row, true),
            None => self.lose(&row, None, "no table has such rows"),
        }
    }

    /// The reports of all tables, and how many rows belong nowhere. The file is whole and on the disk then.
    ///
    /// Errors: `Internal` when what we have made does not hold.
    pub(super) fn finish(self) -> Result<(Vec<TableReport>, u64)> {
        self.conn.execute_batch("COMMIT; PRAGMA synchronous = FULL")?;
        let verdict: String = self.conn.pragma_query_value(None, "integrity_check", |row| row.get(0))?;
        let broken: i64 = self.conn.query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| row.get(0))?;
        if verdict != "ok" || broken > 0 {
            return Err(Error::internal(format!(
                "the new file does not hold: {verdict}, {broken} rows without parent"
            )));
        }
        let names: Vec<String> = self
            .conn
            .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY rowid")
            .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect())?;
        let mut reports = Vec::new();
        let mut lost = 0;
        for name in names {
            let sql = format!("SELECT count(*) FROM {}", quoted(&name));
            let rows: i64 = self.conn.query_row(&sql, [], |row| row.get(0))?;
            let rows = rows.try_into().unwrap_or(0);
            if name == "lost_and_found" {
                lost = rows;
                continue;
            }
            let (strays, duplicates) = self.counts.get(&name).copied().unwrap_or_default();
            reports.push(TableReport { name, rows, strays, duplicates });
        }
        self.conn.close().map_err(|(_, cause)| cause)?;
        Ok((reports, lost))
    }

    /// Whether some version of this table has such rows; one to which columns were added has shorter ones, too.
    fn may_be(&self, shape: &Shape, row: &Row) -> bool {
        let versions = self.shapes.iter().filter(|other| other.table == shape.table);
        versions.chain([shape]).any(|version| {
            let mut version = version.clone();
            version.columns.truncate(row.values.len());
            version.fits(&row.values)
        })
    }

    /// The one table whose rows look like this one.
    fn only_table(&self, row: &Row) -> Option<Shape> {
        let mut fitting = self.shapes.iter().filter(|shape| shape.fits(&row.values));
        let first = fitting.next()?;
        fitting.all(|other| other.table == first.table).then(|| first.clone())
    }

    fn is_statistics(&self, row: &Row) -> bool {
        STATISTICS_COLUMNS.contains(&row.values.len())
            && matches!(&row.values[..2], [Value::Text(table), Value::Text(_) | Value::Null]
                if self.shapes.iter().any(|shape| &shape.table == table))
            && matches!(&row.values[2], Value::Text(_))
    }

    fn store(&mut self, shape: &Shape, row: &Row, is_stray: bool) -> Result<()> {
        self.breathe()?;
        match self.insert(shape, row) {
            Outcome::Stored if is_stray => self.counts.entry(shape.table.clone()).or_default().0 += 1,
            Outcome::Stored => {}
            Outcome::Twice => self.counts.entry(shape.table.clone()).or_default().1 += 1,
            Outcome::Refused => self.lose(row, Some(&shape.table), "its values do not fit")?,
        }
        Ok(())
    }

    fn insert(&self, shape: &Shape, row: &Row) -> Outcome {
        let columns: Vec<String> =
            shape.columns.iter().take(row.values.len()).map(|column| quoted(&column.name)).collect();
        let mut values = row.values.clone();
        values.truncate(columns.len());
        let has_rowid = shape.columns.iter().position(|column| column.is_rowid);
        if let Some(value) = has_rowid.and_then(|at| values.get_mut(at)) {
            *value = Value::Int(row.rowid);
        }
        let places = vec!["?"; columns.len()].join(", ");
        let (table, columns) = (quoted(&shape.table), columns.join(", "));
        let plain = format!("INSERT OR IGNORE INTO {table} ({columns}) VALUES ({places})");
        let with_rowid = format!("INSERT OR IGNORE INTO {table} (rowid, {columns}) VALUES (?, {places})");
        let run = |sql: &str, values: &mut dyn Iterator<Item = &Value>| {
            self.conn.prepare_cached(sql).and_then(|mut statement| statement.execute(params_from_iter(values)))
        };
        let rowid = Value::Int(row.rowid);
        // The same rowid keeps the order in which things were made; a broken one may be taken.
        let stored = has_rowid.is_none() && run(&with_rowid, &mut std::iter::once(&rowid).chain(&values)) == Ok(1);
        if stored || run(&plain, &mut values.iter()) == Ok(1) {
            return Outcome::Stored;
        }
        let key = format!("SELECT 1 FROM {table} WHERE {} = ?1", quoted(&shape.columns[0].name));
        let is_there = self.conn.prepare_cached(&key).and_then(|mut statement| statement.exists([&values[0]]));
        if is_there == Ok(true) { Outcome::Twice } else { Outcome::Refused }
    }

    fn lose(&mut self, row: &Row, table: Option<&str>, reason: &str) -> Result<()> {
        self.breathe()?;
        make_lost_and_found(&self.conn)?;
        let record = serde_json::Value::Array(row.values.iter().map(Value::as_json).collect()).to_string();
        let sql = "INSERT INTO lost_and_found (page, tableName, rowNumber, reason, record) VALUES (?1, ?2, ?3, ?4, ?5)";
        rows::change(&self.conn, sql, params![row.page, table, row.rowid, reason, record]).map(drop)
    }

    /// A commit now and then: the journal stays small.
    fn breathe(&mut self) -> Result<()> {
        self.pending += 1;
        if self.pending.is_multiple_of(ROWS_PER_COMMIT) {
            self.conn.execute_batch("COMMIT; BEGIN")?;
        }
        Ok(())
    }
}

/// Where rows are kept that belong nowhere.
pub(super) fn make_lost_and_found(conn: &Connection) -> Result<()> {
    let sql = "CREATE TABLE IF NOT EXISTS lost_and_found (id INTEGER PRIMARY KEY, page INTEGER, tableName TEXT, \
               rowNumber INTEGER, reason TEXT, record TEXT)";
    rows::change(conn, sql, []).map(drop)
}

pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
