//! Real databases, damaged in every way that comes to mind.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::store::engine::migrate;
use crate::store::sqlite::open;
use crate::store::tables::stored;

/// A small generator of the same numbers every time (xorshift64*).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % below
    }
}

struct Bench {
    home: TempDir,
    runs: u32,
}

impl Bench {
    fn new() -> Self {
        Self { home: tempfile::tempdir().expect("a directory"), runs: 0 }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// A database of ours with the statistics that SQLite keeps.
    fn database(&self, which: Which, fill: &str) -> PathBuf {
        let path = self.path(which.file());
        open::new_private_file(&path).expect("is made");
        let mut conn = open::writer(&path).expect("opens");
        migrate::bring_up_to_date(&mut conn, &path, which.schema()).expect("is made");
        open::prepare_writer(&conn).expect("is set up");
        conn.execute_batch(fill).expect("is filled");
        if which == Which::Agentx {
            stored::recount_all(&conn).expect("counts"); // a connection of ours runs no triggers
        }
        conn.close().expect("closes");
        path
    }

    fn agentx(&self) -> PathBuf {
        self.database(Which::Agentx, AGENTX)
    }

    /// Recovers it, and what is always so: the original is as it was, and the result is whole.
    fn recover(&mut self, original: &Path, which: Option<Which>) -> (Report, Connection) {
        self.runs += 1;
        let workshop = self.path(&format!("work-{}", self.runs));
        fs::create_dir(&workshop).expect("a directory");
        let target = workshop.join("new.db");
        let before = (fs::read(original).expect("reads"), fs::metadata(original).expect("is there").modified().ok());
        let report = recover(original, which, &workshop, &target).expect("recovers");
        let after = (fs::read(original).expect("reads"), fs::metadata(original).expect("is there").modified().ok());
        assert!(before == after, "the original was touched");
        let conn = Connection::open(&target).expect("opens");
        let verdict: String = conn.pragma_query_value(None, "integrity_check", |row| row.get(0)).expect("asks");
        assert_eq!(verdict, "ok");
        (report, conn)
    }
}

/// 60 conversations, 360 messages, some of them large; some conversations were deleted again.
const AGENTX: &str = "
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 80)
    INSERT INTO containers SELECT 'user-' || i, i, i FROM n WHERE i <= 7;
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 80)
    INSERT INTO images SELECT 'img_' || i, 'user-' || (i % 7 + 1), 'sess_' || i, '名字 ' || i, NULL, NULL, 'm', i, i, 'high', i % 3, i % 2 FROM n;
    INSERT INTO sessions (sessionId, imageId, containerId, createdAt, updatedAt, seqReserved)
      SELECT sessionId, imageId, containerId, createdAt, updatedAt, 1000 FROM images;
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3)
    INSERT INTO turns (turnId, sessionId, ordinal, userMessageId, state, createdAt)
    SELECT 'turn_' || imageId || i, sessionId, i, 'msg_' || imageId || i || 'q', 'completed', i FROM images, n;
    UPDATE turns SET parentOrdinal = 1, isOther = ordinal = 2, repeats = 'turn_' || sessionId, model = 'p/m'
      WHERE ordinal > 1 AND rowid % 2 = 0;
    INSERT INTO messages SELECT userMessageId, sessionId, turnId, ordinal << 20, 'user',
      '[{\"type\":\"text\",\"text\":\"' || hex(randomblob(40)) || '\"}]', 'complete', NULL, NULL, NULL, NULL, 1 FROM turns;
    INSERT INTO messages SELECT 'msg_' || turnId || 'a', sessionId, turnId, (ordinal << 20) + 1, 'assistant',
      '[{\"type\":\"text\",\"text\":\"' || hex(randomblob(CASE ordinal WHEN 2 THEN 6000 ELSE 200 END)) || '\"}]',
      'complete', 'm', 'end_turn', '{}', NULL, 2 FROM turns;
    DELETE FROM images WHERE rowid % 4 = 0;
    CREATE TABLE notes (id INTEGER PRIMARY KEY, a REAL, b BLOB);
    INSERT INTO notes VALUES (7, 1.5, X'00ff'), (9, -1e300, NULL), (10, NULL, 'text');
    ANALYZE;
";

const PORTAGENT: &str = "
    INSERT INTO users (userId, username, email, passwordHash, containerId, createdAt, updatedAt) VALUES
      ('u1', 'Ann', 'a@b.c', 'h', 'user-1', 1, 1), ('u2', 'Bob', NULL, 'h', 'user-2', 2, 2);
    INSERT INTO logins (loginId, userId, createdAt, expiresAt) VALUES ('l1', 'u1', 1, 2), ('l2', 'u2', 1, 2);
    INSERT INTO revoked_tokens VALUES ('0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef', 5);
    INSERT INTO unlocks VALUES ('*', 5);
    INSERT INTO invites VALUES ('code', NULL, 1, 'u1', 1, 2);
    INSERT INTO settings VALUES ('retention.days', '30', 1);
    INSERT INTO jobs VALUES ('backup', 1, 2, 2, NULL, 'done');
";

/// Every row of a table with its rowid, as text, in order.
fn rows(conn: &Connection, table: &str) -> Vec<String> {
    let columns: Vec<String> = conn
        .prepare(&format!("SELECT 'quote(' || name || ')' FROM pragma_table_info('{table}')"))
        .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect())
        .expect("reads");
    conn.prepare(&format!("SELECT rowid || '|' || {} FROM {table} ORDER BY 1", columns.join("||'|'||")))
        .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect())
        .expect("reads")
}

fn tables(conn: &Connection) -> Vec<String> {
    conn.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY 1")
        .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect())
        .expect("reads")
}

fn everything(conn: &Connection) -> Vec<(String, Vec<String>)> {
    tables(conn).into_iter().map(|table| (table.clone(), rows(conn, &table))).collect()
}

fn damaged(path: &Path, damage: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).expect("reads");
    damage(&mut bytes);
    fs::write(path, bytes).expect("writes");
}

const PAGE: usize = 4096;

fn zero(bytes: &mut [u8], page: usize) {
    bytes[(page - 1) * PAGE..page * PAGE].fill(0);
}

fn number(path: &Path, sql: &str) -> usize {
    let found: i64 = Connection::open(path).expect("opens").query_row(sql, [], |row| row.get(0)).expect("reads");
    found.try_into().expect("a number")
}

#[test]
fn an_undamaged_file_comes_back_row_by_row() {
    for (which, fill) in [(Which::Agentx, AGENTX), (Which::Portagent, PORTAGENT)] {
        let mut bench = Bench::new();
        let original = bench.database(which, fill);
        let expected = everything(&Connection::open(&original).expect("opens"));
        let (report, new) = bench.recover(&original, None);
        assert_eq!(everything(&new), expected);
        assert_eq!((report.damage, report.lost, report.mended.len()), (None, 0, 0));
        assert_eq!(report.which, which);
        let version: i64 = new.pragma_query_value(None, "user_version", |row| row.get(0)).expect("asks");
        assert_eq!(version, which.schema().newest());
    }
}

#[test]
fn what_only_the_log_holds_comes_back_too() {
    let mut bench = Bench::new();
    let original = bench.agentx();
    let live = Connection::open(&original).expect("opens");
    live.pragma_update(None, "wal_autocheckpoint", 0).expect("set");
    live.execute_batch("INSERT INTO containers VALUES ('new', 5, 5); DELETE FROM images WHERE imageId = 'img_1';
        UPDATE images SET name = 'other' WHERE imageId = 'img_2'; BEGIN; INSERT INTO containers VALUES ('uncommitted', 1, 1)")
        .expect("writes");
    let copy = bench.path("crashed.db");
    fs::copy(&original, &copy).expect("copies");
    fs::copy(beside(&original, "-wal"), beside(&copy, "-wal")).expect("copies");
    live.execute_batch("ROLLBACK").expect("ends");
    let expected = everything(&live);
    // A torn frame at the end is what a crash leaves.
    let log = fs::read(beside(&copy, "-wal")).expect("reads");
    fs::write(beside(&copy, "-wal"), [&log[..], &log[32..600]].concat()).expect("writes");
    let (report, new) = bench.recover(&copy, None);
    assert_eq!(everything(&new), expected);
    assert_eq!(report.damage, None);
}

#[test]
fn one_lost_leaf_costs_its_own_rows_only() {
    let mut bench = Bench::new();
    let original = bench.agentx();
    let leaf = "SELECT pageno FROM dbstat WHERE name = 'messages' AND pagetype = 'leaf' AND ncell > 1 LIMIT 1 OFFSET 3";
    let page = number(&original, leaf);
    let cells = number(&original, &format!("SELECT ncell FROM dbstat WHERE pageno = {page}"));
    let expected = everything(&Connection::open(&original).expect("opens"));
    damaged(&original, |bytes| zero(bytes, page));
    let (report, new) = bench.recover(&original, None);
    for (table, all) in expected {
        // What sessions hold is counted anew.
        let bare = |row: &String| match table.as_str() {
            "sessions" => row.rsplitn(3, '|').last().map(str::to_owned),
            _ => Some(row.clone()),
        };
        let (all, there): (Vec<_>, Vec<_>) =
            (all.iter().map(bare).collect(), rows(&new, &table).iter().map(bare).collect());
        assert!(there.iter().all(|row| all.contains(row)), "{table}: nothing is invented");
        assert_eq!(there.len(), all.len() - if table == "messages" { cells } else { 0 }, "{table}");
    }
    assert!(report.damage.is_some_and(|damage| damage.contains("1 pages cannot be read")));
}

#[test]
fn a_lost_root_costs_nothing() {
    for table in ["messages", "turns"] {
        let mut bench = Bench::new();
        let original = bench.agentx();
        let root = number(&original, &format!("SELECT rootpage FROM sqlite_schema WHERE name = '{table}'"));
        let inner =
            number(&original, &format!("SELECT count(*) FROM dbstat WHERE pageno = {root} AND pagetype = 'internal'"));
        let expected = everything(&Connection::open(&original).expect("opens"));
        assert_eq!(inner, 1, "its root points to others");
        damaged(&original, |bytes| zero(bytes, root));
        let (report, new) = bench.recover(&original, None);
        assert_eq!(everything(&new), expected);
        let strays = report.tables.iter().find(|report| report.name == table).expect("is reported").strays;
        assert_eq!(strays as usize, rows(&new, table).len());
    }
}

#[test]
fn without_its_first_page_everything_of_ours_comes_back() {
    for (which, fill) in [(Which::Agentx, AGENTX), (Which::Portagent, PORTAGENT)] {
        let mut bench = Bench::new();
        let original = bench.database(which, fill);
        let ours = |conn: &Connection| -> Vec<_> {
            everything(conn).into_iter().filter(|(table, _)| table != "notes" && table != "lost_and_found").collect()
        };
        let expected = ours(&Connection::open(&original).expect("opens"));
        damaged(&original, |bytes| bytes[..PAGE].fill(0xaa));
        let unnamed = bench.path("found.bin");
        fs::rename(&original, &unnamed).expect("renames");
        let (report, new) = bench.recover(&unnamed, None);
        assert_eq!((report.which, ours(&new)), (which, expected));
        assert!(report.damage.expect("is told").contains("first page"));
    }
}

#[test]
fn pages_are_as_large_as_they_are_however_few_rows_they_hold() {
    for bytes in [100, 700, 1000, 1900, 2040, 3000, 5000, 9000] {
        let mut bench = Bench::new();
        let fill = format!(
            "INSERT INTO containers VALUES ('c', 1, 1); INSERT INTO images VALUES ('i', 'c', 's', '', NULL, NULL, NULL, 1, 1, NULL, 0, 0);
             INSERT INTO sessions (sessionId, imageId, containerId, createdAt, updatedAt, seqReserved) VALUES ('s', 'i', 'c', 1, 1, 1);
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)
             INSERT INTO messages SELECT 'm' || i, 's', NULL, i, 'user', hex(randomblob({bytes} / 2)), 'complete', NULL,
               NULL, NULL, NULL, 1 FROM n"
        );
        let original = bench.database(Which::Agentx, &fill);
        let expected = everything(&Connection::open(&original).expect("opens"));
        damaged(&original, |bytes| bytes[..PAGE].fill(0));
        let (_, new) = bench.recover(&original, None);
        assert_eq!(everything(&new), expected, "{bytes}");
    }
}

#[test]
fn what_hangs_in_the_air_gets_a_parent_or_is_set_aside() {
    let mut bench = Bench::new();
    let original = bench.agentx();
    let break_it = "PRAGMA foreign_keys = OFF; DROP TRIGGER containers_delete; DROP TRIGGER images_delete;
        DROP TRIGGER sessions_delete; DELETE FROM containers WHERE containerId = 'user-1';
        DELETE FROM images WHERE imageId = 'img_1'; DELETE FROM sessions WHERE sessionId = 'sess_2';
        DELETE FROM images WHERE imageId = 'img_3'; DELETE FROM sessions WHERE sessionId = 'sess_3';
        DELETE FROM turns WHERE sessionId = 'sess_5'";
    Connection::open(&original).expect("opens").execute_batch(break_it).expect("breaks");
    let (report, new) = bench.recover(&original, None);
    let one = |sql: &str| new.query_row(sql, [], |row| row.get::<_, String>(0)).expect("reads");
    assert_eq!(one("SELECT name || containerId FROM images WHERE imageId = 'img_1'"), "Recovered conversationuser-2");
    assert_eq!(one("SELECT count(*) || '' FROM containers WHERE containerId = 'user-1'"), "1");
    assert_eq!(one("SELECT count(*) || '' FROM messages WHERE sessionId = 'sess_2'"), "6");
    assert_eq!(one("SELECT group_concat(ordinal) FROM turns WHERE sessionId = 'sess_5'"), "1,2,3");
    assert_eq!(one("SELECT count(*) || '' FROM lost_and_found WHERE record LIKE '%sess_3%'"), "9");
    assert_eq!((report.lost, report.mended.len()), (9, 6), "{:?}", report.mended);
}

#[test]
fn a_file_of_portagent_19_stays_one() {
    for (name, table) in [("agentx.db", "kv_storage"), ("portagent.db", "users")] {
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/v19").join(name);
        let mut bench = Bench::new();
        let original = bench.path(name);
        fs::copy(&sample, &original).expect("copies");
        let expected = rows(&Connection::open(&original).expect("opens"), table);
        let (report, new) = bench.recover(&original, None);
        assert_eq!((rows(&new, table), report.damage), (expected.clone(), None));
        damaged(&original, |bytes| bytes[..100].fill(0));
        let (_, new) = bench.recover(&original, None);
        assert_eq!(rows(&new, table), expected);
    }
}

#[test]
fn nothing_of_ours_is_said_so() {
    let bench = Bench::new();
    for (at, bytes) in [Vec::new(), vec![0; 100], vec![7; 100_000], b"hello".to_vec()].into_iter().enumerate() {
        let file = bench.path("x");
        fs::write(&file, bytes).expect("writes");
        let workshop = bench.path(&format!("w{at}"));
        fs::create_dir(&workshop).expect("a directory");
        let error = recover(&file, None, &workshop, &workshop.join("new.db")).expect_err("there is nothing");
        assert_eq!(error.code, "not_ours");
    }
}

fn hurt(bytes: &mut Vec<u8>, dice: &mut Dice) -> &'static str {
    let pages = bytes.len() / PAGE;
    match dice.roll(6) {
        0 => {
            for _ in 0..=dice.roll(40) {
                let at = dice.roll(bytes.len());
                bytes[at] ^= 1 << dice.roll(8);
            }
            "flipped bits"
        }
        1 => {
            for _ in 0..=dice.roll(8) {
                zero(bytes, 1 + dice.roll(pages));
            }
            "zeroed pages"
        }
        2 => {
            let length = dice.roll(bytes.len());
            bytes.truncate(length.max(1));
            "a truncated file"
        }
        3 => {
            bytes[..PAGE].iter_mut().for_each(|byte| *byte = dice.roll(256) as u8);
            "noise in the first page"
        }
        4 => {
            for _ in 0..=dice.roll(6) {
                let (from, to) = (dice.roll(pages), dice.roll(pages));
                bytes.copy_within(from * PAGE..(from + 1) * PAGE, to * PAGE);
            }
            "pages over others"
        }
        _ => {
            // What the structures themselves say: headers and pointers of pages.
            for _ in 0..=dice.roll(60) {
                let at = dice.roll(pages) * PAGE + dice.roll(16);
                bytes[at] = dice.roll(256) as u8;
            }
            "broken page headers"
        }
    }
}

#[test]
fn whatever_happens_to_a_file_the_result_is_whole() {
    let rounds = std::env::var("SALVAGE_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(300);
    let mut bench = Bench::new();
    let original = bench.agentx();
    let sound = fs::read(&original).expect("reads");
    let mut dice = Dice(0x1234_5678_9abc_def1);
    for round in 0..rounds {
        let mut bytes = sound.clone();
        let damage = hurt(&mut bytes, &mut dice);
        fs::write(&original, &bytes).expect("writes");
        println!("round {round}: {damage}");
        let (_, conn) = bench.recover(&original, Some(Which::Agentx));
        drop(conn);
        fs::remove_dir_all(bench.path(&format!("work-{}", bench.runs))).expect("is swept");
    }
}
