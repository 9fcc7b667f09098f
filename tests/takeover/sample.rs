//! The sample that 1.9 itself wrote.

use std::fs;

use super::{CONTAINER, contents, everything, old_data, snapshots, text};
use crate::support::eventually;
use crate::support::people::{sql, sqlite3, try_login};
use crate::support::server::Server;

#[test]
fn people_come_in_and_find_everything() {
    let mut server = Server::builder().start_in(old_data());
    assert_eq!(try_login(server.http(), "ops1", "secret124").status, 401);
    let answer = try_login(server.http(), "ops1", "secret123");
    assert_eq!(answer.status, 200, "{}", answer.text());
    let user = answer.json()["user"].take();
    assert_eq!((user["containerId"].as_str(), user["role"].as_str()), (Some(CONTAINER), Some("admin")));
    assert!(user["email"].is_null(), "an address that 1.9 made up is none: {user}");
    let hash = || sql(&server, "SELECT passwordHash FROM users WHERE username = 'ops1'");
    eventually("the new hash", || hash().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    assert_eq!(try_login(server.http(), "ops1", "secret123").status, 200, "and again with the new hash");

    let all = everything(&server, answer.json()["token"].as_str().unwrap());
    assert_eq!(all.len(), 1);
    let (record, messages) = &all[0];
    assert_eq!((record["imageId"].as_str(), record["name"].as_str()), (Some("img_mwrk93ek_ic6314"), Some("k9")));
    let said: Vec<(&str, String)> =
        messages.iter().map(|message| (message["role"].as_str().unwrap(), text(message))).collect();
    let expected = [
        ("user", "first CHUNKS2"),
        ("assistant", "Hello word1 "),
        ("user", "killed CHUNKS100 GAP100"),
        ("user", "after restart CHUNKS2"),
        ("assistant", "Hello word1 "),
        ("user", "sigterm CHUNKS100 GAP100"),
    ];
    assert_eq!(said, expected.map(|(role, text)| (role, text.to_owned())));
    assert_eq!(
        (&messages[0]["messageId"], &messages[0]["timestamp"]),
        (&serde_json::json!("msg_1795335248378_e3w5bsf"), &serde_json::json!(1_795_335_248_378_u64))
    );
    let kept = server.data_dir().join("containers").join(CONTAINER).join("workdirs/img_mwrk93ek_ic6314/notes.txt");
    assert_eq!(fs::read_to_string(kept).unwrap(), "an agent's file");
    let check = server.run(&["db", "check"]);
    assert!(check.stdout.contains("what people have stored is counted rightly"), "{}", check.stdout);
    assert_eq!(server.terminate().code(), Some(0));
    assert!(!server.stdout().contains("ERROR"), "{}", server.stdout());
}

#[test]
fn a_person_who_came_along_can_leave() {
    let server = Server::builder().start_in(old_data());
    let answer = try_login(server.http(), "ops1", "secret123");
    let token = answer.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(server.run(&["user", "add", "boss", "--admin", "--generate"]).code, Some(0));
    let gone = server.http().post("/api/auth/delete", Some(&token), &serde_json::json!({"password": "secret123"}));
    assert_eq!((gone.status, &gone.json()["conversations"]), (200, &serde_json::json!(1)), "{}", gone.text());
    assert!(!server.data_dir().join("containers").join(CONTAINER).exists());
    assert_eq!(sql(&server, "SELECT username FROM users"), "boss");
}

#[test]
fn the_way_back_is_kept_and_named() {
    let mut server = Server::builder().start_in(old_data());
    let log = fs::read_to_string(server.log_file()).unwrap();
    for (name, table) in [("agentx", "kv_storage"), ("portagent", "users")] {
        let found = snapshots(&server, name);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(log.contains(found[0].to_str().unwrap()), "{log}");
        let old = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/v19").join(format!("{name}.db"));
        let all = format!("SELECT * FROM {table} ORDER BY 1");
        assert_eq!(sqlite3(&found[0], &all), sqlite3(&old, &all), "nothing is missing in it");
    }
    assert!(log.contains("took over from Portagent 1.9: 1 conversations, 6 messages"), "{log}");
    let before = contents(&server);
    server.restart();
    server.restart();
    assert_eq!(contents(&server), before, "starting again changes nothing");
    assert_eq!((snapshots(&server, "agentx").len(), snapshots(&server, "portagent").len()), (1, 1));
    assert_eq!(server.stdout().matches("took over").count(), 2, "one line for each database");
}

#[test]
fn a_command_takes_it_over_as_well() {
    let home = old_data();
    let mut list = crate::support::program(home.path());
    list.args(["user", "list", "--json", "--data-dir", "agentx"]);
    let run = crate::support::run_with_input(list, "");
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stdout.contains("\"ops1\""), "{}", run.stdout);
    let server = Server::builder().start_in(home);
    assert_eq!(try_login(server.http(), "ops1", "secret123").status, 200);
}
