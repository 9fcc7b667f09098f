//! People find what was said: every word, in any order, by its beginning, Chinese from one character on, and only their
//! own; also after what happened behind the server's back.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::chat::{self, Chat};
use crate::support::people::sqlite3;
use crate::support::server::Server;
use crate::support::upstream::Script;
use crate::support::ws::Client;

fn search(client: &mut Client, query: &str) -> Vec<Value> {
    client.ask("search_request", json!({"query": query, "limit": 50}))["hits"].as_array().unwrap().clone()
}

/// The texts of the hits, with what was found in brackets.
fn snippets(client: &mut Client, query: &str) -> Vec<String> {
    let text = |piece: &Value| {
        let text = piece["text"].as_str().unwrap();
        if piece["match"] == true { format!("[{text}]") } else { text.to_owned() }
    };
    let hits = search(client, query);
    hits.iter().map(|hit| hit["snippet"].as_array().unwrap().iter().map(text).collect()).collect()
}

/// A message is found within a second or two.
fn found_in_the_end(client: &mut Client, query: &str, expected: &[&str]) {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let answer = client.request("search_request", json!({"query": query}));
        let is_there = answer["data"]["indexing"].is_null() && answer["error"].is_null();
        if is_there && snippets(client, query) == expected {
            return;
        }
        assert!(Instant::now() < deadline, "{query}: {:?}, not {expected:?}", snippets(client, query));
        std::thread::sleep(Duration::from_millis(500));
    }
}

#[test]
fn words_are_found_in_any_order_by_their_beginning_and_only_ones_own() {
    let chat = Chat::with([Script::text("It is *Zoë's* café."), Script::text("我在学C语言，很有意思。")]);
    let (mut client, image) = chat.conversation();
    chat::chat(&mut client, &image, "Where do we meet on Friday?");
    chat::chat(&mut client, &image, "你在学什么？");
    found_in_the_end(&mut client, "学", &["我在[学]C语言，很有意思。", "你在[学]什么？"]);
    found_in_the_end(&mut client, "fri MEET", &["Where do we [meet] on [Friday]?"]);
    assert_eq!(snippets(&mut client, "cafe zoe"), ["It is *[Zoë]'s* [café]."]);
    assert_eq!(snippets(&mut client, "c语言"), ["我在学[C语言]，很有意思。"]);
    assert_eq!(snippets(&mut client, "friday nowhere"), [""; 0]);
    assert_eq!(snippets(&mut client, "\"?! *"), [""; 0]);
    let hit = search(&mut client, "friday").remove(0);
    assert_eq!(hit["imageId"], json!(image.id));
    assert_eq!((hit["role"].as_str(), hit["name"].as_str()), (Some("user"), Some("Where do we meet on Friday?")));
    assert!(hit["messageId"].is_string() && hit["turnId"].is_string() && hit["timestamp"].is_number());
    let other = chat::register(&chat.server, "other");
    assert_eq!(search(&mut Client::connect(chat.server.port(), &other), "friday"), [json!(null); 0]);
    assert_eq!(client.ask_for_trouble("search_request", json!({"query": "a", "cursor": "x"})), "invalid_cursor");
}

#[test]
fn pages_follow_each_other_without_a_hole_or_a_double() {
    let chat = Chat::with([]);
    chat.upstream.always(|| Script::text("yes"));
    let (mut client, image) = chat.conversation();
    for number in 0..12 {
        chat::chat(&mut client, &image, &format!("question {number} of the apple tree"));
    }
    found_in_the_end(&mut client, "question 11 apple", &["[question] [11] of the [apple] tree"]);
    let (mut seen, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let page = client.ask("search_request", json!({"query": "apple", "limit": 5, "cursor": cursor}));
        seen.extend(page["hits"].as_array().unwrap().iter().map(|hit| hit["snippet"][0]["text"].clone()));
        cursor = page["cursor"].clone();
        if cursor.is_null() {
            break;
        }
    }
    let expected: Vec<Value> = (0..12).rev().map(|number| json!(format!("question {number} of the "))).collect();
    assert_eq!(seen, expected, "newest first");
}

#[test]
fn what_changes_behind_the_back_of_the_server_is_right_in_the_end() {
    let mut chat = Chat::with([]);
    chat.upstream.always(|| Script::text("an answer"));
    let (mut client, image) = chat.conversation();
    chat::chat(&mut client, &image, "the first harbour");
    found_in_the_end(&mut client, "harbour", &["the first [harbour]"]);
    let file = chat.server.data_dir().join("data/agentx.db");
    sqlite3(&file, "UPDATE messages SET content = replace(content, 'harbour', 'lighthouse')");
    assert_eq!(snippets(&mut client, "harbour"), [""; 0], "never what is no longer there");
    found_in_the_end(&mut client, "lighthouse", &["the first [lighthouse]"]);
    // Deleted while it serves, and damaged while it does not: it is made anew.
    let file = chat.server.data_dir().join("data/search.db");
    std::fs::remove_file(&file).unwrap();
    chat::chat(&mut client, &image, "the second lighthouse");
    found_in_the_end(&mut client, "lighthouse", &["the second [lighthouse]", "the first [lighthouse]"]);
    chat.server.kill9();
    std::fs::write(&file, "no database at all").unwrap();
    chat.server.restart();
    let mut client = chat.socket();
    found_in_the_end(&mut client, "lighthouse", &["the second [lighthouse]", "the first [lighthouse]"]);
    client.ask("image_delete_request", json!({"imageId": image.id}));
    assert_eq!(snippets(&mut client, "lighthouse"), [""; 0]);
}

#[test]
fn the_index_is_private_and_in_no_backup() {
    use std::os::unix::fs::PermissionsExt as _;
    let server = Server::start();
    let token = chat::register(&server, "ann");
    let mut client = Client::connect(server.port(), &token);
    let image = chat::create(&mut client);
    chat::subscribe(&mut client, &image, None);
    chat::chat(&mut client, &image, "a needle");
    found_in_the_end(&mut client, "needle", &["a [needle]"]);
    let mode = server.data_dir().join("data/search.db").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let elsewhere = tempfile::tempdir().unwrap();
    let run = server.run(&["backup", "--json", "--out", elsewhere.path().to_str().unwrap()]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let made: Value = serde_json::from_str(&run.stdout).unwrap();
    let listed = std::process::Command::new("tar").arg("tzf").arg(made["file"].as_str().unwrap()).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.contains("agentx.db") && !listed.contains("search.db"), "{listed}");
}

/// Compared with a scan over every text. `SEARCH_CORPUS`: how many messages, instead of a few thousand.
#[test]
fn exactly_what_a_scan_finds_is_found() {
    let count: usize = std::env::var("SEARCH_CORPUS").map_or(3000, |text| text.parse().unwrap());
    let mut server = Server::start();
    let token = chat::register(&server, "ann");
    let image = chat::create(&mut Client::connect(server.port(), &token));
    let other = chat::create(&mut Client::connect(server.port(), &chat::register(&server, "bob")));
    assert!(server.terminate().success());
    let texts = corpus(count);
    let mut sql = "BEGIN;".to_owned();
    for (number, text) in texts.iter().enumerate() {
        let session = if number % 10 == 9 { &other.session } else { &image.session };
        sql += &format!(
            "INSERT INTO messages (messageId, sessionId, position, role, content, timestamp) \
             VALUES ('m{number}', '{session}', {number}, 'user', '[{{\"type\":\"text\",\"text\":\"{text}\"}}]', {number});"
        );
    }
    let script = server.data_dir().join("fill.sql");
    std::fs::write(&script, sql + "COMMIT;").unwrap();
    sqlite3(&server.data_dir().join("data/agentx.db"), &format!(".read {}", script.display()));
    server.restart();
    let mut client = Client::connect(server.port(), &token);
    while !client.ask("search_request", json!({"query": "?"}))["indexing"].is_null() {
        std::thread::sleep(Duration::from_millis(100));
    }
    for query in ["apple", "app", "tree apple", "green tr", "中", "中文", "苹果 树", "apple 树", "果树", "zebra", "z"]
    {
        let words: Vec<&str> = query.split(' ').collect();
        let has = |text: &str, word: &str| match word.is_ascii() {
            true => text.split(['-', ' ', '，']).any(|part| part.to_lowercase().starts_with(word)),
            false => text.contains(word),
        };
        let expected: Vec<String> = (0..texts.len())
            .rev()
            .filter(|number| number % 10 != 9 && words.iter().all(|word| has(&texts[*number], word)))
            .map(|number| format!("m{number}"))
            .collect();
        let mut found = all_ids(&mut client, query);
        found.sort_by_key(|id| std::cmp::Reverse(id[1..].parse::<usize>().unwrap()));
        assert_eq!(found.len(), expected.len(), "{query}");
        assert!(found == expected, "{query}");
    }
}

/// The ids of every page.
fn all_ids(client: &mut Client, query: &str) -> Vec<String> {
    let (mut ids, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let answer = client.request("search_request", json!({"query": query, "limit": 50, "cursor": cursor}));
        if answer["error"]["code"] == "too_many_searches" {
            std::thread::sleep(Duration::from_millis(250));
            continue;
        }
        let page = &answer["data"];
        ids.extend(page["hits"].as_array().unwrap().iter().map(|hit| chat::text_of(&hit["messageId"])));
        cursor = page["cursor"].clone();
        if cursor.is_null() {
            return ids;
        }
    }
}

/// Texts in both languages, the same every time.
fn corpus(count: usize) -> Vec<String> {
    const ENGLISH: [&str; 12] = [
        "apple",
        "Apples",
        "tree",
        "green",
        "river",
        "TREES",
        "stone",
        "cloud",
        "zebra",
        "snow-white",
        "lamp",
        "paper",
    ];
    const CHINESE: [&str; 10] = ["中文", "苹果", "树", "果树", "河流", "石头", "云", "绿色", "文字", "中国"];
    let mut state = 1_u64;
    let mut below = |most: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % most
    };
    let mut text = || {
        let words = (0..3 + below(6)).map(|_| match below(3) {
            0 => CHINESE[below(CHINESE.len())].to_owned(),
            // The rare one is really rare.
            _ => ENGLISH[below(ENGLISH.len())].replace("zebra", if below(100) == 0 { "zebra" } else { "cloud" }),
        });
        words.collect::<Vec<_>>().join(if below(2) == 0 { " " } else { "，" })
    };
    (0..count).map(|_| text()).collect()
}
