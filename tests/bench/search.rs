//! Search in very many messages of one person, in both languages: how long a page of hits takes, how large the index is,
//! and what the server holds in memory meanwhile. `SEARCH_MESSAGES`: how many, instead of a million.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::client::{Socket, register};
use super::server::Server;
use super::{mib, percentiles, report};

const MESSAGES: u64 = 1_000_000;
const QUERIES: usize = 500;
/// Different words, the first of them in most messages, the last in very few.
const WORDS: u64 = 50_000;

pub fn measure(binary: &str) {
    let messages = std::env::var("SEARCH_MESSAGES").ok().and_then(|text| text.parse().ok()).unwrap_or(MESSAGES);
    let home = tempfile::tempdir().expect("a directory");
    let start = || Server::start_in(binary, home.path(), &[("LLM_PROVIDER", "demo")]);
    let server = start();
    let token = register(server.port, "reader");
    let image = Socket::connect(server.port, &token).conversation();
    drop(server);
    let data = home.path().join("data/data");
    let bytes = fill(&data.join("agentx.db"), image.as_str().expect("an id"), messages);
    let (server, began) = (start(), Instant::now());
    let mut socket = Socket::connect(server.port, &token);
    let ask = |socket: &mut Socket, query: &str| socket.try_ask("search", json!({ "query": query }));
    while !ask(&mut socket, "a").is_some_and(|page: Value| page["indexing"].is_null()) {
        std::thread::sleep(Duration::from_secs(1));
    }
    report(&format!("search: {messages} messages indexed in"), format!("{:.0} s", began.elapsed().as_secs_f64()));
    let index = std::fs::metadata(data.join("search.db")).map_or(0, |file| file.len());
    report("search: size of the index, against the text", format!("{:.0} %", index as f64 * 100.0 / bytes as f64));
    report("search: resident memory after indexing, peak", mib(server.peak_kib()));
    let (mut random, mut delays, mut hits) = (Random(7), Vec::new(), 0);
    for number in 0..QUERIES {
        let query = match number % 5 {
            0 => random.word(),
            1 => format!("{} {}", random.word(), random.word()),
            2 => random.word().chars().take(2).collect(),
            3 => random.chinese(1),
            _ => random.chinese(2),
        };
        std::thread::sleep(Duration::from_millis(255)); // people may search 240 times a minute
        let began = Instant::now();
        let page = ask(&mut socket, &query).expect("is answered");
        delays.push(began.elapsed());
        hits += page["hits"].as_array().map_or(0, Vec::len);
    }
    report("search: hits of a page, mean", format!("{:.1}", hits as f64 / QUERIES as f64));
    percentiles("search: a page of hits", delays);
    report("search: resident memory, searching, peak", mib(server.peak_kib()));
}

/// Writes messages into a conversation; returns the bytes of their texts.
fn fill(database: &Path, image: &str, messages: u64) -> usize {
    let mut conn = rusqlite::Connection::open(database).expect("opens");
    let sql = "SELECT sessionId FROM sessions WHERE imageId = ?1";
    let session: String = conn.query_row(sql, [image], |row| row.get(0)).expect("is there");
    let transaction = conn.transaction().expect("begins");
    let (mut random, mut bytes) = (Random(1), 0);
    {
        let sql = "INSERT INTO messages (messageId, sessionId, position, role, content, timestamp) VALUES (?1, ?2, ?3, ?4, ?5, ?3)";
        let mut insert = transaction.prepare(sql).expect("prepares");
        for number in 0..messages {
            let text = random.message();
            bytes += text.len();
            let role = if number % 2 == 0 { "user" } else { "assistant" };
            let content = json!([{ "type": "text", "text": text }]).to_string();
            let values = rusqlite::params![format!("msg_{number:036}"), session, number as i64, role, content];
            insert.execute(values).expect("inserts");
        }
    }
    transaction.commit().expect("commits");
    bytes
}

/// The same texts every time.
struct Random(u64);

impl Random {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }

    /// Small numbers come often, as common words do.
    fn rank(&mut self, most: u64) -> u64 {
        let share = self.below(1 << 20) as f64 / f64::from(1 << 20);
        (most as f64 * share.powi(4)) as u64
    }

    fn word(&mut self) -> String {
        const SYLLABLES: [&str; 20] = [
            "ka", "lo", "ne", "ri", "tu", "ba", "de", "fi", "go", "hu", "ma", "no", "pe", "qui", "ro", "sa", "te",
            "vi", "wo", "ze",
        ];
        let (mut rank, mut word) = (self.rank(WORDS) + 20, String::new());
        while rank > 0 {
            word.push_str(SYLLABLES[(rank % 20) as usize]);
            rank /= 20;
        }
        word
    }

    fn chinese(&mut self, characters: usize) -> String {
        (0..characters).filter_map(|_| char::from_u32(0x4E00 + self.rank(3000) as u32)).collect()
    }

    /// About 300 bytes, in one language or the other.
    fn message(&mut self) -> String {
        if self.below(2) == 0 {
            return (0..40).map(|_| self.word()).collect::<Vec<_>>().join(" ");
        }
        (0..20).map(|_| self.chinese(5)).collect::<Vec<_>>().join("，")
    }
}
