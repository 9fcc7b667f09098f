//! Many turns that use a tool at the same moment, in little memory.

use std::fs;

use serde_json::json;

use super::{call, chat, declared, processes, tested};
use crate::support::chat::{self, Image};
use crate::support::eventually;
use crate::support::upstream::Script;
use crate::support::ws::Client;

/// A few for every run of the tests; `make tools-load` has 100.
const TURNS: usize = 24;
/// A person may have 8 that run.
const PER_PERSON: usize = 8;
/// Of the server and the hosts of its tool servers together, in KiB.
const MEMORY_KIB: u64 = 64 * 1024;

/// What is in memory of a process, in KiB; pages that several share count in part.
fn pss_kib(pid: u32) -> u64 {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
    line.map_or(0, |line| line.trim().trim_end_matches(" kB").parse().unwrap())
}

fn is_host(pid: &u32) -> bool {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&line).contains("__tool-host")
}

#[test]
fn turns_with_tools_at_once() {
    let turns = std::env::var("TOOL_TURNS").map_or(TURNS, |turns| turns.parse().unwrap());
    let chat = chat(json!({"fake": declared("legacy", "48001")}), []);
    tested(&chat, "fake");
    let gather = json!({"count": turns, "text": "x".repeat(1000)});
    // Each conversation's first request gets the call, its second the text.
    let calls = std::sync::Mutex::new((0, gather));
    chat.upstream.always(move || {
        let mut calls = calls.lock().unwrap();
        calls.0 += 1;
        let number = calls.0;
        if number <= turns { call(&format!("t{number}"), "fake__gather", &calls.1) } else { Script::text("Done.") }
    });
    let people = turns.div_ceil(PER_PERSON);
    let tokens: Vec<String> = (1..people)
        .map(|at| chat::register(&chat.server, &format!("person{at}")))
        .chain([chat.token.clone()])
        .collect();
    let mut sockets: Vec<Client> = tokens.iter().map(|token| Client::connect(chat.server.port(), token)).collect();
    let mut images: Vec<(usize, Image)> = Vec::new();
    for at in 0..turns {
        let image = chat::create(&mut sockets[at % people]);
        chat::subscribe(&mut sockets[at % people], &image, None);
        images.push((at % people, image));
    }
    for (person, image) in &images {
        chat::send(&mut sockets[*person], image, "go");
    }
    // The tool answers when all of them have called it.
    eventually("all call it at once", || fs::read_dir(chat.server.data_dir().join("mcp/fake")).unwrap().count() > 0);
    let hosts: Vec<u32> = processes("48001").into_iter().filter(is_host).collect();
    assert_eq!(hosts.len(), 1);
    let hosts_kib: u64 = hosts.iter().copied().map(pss_kib).sum();
    for (person, count) in (0..people).map(|person| (person, images.iter().filter(|one| one.0 == person).count())) {
        for _ in 0..count {
            let end = sockets[person].wait_for("an end", |event| event["type"] == "conversation_end");
            assert_eq!(end["data"]["reason"], "completed");
        }
    }
    let used = chat.server.peak_kib() + hosts_kib;
    println!("{turns} turns with tools at once: {} KiB, {hosts_kib} KiB of them the host", used);
    assert!(used <= MEMORY_KIB, "{used} KiB");
}
