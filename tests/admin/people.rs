//! Accounts and invite codes.

use serde_json::{Value, json};

use super::{get, ok, post, send, start};
use crate::support::chat;
use crate::support::people::{PASSWORD, try_login, verify};
use crate::support::ws::Client;

#[test]
fn the_life_of_an_account() {
    let (server, admin, _) = start();
    let new = json!({"username": "carla", "password": PASSWORD, "email": "c@example.com", "role": "admin"});
    let made = ok(&send(&server, &admin, "POST", "/api/admin/users", &new), 201);
    assert_eq!((&made["user"]["role"], &made["user"]["isActive"]), (&json!("admin"), &json!(true)));
    assert_eq!(send(&server, &admin, "POST", "/api/admin/users", &new).json()["code"], "username_taken");
    let odd = json!({"username": "dora", "password": PASSWORD, "role": "root"});
    assert_eq!(send(&server, &admin, "POST", "/api/admin/users", &odd).json()["code"], "invalid_role");
    let id = made["user"]["userId"].as_str().unwrap();
    let at = |action: &str| format!("/api/admin/users/{id}/{action}");

    let token = try_login(server.http(), "carla", PASSWORD).json()["token"].as_str().unwrap().to_owned();
    assert_eq!(post(&server, &admin, &at("demote"))["user"]["role"], "user");
    assert_eq!(server.http().get("/api/admin/users", Some(&token)).status, 403, "at once");
    assert_eq!(post(&server, &admin, &at("promote"))["user"]["role"], "admin");
    assert_eq!(post(&server, &admin, &at("logout")), json!({"ended": 1}));
    assert_eq!(verify(server.http(), &token), 401);
    assert_eq!(post(&server, &admin, &at("disable"))["user"]["isActive"], false);
    assert_eq!(try_login(server.http(), "carla", PASSWORD).status, 401);
    assert_eq!(post(&server, &admin, &at("enable"))["user"]["isActive"], true);
    assert_eq!(post(&server, &admin, &at("unlock")), json!({"success": true}));
    let password = |text: &str| send(&server, &admin, "POST", &at("password"), &json!({"password": text}));
    assert_eq!(password("short").json()["code"], "invalid_password");
    assert_eq!(ok(&password("another-secret"), 200), json!({"success": true}));
    let token = try_login(server.http(), "carla", "another-secret").json()["token"].as_str().unwrap().to_owned();

    let mut client = Client::connect(server.port(), &token);
    let image = chat::create(&mut client);
    chat::send(&mut client, &image, "hello");
    let delete = |query: &str| send(&server, &admin, "DELETE", &format!("/api/admin/users/{id}{query}"), &Value::Null);
    let counts = ok(&delete("?dryRun=1"), 200);
    assert_eq!(
        (&counts["deleted"], &counts["conversations"], &counts["logins"]),
        (&json!(false), &json!(1), &json!(1))
    );
    assert_eq!(verify(server.http(), &token), 200, "nothing was deleted");
    let gone = ok(&delete(""), 200);
    assert_eq!((&gone["deleted"], &gone["conversations"]), (&json!(true), &json!(1)));
    assert_eq!((verify(server.http(), &token), delete("").status), (401, 404));

    let log = std::fs::read_to_string(server.log_file()).unwrap();
    let whose = server.run(&["user", "list", "--json"]);
    let users: Value = serde_json::from_str(&whose.stdout).unwrap();
    let by = users[0]["userId"].as_str().unwrap();
    for action in
        ["user.add", "user.demote", "user.logout", "user.disable", "user.unlock", "user.password", "user.delete"]
    {
        assert!(log.contains(&format!("action={action} by=user:{by} on=user:{id}")), "{action}");
    }
    assert!(!log.contains("another-secret"));
}

#[test]
fn the_last_administrator_stays() {
    let (server, admin, _) = start();
    let id = get(&server, &admin, "/api/admin/users")["users"][0]["userId"].as_str().unwrap().to_owned();
    for (method, action) in [("POST", "/disable"), ("POST", "/demote"), ("DELETE", "")] {
        let refused = send(&server, &admin, method, &format!("/api/admin/users/{id}{action}"), &Value::Null);
        assert_eq!((refused.status, &refused.json()["code"]), (409, &json!("last_administrator")), "{action}");
    }
    assert_eq!(verify(server.http(), &admin), 200);
}

#[test]
fn lists_come_in_pages() {
    let (server, admin, _) = start();
    for name in ["carla", "dora", "emil"] {
        ok(&send(&server, &admin, "POST", "/api/admin/users", &json!({"username": name, "password": PASSWORD})), 201);
    }
    let (mut names, mut path) = (Vec::new(), "/api/admin/users?limit=2".to_owned());
    let mut pages = 0;
    loop {
        let page = get(&server, &admin, &path);
        names
            .extend(page["users"].as_array().unwrap().iter().map(|user| user["username"].as_str().unwrap().to_owned()));
        pages += 1;
        let Some(cursor) = page["cursor"].as_str() else { break };
        path = format!("/api/admin/users?limit=2&cursor={cursor}");
    }
    assert_eq!((names, pages), (["ann", "bob", "carla", "dora", "emil"].map(str::to_owned).to_vec(), 3));
    let found = get(&server, &admin, "/api/admin/users?query=OR");
    assert_eq!(found["users"].as_array().unwrap().len(), 1, "{found}");
}

#[test]
fn invite_codes() {
    let (server, admin, _) = start();
    let create = |body: Value| send(&server, &admin, "POST", "/api/admin/invites", &body);
    let one = ok(&create(json!({})), 201);
    assert_eq!((&one["usesLeft"], &one["note"]), (&json!(1), &Value::Null));
    let two = ok(&create(json!({"uses": 30, "expiresInSeconds": 3600, "note": " class 3b "})), 201);
    assert_eq!((&two["usesLeft"], &two["note"]), (&json!(30), &json!("class 3b")));
    assert_eq!(two["expiresAt"].as_i64().unwrap() - two["createdAt"].as_i64().unwrap(), 3_600_000);
    assert_eq!(create(json!({"uses": 0})).json()["code"], "invalid_uses");
    let page = get(&server, &admin, "/api/admin/invites?limit=1");
    assert_eq!(page["invites"], json!([one]));
    let next = get(&server, &admin, &format!("/api/admin/invites?cursor={}", page["cursor"].as_str().unwrap()));
    assert_eq!((&next["invites"], next.get("cursor")), (&json!([two]), None));
    let revoke = || {
        let path = format!("/api/admin/invites/{}", two["code"].as_str().unwrap());
        send(&server, &admin, "DELETE", &path, &Value::Null).status
    };
    assert_eq!((revoke(), revoke()), (200, 404));
}
