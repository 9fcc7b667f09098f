//! Against a real work directory.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::*;
use crate::domain::Cancel;
use crate::domain::id::{ContainerId, ConversationId};
use crate::tools::{Output, Progress};
use crate::workdirs::Place;

struct Agent {
    home: tempfile::TempDir,
    tools: Vec<Arc<dyn Tool>>,
}

impl Agent {
    fn new() -> Self {
        let home = tempfile::tempdir().expect("a directory");
        Self { tools: all(Workdirs::of(home.path())), home }
    }

    fn call_with(&self, name: &str, input: &Value, text_bytes: usize) -> Result<Output> {
        let (owner, conversation) = (ContainerId::from("user-1".to_owned()), ConversationId::from("img_1".to_owned()));
        let tool = self.tools.iter().find(|tool| tool.spec().name == name).expect("a tool");
        let progress = |_: Progress| {};
        let write = |place: &Place, bytes: &[u8]| {
            Workdirs::of(self.home.path()).workdir(&owner, &conversation)?.write(place, bytes)?.keep()
        };
        tool.call(&Call {
            input: &input.to_string(),
            owner: &owner,
            conversation: &conversation,
            write: &write,
            deadline: Instant::now() + Duration::from_secs(10),
            text_bytes,
            progress: &progress,
            cancel: &Cancel::new(),
        })
    }

    fn call(&self, name: &str, input: Value) -> String {
        match self.call_with(name, &input, 10_000) {
            Ok(output) => output.text,
            Err(error) => format!("error {}", error.code),
        }
    }
}

#[test]
fn an_agent_writes_reads_edits_and_finds() {
    let agent = Agent::new();
    assert_eq!(agent.call("list_directory", json!({})), "(empty)");
    let written = agent.call("write_file", json!({"path": "/notes/a.md", "content": "Eins\nZwei\nDrei\n"}));
    assert_eq!(written, "Wrote notes/a.md (15 bytes)");
    assert_eq!(agent.call("list_directory", json!({"path": "notes"})), "a.md (15 bytes)\n");
    assert_eq!(agent.call("list_directory", json!({})), "notes/\n");
    assert_eq!(agent.call("read_file", json!({"path": "notes/a.md"})), "Eins\nZwei\nDrei\n");
    let edit = |old: &str, new: &str, all: bool| json!({"path": "notes/a.md", "old_text": old, "new_text": new, "replace_all": all});
    assert_eq!(agent.call("edit_file", edit("Zwei", "Two", false)), "Edited notes/a.md in 1 place");
    assert_eq!(agent.call("edit_file", edit("zwei", "y", false)), "error no_match", "case counts");
    assert_eq!(agent.call("edit_file", edit("", "y", true)), "error no_match");
    assert_eq!(agent.call("edit_file", edit("\n", "!\n", false)), "error many_matches");
    assert_eq!(agent.call("edit_file", edit("\n", "!\n", true)), "Edited notes/a.md in 3 places");
    assert_eq!(agent.call("search_files", json!({"text": "TWO"})), "notes/a.md:2: Two!\n");
    assert_eq!(agent.call("search_files", json!({"name": "*.MD"})), "notes/a.md (17 bytes)\n");
    assert_eq!(agent.call("search_files", json!({"text": "two", "name": "*.txt"})), "(nothing was found)");
    assert_eq!(agent.call("search_files", json!({})), "error bad_tool_input");
}

#[test]
fn a_long_file_is_read_in_parts() {
    let agent = Agent::new();
    let lines: String = (1..=5000).map(|n| format!("line {n}\n")).collect();
    agent.call("write_file", json!({"path": "long", "content": lines}));
    let read = |input: Value| agent.call_with("read_file", &input, 30_000).map(|output| output.text).expect("reads");
    let part = read(json!({"path": "long", "offset": 10, "limit": 2}));
    assert_eq!(part, "line 10\nline 11\n[lines 10 to 11; read on with offset 12]");
    assert!(read(json!({"path": "long"})).ends_with("line 2000\n[lines 1 to 2000; read on with offset 2001]"));
    assert!(read(json!({"path": "long", "offset": 4999})).ends_with("line 4999\nline 5000\n"));
    assert_eq!(read(json!({"path": "long", "offset": 6000})), "[the file has 5000 lines]");
    let small = agent.call_with("read_file", &json!({"path": "long"}), 500).expect("reads").text;
    assert!(small.len() <= 500 && small.contains("read on with offset"), "{small}");
    agent.call("write_file", json!({"path": "wide", "content": "x".repeat(5000)}));
    let wide = agent.call_with("read_file", &json!({"path": "wide"}), 500).expect("reads").text;
    assert!(wide.len() <= 500 && wide.ends_with("[line 1 is cut off: it is too long]"), "{wide}");
    agent.call("write_file", json!({"path": "empty", "content": ""}));
    assert_eq!(read(json!({"path": "empty"})), "[the file is empty]");
    agent.call("write_file", json!({"path": "binary", "content": "a\u{0}b"}));
    assert_eq!(agent.call("read_file", json!({"path": "binary"})), "error not_text");
}

#[test]
fn no_tool_leaves_the_work_directory() {
    let agent = Agent::new();
    for path in ["../img_2/x", "a/../../x", "..", "a\u{0}"] {
        for (tool, input) in [
            ("list_directory", json!({"path": path})),
            ("read_file", json!({"path": path})),
            ("write_file", json!({"path": path, "content": "x"})),
            ("edit_file", json!({"path": path, "old_text": "a", "new_text": "b"})),
            ("search_files", json!({"text": "x", "path": path})),
        ] {
            assert_eq!(agent.call(tool, input), "error bad_path", "{tool} {path:?}");
        }
    }
    assert_eq!(agent.call("read_file", json!({"path": "/proc/self/root/etc/passwd"})), "error no_such_file");
    assert_eq!(agent.call("list_directory", json!({})), "(empty)");
    assert_eq!(agent.call("write_file", json!({"path": 5})), "error bad_tool_input");
}
