//! The chapters on data, in the manual's order: backup, restore, the databases, users, permissions, trouble.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::guide::{block, blocks};
use super::stage::Stage;
use crate::support::people::sqlite3;

#[test]
fn the_chapters_on_data_in_order() {
    let stage = Stage::start();
    let ann = stage.register("ann");
    let backup = backup_while_stopped(&stage, &ann);
    let online = backup_online(&stage, &ann);
    backup_by_script_and_cron(&stage, &ann);
    restore(&stage, &ann, &online, &backup);
    maintenance(&stage, &ann);
    users(&stage, &ann);
    permissions(&stage, &ann);
    trouble(&stage, &ann);
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn found(directory: &Path, start: &str) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.retain(|path| path.file_name().unwrap().to_str().unwrap().starts_with(start));
    all.sort();
    all
}

/// 数据备份 › 手动备份 › 停机备份
fn backup_while_stopped(stage: &Stage, ann: &str) -> Vec<String> {
    stage.ask(ann);
    stage.done(&block("停机备份"));
    let copy = found(stage.home(), "backup-2").remove(0);
    let ids = stage.message_ids(&copy.join("data/agentx.db"));
    assert_eq!(ids.len(), 2);
    assert!(!copy.join("data/agentx.db-wal").exists(), "an orderly stop leaves one file");
    stage.ask(ann);
    ids
}

/// 数据备份 › 手动备份 › 在线备份（SQLite）
fn backup_online(stage: &Stage, ann: &str) -> Vec<String> {
    let before = stage.ask(ann);
    let (_, asked) = stage.while_chatting(ann, || stage.done(&block("在线备份（SQLite）")));
    assert!(!asked.is_empty());
    let ids = stage.message_ids(&stage.home().join("agentx-backup.db"));
    assert!(ids.contains(&before), "what was said before is in it");
    assert_eq!(sqlite3(&stage.home().join("portagent-backup.db"), "SELECT username FROM users"), "ann");
    ids
}

/// 数据备份 › 自动备份脚本, and its line for cron
fn backup_by_script_and_cron(stage: &Stage, ann: &str) {
    let [script, cron] = &blocks("自动备份脚本", "bash")[..] else { panic!("a script and a line") };
    let file = stage.home().join("backup.sh");
    fs::write(&file, stage.placed(script)).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    let (printed, _) = stage.while_chatting(ann, || stage.done("./backup.sh"));
    assert!(printed.contains("Backup completed: "), "{printed}");
    let archive = found(&stage.home().join("backups"), "backup-").remove(0);
    let unpacked = stage.home().join("unpacked");
    fs::create_dir(&unpacked).unwrap();
    stage.done(&format!("tar -xzf {} -C unpacked", archive.display()));
    let database = stage.done("find unpacked -name 'agentx-*.db'");
    assert!(!stage.message_ids(&stage.home().join(database.trim())).is_empty());

    // 每天凌晨 2 点: the five fields are cron's, the rest is a shell's.
    let line = cron.lines().find(|line| line.starts_with("0 2 * * * ")).unwrap();
    let command = line.splitn(6, ' ').nth(5).unwrap();
    let (run, _) = stage.while_chatting(ann, || stage.cron(command));
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), ""), "{}", run.stderr);
    let log = fs::read_to_string(stage.home().join("portagent-backup.log")).unwrap();
    assert!(log.contains("Backup completed: "), "{log}");
}

/// 数据恢复. The archive has the name that the manual names, and the files in it stand at its top, as the manual's next
/// lines want it; its own script packs them with their directories.
fn restore(stage: &Stage, ann: &str, online: &[String], older: &[String]) {
    for name in ["agentx", "portagent"] {
        fs::copy(
            stage.home().join(format!("{name}-backup.db")),
            stage.home().join(format!("{name}-20250115_020000.db")),
        )
        .unwrap();
    }
    stage.done("tar -czf backup-20250115_020000.tar.gz agentx-20250115_020000.db portagent-20250115_020000.db && rm *-20250115_020000.db");
    let later = stage.ask(ann);
    let mut restore = block("数据恢复");
    if !rustix::process::geteuid().is_root() {
        println!("not root: chown is left out");
        restore = restore.replace("chown -R 1000:1000", "true");
    }
    stage.done(&restore);
    let live = stage.data_dir().join("data/agentx.db");
    let ids = stage.message_ids(&live);
    assert_eq!(ids, online, "everything of that moment, and nothing else");
    assert!(!ids.contains(&later) && older.iter().all(|id| ids.contains(id)));
    stage.ask(ann); // the token of before is good, and so is what it may do
    let owner = if rustix::process::geteuid().is_root() { "1000" } else { "" };
    assert!(stage.done("stat -c %u data/data/agentx.db").contains(owner));
}

/// 数据库维护 › SQLite 优化, 完整性检查, 统计信息
fn maintenance(stage: &Stage, ann: &str) {
    stage.while_chatting(ann, || stage.done_at_last(&block("SQLite 优化")));
    stage.while_chatting(ann, || stage.done("portagent db vacuum && portagent db optimize"));
    let (printed, _) = stage.while_chatting(ann, || stage.done(&block("完整性检查")));
    assert_eq!(printed, "ok\n");
    let images = sqlite3(&stage.data_dir().join("data/agentx.db"), "SELECT count(*) FROM images");
    assert_eq!(stage.done(&block("统计信息")), format!("1\n{images}\n"));
    let checked = stage.done("portagent db check");
    assert!(!checked.contains("fail") && !checked.contains("warn"), "{checked}");
}

/// 用户管理 › 查看用户列表, 禁用用户, 删除用户
fn users(stage: &Stage, ann: &str) {
    let (bad, target) = (stage.register("baduser"), stage.register("targetuser"));
    stage.ask(&target);
    let list = stage.done(&block("查看用户列表"));
    let row = list.lines().find(|line| line.contains("|targetuser|")).unwrap();
    assert!(row.ends_with(|c: char| c.is_ascii_digit()) && row.contains("|20"), "with the time: {row}");

    let mut socket = stage.socket(&bad);
    stage.while_chatting(ann, || stage.done_at_last(&block("禁用用户")));
    socket.wait_closed();
    assert_eq!((stage.login("baduser"), stage.login("targetuser")), (401, 200));

    let mut socket = stage.socket(&target);
    let (printed, _) = stage.while_chatting(ann, || stage.done_at_last(&block("删除用户")));
    let container = printed.trim();
    assert!(container.starts_with("user-"), "{printed}");
    socket.wait_closed();
    assert_eq!(stage.login("targetuser"), 401);
    // 注意：相关的 Container 数据需要单独清理
    let left = format!("SELECT count(*) FROM images WHERE containerId = '{container}'");
    let live = stage.data_dir().join("data/agentx.db");
    assert_eq!(sqlite3(&live, &left), "1");
    let (printed, _) = stage.while_chatting(ann, || stage.done("portagent db check --fix"));
    assert!(
        printed.contains("removed: 1 containers without an owner with 1 conversations and 2 messages"),
        "{printed}"
    );
    assert_eq!(sqlite3(&live, &left), "0");
}

/// 安全加固 › 文件权限
fn permissions(stage: &Stage, ann: &str) {
    stage.while_chatting(ann, || stage.done(&block("文件权限")));
    assert_eq!(mode(&stage.data_dir()), 0o700);
    for name in ["agentx.db", "portagent.db"] {
        assert_eq!(mode(&stage.data_dir().join("data").join(name)), 0o600);
    }
    stage.done("docker restart portagent");
    stage.ask(ann);
}

/// 故障恢复 › 服务无法启动, 数据库损坏
fn trouble(stage: &Stage, ann: &str) {
    let [logs, inspect, integrity] = &blocks("服务无法启动", "bash")[..] else { panic!("three steps") };
    assert!(stage.done(logs).contains("listening on http://"));
    assert!(stage.done(inspect).contains("LLM_PROVIDER=anthropic"));
    assert_eq!(stage.done(integrity), "ok\n");

    stage.done("docker stop portagent");
    let file = stage.data_dir().join("data/portagent.db");
    let root: usize = sqlite3(&file, "SELECT rootpage FROM sqlite_schema WHERE name = 'logins'").parse().unwrap();
    let mut bytes = fs::read(&file).unwrap();
    bytes[..16].fill(0);
    bytes[(root - 1) * 4096..root * 4096].fill(0);
    fs::write(&file, &bytes).unwrap();
    let run = stage.run(&block("数据库损坏"));
    let recovered = stage.data_dir().join("data/portagent-recovered.db");
    let users = stage.run(&format!("sqlite3 {} 'SELECT count(*) FROM users'", recovered.display()));
    assert!(users.stdout.trim() != "2", "Debian's sqlite3 saves nothing here: {}{}", run.stdout, run.stderr);
    let refused = stage.run("docker start portagent");
    assert!(refused.stderr.contains("portagent db recover"), "{}", refused.stderr);

    let printed = stage.done("portagent db recover portagent");
    assert_eq!(fs::read(&file).unwrap(), bytes, "the damaged file is as it was");
    let commands: String =
        printed.lines().filter_map(|line| line.strip_prefix("  ")).map(|line| format!("{line}\n")).collect();
    stage.done(&commands);
    stage.done("docker start portagent");
    assert_eq!((stage.login("ann"), stage.login("baduser")), (200, 401));
    assert_eq!(stage.http().get("/api/auth/verify", Some(ann)).status, 401, "the logins were on the lost page");
}
