//! The limits that the security pages name are those of the program: each number is held against its constant.

use std::fs;

use super::root;

const MIB: u64 = 1024 * 1024;

/// A file below src/, a constant in it, its unit in the manual, and what stands around its number there.
const TOLD: [(&str, &str, u64, &str, &str); 24] = [
    ("domain/limits.rs", "CONVERSATIONS_PER_USER", 1, "| conversations | {};", "| 对话 | {} 个；"),
    ("domain/limits.rs", "CONVERSATIONS_PER_HOUR", 1, "; {} new ones an hour", "；每小时新建 {} 个"),
    ("domain/limits.rs", "MESSAGE_BYTES", 1024, "; {} KiB each", "；每条 {} KiB"),
    ("domain/limits.rs", "RUNNING_TURNS_PER_USER", 1, "| turns | {} run,", "| 回答 | 同时 {} 个，"),
    ("domain/limits.rs", "WAITING_TURNS_PER_USER", 1, " run, {} wait", "，等待 {} 个"),
    ("domain/limits.rs", "UNSENT_BYTES_PER_USER", MIB, "over all sockets | {} MiB", "所有套接字合计 | {} MiB"),
    ("domain/limits.rs", "UNSENT_BYTES", MIB, "together may hold {} MiB", "未发出的回答合计最多 {} MiB"),
    ("domain/limits.rs", "REPLY_BYTES", MIB, "one answer of the server | about {} MiB", "服务器的一次回答 | 约 {} MiB"),
    ("domain/limits.rs", "ANSWER_BYTES", MIB, "tool calls included | {} MiB", "含工具调用的 id 和名称 | {} MiB"),
    ("store/tables/stored.rs", "ROW_BYTES", 1, "together, {} bytes for each", "每条消息另计 {} 字节"),
    ("ws/dispatcher.rs", "REQUESTS_PER_SECOND", 1, "| requests | {} a second", "每个套接字每秒 {} 个"),
    ("ws/dispatcher.rs", "REQUEST_BURST", 1, "on a socket, {} at once", "可一次用 {} 个"),
    ("service/cpu.rs", "BURST", 1, "of one processor, {} seconds at once", "可一次用 {} 秒"),
    ("service/allowance.rs", "DISK_FLOOR_BYTES", MIB, "less than {} MiB or 5 %", "低于 {} MiB 或"),
    ("hub/budget.rs", "OWN_BYTES", 1024, "first {} KiB of each person", "每个人的前 {} KiB"),
    ("config/settings.rs", "STORAGE_PER_USER_MB", 1, "`STORAGE_PER_USER_MB`, {} MiB", "`STORAGE_PER_USER_MB`，{} MiB"),
    (
        "config/settings.rs",
        "MESSAGES_PER_MINUTE",
        1,
        "`MESSAGES_PER_MINUTE`, {},",
        "`MESSAGES_PER_MINUTE`，每分钟 {} 条",
    ),
    ("config/settings.rs", "SOCKETS_PER_USER", 1, "`SOCKETS_PER_USER`, {} |", "`SOCKETS_PER_USER`，{} 个"),
    (
        "config/settings.rs",
        "REGISTRATIONS_PER_HOUR",
        1,
        "`REGISTRATIONS_PER_HOUR`, {})",
        "`REGISTRATIONS_PER_HOUR`，{}）",
    ),
    ("http/server/access.rs", "LINES", 1, "requests of an address {} a second", "请求每秒最多各记 {} 行"),
    ("telemetry/rotate.rs", "path, file_bytes", MIB, "files\nof {} MiB", "个文件各 {} MiB"),
    ("telemetry/rotate.rs", "1024 * 1024, files", 1, "`security.log`, {} files", "`security.log`，{} 个文件"),
    ("ws/mod.rs", "least_rate", 1024, "less than {} KiB a second", "读取不到 {} KiB 的客户端"),
    ("ws/mod.rs", "stall", 1, "a second for {} seconds", "连续 {} 秒每秒"),
];

#[test]
fn the_numbers_of_the_security_pages_are_those_of_the_program() {
    let pages = ["en", "zh"].map(|language| fs::read_to_string(root().join("docs").join(language).join("security.md")));
    let [english, chinese] = pages.map(|page| page.unwrap());
    let mut wrong = Vec::new();
    for (file, name, unit, in_english, in_chinese) in TOLD {
        let number = spelled(value(file, name) / unit);
        for (page, around) in [(&english, in_english), (&chinese, in_chinese)] {
            let sentence = around.replace("{}", &number);
            if !page.contains(&sentence) {
                wrong.push(format!("{name} is {number}, but there is no {sentence:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// `20,000`, as both languages write it.
fn spelled(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap()).collect();
    groups.join(if number < 10_000 { "" } else { "," })
}

/// What a constant, the default of a setting, or a field is in the source; a duration in seconds.
fn value(file: &str, name: &str) -> u64 {
    let text = fs::read_to_string(root().join("src").join(file)).unwrap();
    let behind = |start: String, end: &str| {
        let rest = text.split_once(&start)?.1;
        Some(rest.split(end).next().unwrap().trim_end_matches([',', ';', ' ']).to_owned())
    };
    let constant = behind(format!("const {name}: "), ";").map(|rest| rest.split(" = ").nth(1).unwrap().to_owned());
    let setting =
        || behind(format!("row(\"{name}\", "), ")").map(|rest| rest.split('"').rev().nth(1).unwrap().to_owned());
    let field = || text.lines().rev().find_map(|line| Some(line.split_once(&format!("{name}: "))?.1.to_owned()));
    let told = constant.or_else(setting).or_else(field).unwrap_or_else(|| panic!("src/{file} has no {name}"));
    let told = told.split([',', '}']).next().unwrap().trim().replace('_', "");
    let told = told.trim_start_matches("Duration::fromsecs(").trim_end_matches(')');
    told.split(" * ").map(|factor| factor.parse::<u64>().unwrap_or_else(|_| panic!("{name} is {told}"))).product()
}
