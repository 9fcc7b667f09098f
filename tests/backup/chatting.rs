//! Fifty people write while a backup is made: what was acknowledged before it began is in it, and no turn is torn.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::json;

use super::{backup, file_of, names, unpacked};
use crate::support::chat::{self, Chat, Image};
use crate::support::people::sqlite3;
use crate::support::server::Server;
use crate::support::upstream::Script;
use crate::support::ws::Client;
use crate::support::{eventually, run_with_input};

const WRITERS: usize = 50;
const PEOPLE: usize = 10;
/// Messages of each writer before anything is backed up.
const BEFORE: usize = 2;

/// What was acknowledged: the message's id and what it says.
type Acknowledged = Arc<Mutex<BTreeMap<String, String>>>;

struct Writers {
    chat: Chat,
    acknowledged: Acknowledged,
    over: Arc<AtomicBool>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Writers {
    fn start() -> Self {
        let chat = Chat::built(Server::builder().env("REGISTRATIONS_PER_HOUR", "0"), []);
        chat.upstream.always(|| Script::deltas(&["This is ", "an answer ", "in pieces."]));
        let tokens: Vec<String> =
            (0..PEOPLE).map(|one| chat::register(&chat.server, &format!("person{one}"))).collect();
        let (acknowledged, over) = (Acknowledged::default(), Arc::new(AtomicBool::new(false)));
        let threads = (0..WRITERS).map(|writer| {
            let mut client = Client::connect(chat.server.port(), &tokens[writer % PEOPLE]);
            let image = chat::create(&mut client);
            chat::subscribe(&mut client, &image, None);
            let (acknowledged, over) = (acknowledged.clone(), over.clone());
            std::thread::spawn(move || write(client, &image, writer, &acknowledged, &over))
        });
        let threads = threads.collect();
        let writers = Self { chat, acknowledged, over, threads };
        eventually("everybody writes", || writers.acknowledged().len() >= WRITERS * BEFORE);
        writers
    }

    fn acknowledged(&self) -> BTreeMap<String, String> {
        self.acknowledged.lock().unwrap().clone()
    }

    fn end(self) -> Chat {
        self.over.store(true, Ordering::Relaxed);
        self.threads.into_iter().for_each(|thread| thread.join().unwrap());
        self.chat
    }
}

fn write(mut client: Client, image: &Image, writer: usize, acknowledged: &Acknowledged, over: &AtomicBool) {
    for number in 0.. {
        if over.load(Ordering::Relaxed) {
            return;
        }
        let text = format!("message {number} of writer {writer}");
        let id = chat::send(&mut client, image, &text)["messageId"].as_str().unwrap().to_owned();
        acknowledged.lock().unwrap().insert(id, text);
        client.events_until("conversation_end");
    }
}

/// All messages of a database that are what they will stay, as `id|role|content`.
fn settled(database: &Path) -> BTreeMap<String, String> {
    let rows = sqlite3(database, "SELECT messageId, role, turnId, content FROM messages WHERE status = 'complete';");
    let row = |row: &str| row.split_once('|').map(|(id, rest)| (id.to_owned(), rest.to_owned())).unwrap();
    rows.lines().map(row).collect()
}

fn check_copy(
    data: &Path,
    agentx: &str,
    portagent: &str,
    before: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let (agent, accounts) = (data.join(agentx), data.join(portagent));
    for database in [&agent, &accounts] {
        assert_eq!(sqlite3(database, "PRAGMA integrity_check; PRAGMA foreign_key_check;"), "ok");
    }
    let copied = settled(&agent);
    for (id, text) in before {
        let found = copied.get(id).unwrap_or_else(|| panic!("{text:?} was acknowledged before and is not there"));
        assert!(found.contains(text.as_str()), "{found}");
    }
    // No torn turn: each has its question, and one that is completed its whole answer.
    let torn = "SELECT count(*) FROM turns t WHERE NOT EXISTS (SELECT 1 FROM messages m WHERE m.messageId = \
                t.userMessageId) OR (t.state = 'completed' AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.turnId = \
                t.turnId AND m.role = 'assistant' AND m.status = 'complete' AND m.content LIKE '%in pieces.%')); \
                SELECT count(*) FROM messages m WHERE NOT EXISTS (SELECT 1 FROM turns t WHERE t.turnId = m.turnId);";
    assert_eq!(sqlite3(&agent, torn), "0\n0");
    // No message of an account that is not there.
    let owners = sqlite3(&accounts, "SELECT containerId FROM users ORDER BY 1;");
    for container in sqlite3(&agent, "SELECT DISTINCT containerId FROM images;").lines() {
        assert!(owners.lines().any(|owner| owner == container), "{container}");
    }
    copied
}

#[test]
fn everything_acknowledged_is_in_it_and_no_turn_is_torn() {
    let writers = Writers::start();
    let before = writers.acknowledged();
    let made = backup(&writers.chat.server, &[]);
    assert!(writers.acknowledged().len() > before.len(), "people went on writing");
    let chat = writers.end();
    let out = unpacked(&file_of(&made));
    let copied = check_copy(&out.path().join("data"), "agentx.db", "portagent.db", &before);
    let rows = made["databases"][0]["rows"]["messages"].as_u64().unwrap();
    assert_eq!(sqlite3(&out.path().join("data/agentx.db"), "SELECT count(*) FROM messages;"), rows.to_string());
    // Row by row: what is settled in the copy is the same in the original, to the byte.
    let live = settled(&chat.server.data_dir().join("data/agentx.db"));
    for (id, row) in &copied {
        assert_eq!(live.get(id), Some(row), "{id}");
    }
    assert!(copied.len() >= before.len());
}

/// From the operations manual, chapter 自动备份脚本, as it stands there.
const SCRIPT: &str = r#"#!/bin/bash

BACKUP_DIR="/var/backups/portagent"
DATA_DIR="/var/lib/portagent/data"
RETENTION_DAYS=30

# 创建备份目录
mkdir -p "$BACKUP_DIR"

# 生成备份文件名
TIMESTAMP=$(date +%Y%m%d_%H%M%S)

# 备份数据库
sqlite3 "$DATA_DIR/agentx.db" ".backup $BACKUP_DIR/agentx-$TIMESTAMP.db"
sqlite3 "$DATA_DIR/portagent.db" ".backup $BACKUP_DIR/portagent-$TIMESTAMP.db"

# 压缩备份
tar -czf "$BACKUP_DIR/backup-$TIMESTAMP.tar.gz" \
  "$BACKUP_DIR/agentx-$TIMESTAMP.db" \
  "$BACKUP_DIR/portagent-$TIMESTAMP.db"

# 删除临时文件
rm "$BACKUP_DIR/agentx-$TIMESTAMP.db" "$BACKUP_DIR/portagent-$TIMESTAMP.db"

# 清理旧备份
find "$BACKUP_DIR" -name "backup-*.tar.gz" -mtime +$RETENTION_DAYS -delete

echo "Backup completed: $BACKUP_DIR/backup-$TIMESTAMP.tar.gz"
"#;

#[test]
fn the_manuals_own_script_and_cron_line_work_while_people_chat() {
    let writers = Writers::start();
    let home = tempfile::tempdir().unwrap();
    let at = |name: &str| home.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(at("backup.sh"), SCRIPT).unwrap();
    let adjust = format!(
        "sed -i 's|^BACKUP_DIR=.*|BACKUP_DIR=\"{}\"|; s|^DATA_DIR=.*|DATA_DIR=\"{}\"|' backup.sh && chmod +x backup.sh && \
         mkdir out && touch -d '31 days ago' out/backup-old.tar.gz out/other.tar.gz",
        at("out"),
        writers.chat.server.data_dir().join("data").display(),
    );
    // What cron runs: `0 2 * * * /path/to/backup.sh >> /var/log/portagent-backup.log 2>&1`
    let line = format!("{} >> {} 2>&1", at("backup.sh"), at("portagent-backup.log"));
    let before = writers.acknowledged();
    for line in [adjust, line] {
        let mut shell = Command::new("sh");
        shell.args(["-c", &line]).current_dir(home.path());
        let run = run_with_input(shell, "");
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{line}");
    }
    writers.end();
    let log = std::fs::read_to_string(at("portagent-backup.log")).unwrap();
    let archive =
        log.lines().find_map(|line| line.strip_prefix("Backup completed: ")).unwrap_or_else(|| panic!("{log}"));
    let left = names(&home.path().join("out"));
    assert_eq!(left.len(), 2, "the old one is gone, and the databases are in the archive: {left:?}");
    let out = unpacked(Path::new(archive));
    let data = out.path().join(at("out").trim_start_matches('/'));
    let copies = names(&data);
    check_copy(&data, &copies[0], &copies[1], &before);
}

#[test]
fn conversations_of_the_test_are_what_they_seem() {
    // A check that cannot fail is none: a torn turn is seen.
    let chat = Chat::with([Script::text("An answer in pieces.")]);
    let (mut client, image) = chat.conversation();
    chat::chat(&mut client, &image, "hello");
    let made = backup(&chat.server, &[]);
    let out = unpacked(&file_of(&made));
    let data = out.path().join("data");
    check_copy(&data, "agentx.db", "portagent.db", &BTreeMap::new());
    sqlite3(&data.join("agentx.db"), "DELETE FROM messages WHERE role = 'assistant';");
    let torn = std::panic::catch_unwind(|| check_copy(&data, "agentx.db", "portagent.db", &BTreeMap::new()));
    assert!(torn.is_err());
    assert_eq!(json!(made["databases"][0]["rows"]["turns"]), 1);
}
