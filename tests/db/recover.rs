//! `portagent db recover`: from a damaged file to a running server, by the commands that it prints.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::{agent, done, house, person};
use crate::support::people::{sql, sqlite3, try_login};
use crate::support::{chat, disk};

#[test]
fn a_damaged_server_runs_again_by_what_is_printed() {
    let mut chat = house();
    let server = &mut chat.server;
    person(server, "bob");
    let refused = server.run(&["db", "recover", "agentx"]);
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.stderr.contains("in use") && refused.stderr.contains("stop the server first"),
        "{}",
        refused.stderr
    );
    server.terminate();
    let expected = agent(server, "SELECT messageId, position, content FROM messages ORDER BY 1");
    let file = server.data_dir().join("data/agentx.db");
    let root: usize = agent(server, "SELECT rootpage FROM sqlite_schema WHERE name = 'sessions'").parse().unwrap();
    let mut bytes = fs::read(&file).unwrap();
    bytes[..100].fill(0);
    bytes[(root - 1) * 4096..root * 4096].fill(0);
    fs::write(&file, &bytes).unwrap();

    let run = server.run(&["db", "recover"]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{}", run.stdout);
    assert!(run.stdout.contains("agentx.db is damaged: its first page is damaged"), "{}", run.stdout);
    assert!(run.stdout.contains("portagent.db is not damaged: nothing was written"), "{}", run.stdout);
    assert!(run.stdout.contains("2 sessions made anew from their conversations"), "{}", run.stdout);
    assert_eq!(fs::read(&file).unwrap(), bytes, "the original is as it was");

    let commands: Vec<&str> = run.stdout.lines().filter_map(|line| line.strip_prefix("  ")).collect();
    for line in commands.iter().filter(|line| !line.starts_with("portagent ")) {
        assert!(Command::new("sh").args(["-ec", line]).status().unwrap().success(), "{line}");
    }
    assert_eq!(done(server, &["db", "check"])["checks"][0]["status"], "ok");
    assert_eq!(agent(server, "SELECT messageId, position, content FROM messages ORDER BY 1"), expected);
    server.restart();
    let token = chat::text_of(&try_login(server.http(), "bob", chat::PASSWORD).json()["token"]);
    let mut client = crate::support::ws::Client::connect(server.port(), &token);
    let record = client.ask("image_list_request", json!({}))["records"][0].clone();
    let image = chat::Image { id: chat::text_of(&record["imageId"]), session: chat::text_of(&record["sessionId"]) };
    chat::subscribe(&mut client, &image, None);
    assert_eq!(chat::chat(&mut client, &image, "and on").last().unwrap()["data"]["reason"], "completed");
}

#[test]
fn any_file_into_any_other() {
    let mut chat = house();
    let server = &mut chat.server;
    sql(server, "SELECT 1");
    server.terminate();
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("saved.db");
    let out = out.to_str().unwrap();
    let report: Value = done(server, &["db", "recover", "portagent", "--out", out]);
    assert_eq!((&report[0]["damage"], &report[0]["file"]), (&Value::Null, &json!(out)));
    let users = |report: &Value| {
        let tables = report[0]["tables"].as_array().unwrap();
        tables.iter().find(|table| table["name"] == "users").unwrap()["rows"].clone()
    };
    assert_eq!(users(&report), 1);
    let again = server.run(&["db", "recover", out, "--out", out]);
    assert!(again.code == Some(1) && again.stderr.contains("exists already"), "{}", again.stderr);
    let mut bytes = fs::read(out).unwrap();
    bytes.truncate(bytes.len() - 5000);
    fs::write(out, bytes).unwrap();
    let report = done(server, &["db", "recover", out]);
    assert_eq!(users(&report), 1);
    assert!(report[0]["file"].as_str().unwrap().contains("/saved.recovered-"), "{report}");
    let nothing = home.path().join("nothing.db");
    fs::write(&nothing, "no database").unwrap();
    let run = server.run(&["db", "recover", nothing.to_str().unwrap()]);
    assert!(run.stderr.contains("nothing in this file looks like a database of Portagent"), "{}", run.stderr);
    let run = server.run(&["db", "recover", "/nowhere/x.db"]);
    assert!(run.code == Some(1) && run.stderr.contains("/nowhere/x.db not found"), "{}", run.stderr);
}

#[test]
fn root_reads_with_the_rights_of_the_directory_s_owner_and_writes_with_its_own() {
    if !disk::possible() {
        return;
    }
    let mut chat = house();
    person(&chat.server, "bob");
    chat.server.terminate();
    let directory = chat.server.data_dir();
    let home = directory.parent().unwrap();
    fs::set_permissions(home, fs::Permissions::from_mode(0o755)).unwrap();
    let roots = home.join("roots");
    fs::create_dir(&roots).unwrap();
    fs::set_permissions(&roots, fs::Permissions::from_mode(0o700)).unwrap();
    fs::copy(directory.join("data/portagent.db"), roots.join("private.db")).unwrap();
    disk::run("chown", &["-R", "65534:65534", directory.to_str().unwrap()]);
    let recover =
        |what: &str, out: &str| chat.server.run(&["db", "recover", what, "--out", roots.join(out).to_str().unwrap()]);
    let run = recover("agentx", "saved.db");
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{}", run.stdout);
    let saved = roots.join("saved.db");
    let metadata = saved.metadata().unwrap();
    assert_eq!((metadata.uid(), metadata.mode() & 0o777), (0, 0o600));
    assert_eq!(sqlite3(&saved, "SELECT count(*) FROM images"), "2");
    assert_eq!(recover("agentx", "saved.db").code, Some(1), "it exists already");

    // The owner puts a link to what only root can read in its place.
    let file = directory.join("data/agentx.db");
    fs::rename(&file, directory.join("aside")).unwrap();
    std::os::unix::fs::symlink(roots.join("private.db"), &file).unwrap();
    let run = recover("agentx", "stolen.db");
    assert!(run.code == Some(1) && !roots.join("stolen.db").exists(), "{run:?}");
    fs::remove_file(&file).unwrap();
    fs::rename(directory.join("aside"), &file).unwrap();

    // What is made beside the original is the owner's.
    let inside = directory.join("data/copy.db");
    let run = chat.server.run(&["db", "recover", "agentx", "--out", inside.to_str().unwrap()]);
    assert_eq!((run.code, inside.metadata().unwrap().uid()), (Some(0), 65534), "{}", run.stderr);
    let names = |path: &Path| fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
    let left: Vec<_> = [roots.as_path(), &directory.join("data")].into_iter().flat_map(names).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains("partial")), "{left:?}");
}
