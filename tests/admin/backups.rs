//! Backups: made, listed, verified and downloaded by an administrator.

use serde_json::{Value, json};

use super::{get, ok, send, start};
use crate::support::eventually;
use crate::support::server::Server;

fn when_done(server: &Server, admin: &str) -> Value {
    let mut list = Value::Null;
    eventually("the operation ends", || {
        list = get(server, admin, "/api/admin/backups");
        list["operation"]["state"] != "running"
    });
    list
}

#[test]
fn made_listed_verified_and_downloaded() {
    let (server, admin, _) = start();
    let before = get(&server, &admin, "/api/admin/backups");
    assert_eq!((&before["backups"], &before["operation"]), (&json!([]), &Value::Null));
    let begun = ok(&send(&server, &admin, "POST", "/api/admin/backups", &Value::Null), 202);
    assert_eq!(begun["operation"]["kind"], "make_backup");
    let list = when_done(&server, &admin);
    let (backup, operation) = (&list["backups"][0], &list["operation"]);
    assert_eq!((&operation["state"], &operation["backup"]), (&json!("done"), &backup["name"]), "{list}");
    assert!(operation["summary"].as_str().unwrap().contains("2 accounts"), "{list}");
    let jobs = crate::support::people::sql(&server, "SELECT lastOkAt > 0 FROM jobs WHERE name = 'backup'");
    assert_eq!(jobs, "1", "it counts like one of the schedule");

    let path = format!("/api/admin/backups/{}", backup["name"].as_str().unwrap());
    let file = server.http().get(&path, Some(&admin));
    assert_eq!(file.status, 200);
    assert_eq!(
        file.body,
        std::fs::read(server.data_dir().join("backups").join(backup["name"].as_str().unwrap())).unwrap()
    );
    assert!(file.header("content-disposition").unwrap().starts_with("attachment; filename=\"portagent-"));
    let headers = format!("Authorization: Bearer {admin}\r\n");
    let head = server.http().request("HEAD", &path, &headers, b"");
    assert_eq!(head.header("content-length").unwrap(), backup["bytes"].to_string());

    ok(&send(&server, &admin, "POST", &format!("{path}/verify"), &Value::Null), 202);
    let verified = when_done(&server, &admin);
    assert_eq!(
        (&verified["operation"]["kind"], &verified["operation"]["state"]),
        (&json!("verify_backup"), &json!("done"))
    );

    let file = server.data_dir().join("backups").join(backup["name"].as_str().unwrap());
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    ok(&send(&server, &admin, "POST", &format!("{path}/verify"), &Value::Null), 202);
    let failed = when_done(&server, &admin);
    assert_eq!(failed["operation"]["state"], "failed", "{failed}");
    assert!(failed["operation"]["error"]["code"].is_string());

    let log = std::fs::read_to_string(server.log_file()).unwrap();
    for action in ["backup.make", "backup.download", "backup.verify"] {
        assert!(log.contains(&format!("action={action} by=user:")), "{action}");
    }
}

#[test]
fn only_backups_can_be_named() {
    let (server, admin, _) = start();
    std::fs::create_dir_all(server.data_dir().join("backups")).unwrap();
    let link = server.data_dir().join("backups/portagent-20260101-020000.tar.gz");
    std::os::unix::fs::symlink(server.data_dir().join("jwt-secret"), link).unwrap();
    for name in
        ["..%2fjwt-secret", "jwt-secret", "portagent-20260101-020000.tar.gz", "portagent-20260102-020000.tar.gz"]
    {
        assert_eq!(server.http().get(&format!("/api/admin/backups/{name}"), Some(&admin)).status, 404, "{name}");
    }
}
