//! Another program holds a database for longer than anybody waits.

use std::io::Write as _;
use std::process::{Command, Stdio};

use super::{check, eventually_well, refusal, said};
use crate::support::chat::{self, Chat};
use crate::support::upstream::Script;

#[test]
fn a_database_that_sqlite3_holds_for_longer_than_we_wait() {
    let chat = Chat::with([Script::text("Yes.")]);
    let (mut client, image) = chat.conversation();
    let database = chat.server.data_dir().join("data/agentx.db");
    let mut holder =
        Command::new("sqlite3").arg(&database).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = holder.stdin.take().unwrap();
    let mut output = std::io::BufReader::new(holder.stdout.take().unwrap());
    input.write_all(b".timeout 5000\nBEGIN EXCLUSIVE;\nSELECT 'held';\n").unwrap();
    std::io::BufRead::read_line(&mut output, &mut String::new()).unwrap();

    assert_eq!(refusal(&mut client, &image, "Hello?", "c1"), "database_busy");
    assert_eq!(refusal(&mut client, &image, "Hello?", "c1"), "database_busy");
    assert!(chat::messages(&mut client, &image).is_empty(), "reading goes on, and nothing is half taken");
    let (status, message) = check(&chat.server, "agentx.db");
    assert_eq!((status.as_str(), message.contains("in use by another program")), ("fail", true), "{message}");
    assert_eq!(check(&chat.server, "portagent.db").0, "pass");
    let told = said(&chat.server, "ERROR", "agentx.db");
    assert_eq!(told.len(), 1, "{told:#?}");

    drop(input); // its transaction ends with it
    holder.wait().unwrap();
    eventually_well(&chat.server, "agentx.db");
    assert_eq!(refusal(&mut client, &image, "Hello?", "c1"), "");
    client.events_until("conversation_end");
    assert_eq!(chat::messages(&mut client, &image).len(), 2);
    assert_eq!(said(&chat.server, "INFO", "agentx.db can be used again").len(), 1);
    assert_eq!(said(&chat.server, "ERROR", "").len(), 1, "once");
}
