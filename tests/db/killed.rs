//! `kill -9` at many moments of a vacuum: the database is whole, and every row is there.

use std::process::Stdio;
use std::time::Duration;

use crate::support::people::{register, sqlite3};
use crate::support::server::Server;

const MOMENTS: u32 = 12;
const APART: Duration = Duration::from_millis(9);

#[test]
fn a_vacuum_that_is_killed_leaves_every_row() {
    let mut server = Server::start();
    register(&server, "alice");
    server.terminate();
    let database = server.data_dir().join("data/agentx.db");
    let fill = "INSERT INTO containers VALUES ('c', 1, 1); \
                INSERT INTO images (imageId, containerId, sessionId, createdAt, updatedAt) VALUES ('i', 'c', 's', 1, 1); \
                INSERT INTO sessions (sessionId, imageId, containerId, createdAt, updatedAt) VALUES ('s', 'i', 'c', 1, 1); \
                WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 9000) \
                INSERT INTO messages (messageId, sessionId, position, role, content, timestamp) \
                SELECT 'm' || i, 's', i, 'user', json_array(json_object('type', 'text', 'text', hex(randomblob(800)))), i \
                FROM n; DELETE FROM messages WHERE position % 3 = 0;";
    sqlite3(&database, fill);
    let digest = "SELECT count(*), sum(position), sum(length(content)), max(content) FROM messages";
    let expected = sqlite3(&database, digest);
    let (mut killed, mut ended) = (0, 0);
    for moment in 0..MOMENTS {
        let mut command = server.command(&["db", "vacuum", "agentx"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(APART * moment);
        child.kill().unwrap();
        let status = child.wait().unwrap();
        if status.success() {
            ended += 1
        } else {
            killed += 1
        }
        assert_eq!(sqlite3(&database, "PRAGMA integrity_check"), "ok", "moment {moment}");
        assert_eq!(sqlite3(&database, digest), expected, "moment {moment}");
    }
    assert!(killed > 0, "{killed} were killed, {ended} had ended");
    let run = server.run(&["db", "vacuum", "agentx"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(sqlite3(&database, digest), expected);
    assert_eq!(sqlite3(&database, "PRAGMA freelist_count"), "0");
}
