//! Every request to a provider has its row.

use serde_json::{Value, json};

use super::{COST, CUT, WHOLE, outcomes, tokens, usage};
use crate::support::chat::{self, Chat};
use crate::support::people::{login, register, sql};
use crate::support::server::Server;
use crate::support::upstream::{Script, Step};

#[test]
fn an_answer_has_its_tokens_and_its_cost_and_outlives_its_conversation() {
    let chat = Chat::with([Script::text("one"), Script::text("two")]);
    let (mut client, image) = chat.conversation();
    chat::chat(&mut client, &image, "hi");
    chat::chat(&mut client, &image, "more");
    let own = usage(&chat, &chat.token, "");
    let total = &own["total"];
    assert_eq!(
        (&total["requests"], &total["inputTokens"], &total["outputTokens"]),
        (&json!(2), &json!(22), &json!(46))
    );
    assert_eq!((&total["cacheReadTokens"], &total["cacheWriteTokens"]), (&json!(14), &json!(10)));
    assert_eq!((&total["costMicros"], &total["unpricedRequests"]), (&json!(2 * COST), &json!(0)));
    assert_eq!((&own["groups"][0]["key"], &own["budget"]), (&json!("anthropic/claude-sonnet-5-5"), &Value::Null));
    client.ask("image_delete_request", json!({"imageId": image.id}));
    assert_eq!(usage(&chat, &chat.token, "")["total"], *total, "it outlives its conversation");
    let day = usage(&chat, &chat.token, "?by=day");
    assert_eq!((day["groups"].as_array().unwrap().len(), &day["groups"][0]["requests"]), (1, &json!(2)));
    let nothing = usage(&chat, &chat.token, "?from=2020-01-01&to=2020-02-01");
    assert_eq!((&nothing["total"]["requests"], &nothing["groups"]), (&json!(0), &json!([])));
    let refused =
        |query: &str| chat.server.http().get(&format!("/api/usage?{query}"), Some(&chat.token)).json()["code"].take();
    assert_eq!((refused("by=user"), refused("from=soon")), (json!("invalid_group"), json!("invalid_time")));

    let metrics = chat.server.http().get("/metrics", None).text();
    let labels = "{provider=\"anthropic\",model=\"claude-sonnet-5-5\"";
    assert!(
        metrics.contains(&format!("portagent_provider_tokens_total{labels},direction=\"output\"}} 46\n")),
        "{metrics}"
    );
    assert!(metrics.contains(&format!("portagent_provider_cost_dollars_total{labels}}} 0.000532\n")), "{metrics}");
}

#[test]
fn what_failed_and_what_was_cut_off_counts_too() {
    let busy = || Script::refusal(529, "overloaded_error", "Overloaded");
    let hangs = Script::deltas(&["one", "two"]).cut_after(3, Step::Hang);
    let chat =
        Chat::with([busy(), Script::text("one"), Script::deltas(&["one", "two"]).cut_after(3, Step::Close), hangs]);
    let (mut client, image) = chat.conversation();
    chat::chat(&mut client, &image, "hi");
    assert_eq!(outcomes(&chat), ["failed", "answered"]);
    chat::chat(&mut client, &image, "and?");
    chat::send(&mut client, &image, "again");
    client.wait_for("a word", |event| event["type"] == "text_delta");
    chat::interrupt(&mut client, &image);
    client.events_until("conversation_end");
    crate::support::eventually("the request is settled", || {
        outcomes(&chat) == ["failed", "answered", "aborted", "aborted"]
    });
    let total = usage(&chat, &chat.token, "")["total"].take();
    assert_eq!((tokens(&total), &total["abortedRequests"]), (WHOLE + 2 * CUT, &json!(2)));
    assert_eq!(sql(&chat.server, "SELECT count(*) FROM ledger WHERE outcome = 'open'"), "0");
}

#[test]
fn a_request_of_the_last_moment_is_settled_at_the_next_start() {
    let mut chat = Chat::with([Script::deltas(&["one", "two"]).cut_after(3, Step::Hang)]);
    let (mut client, image) = chat.conversation();
    chat::send(&mut client, &image, "hi, how are you?");
    client.wait_for("a word", |event| event["type"] == "text_delta");
    assert_eq!(outcomes(&chat), ["open"]);
    chat.server.kill9();
    chat.server.restart();
    assert_eq!(outcomes(&chat), ["lost"]);
    let total = usage(&chat, &chat.token, "")["total"].take();
    assert_eq!(total["abortedRequests"], 1);
    assert!((4..4000).contains(&total["inputTokens"].as_u64().unwrap()), "by the length of the prompt: {total}");
    assert!(total["outputTokens"].as_u64().unwrap() < 400, "by what had come, not by what was reserved: {total}");
}

#[test]
fn administrators_see_everybody_and_names_are_forgotten() {
    let chat = Chat::with([Script::text("one"), Script::text("two"), Script::text("three")]);
    let bob = register(&chat.server, "bob");
    let (mut client, image) = chat.conversation();
    chat::chat(&mut client, &image, "hi");
    let mut other = crate::support::ws::Client::connect(chat.server.port(), &bob);
    let theirs = chat::create(&mut other);
    chat::subscribe(&mut other, &theirs, None);
    chat::chat(&mut other, &theirs, "hi");
    chat::chat(&mut other, &theirs, "hi again");
    let admin = |path: &str| chat.server.http().get(path, Some(&chat.token)).json();
    assert_eq!(chat.server.http().get("/api/admin/usage", Some(&bob)).status, 403);
    let users = admin("/api/admin/usage?by=user");
    assert_eq!((&users["groups"][0]["name"], &users["groups"][0]["requests"]), (&json!("bob"), &json!(2)));
    assert_eq!((&users["groups"][1]["name"], &users["total"]["requests"]), (&json!("alice"), &json!(3)));
    assert_eq!(usage(&chat, &bob, "")["total"]["requests"], 2, "one's own only");

    let run = chat.server.run(&["usage", "--json"]);
    let said: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{run:?}"));
    assert_eq!((&said["groups"][0]["name"], &said["total"]["costMicros"]), (&json!("bob"), &json!(3 * COST)));
    let table = chat.server.run(&["usage", "--by", "model", "--since", "2d"]).stdout;
    assert!(table.starts_with("MODEL") && table.contains("anthropic/claude-sonnet-5-5  3 "), "{table}");
    let csv = chat.server.run(&["usage", "--by", "day", "--csv"]).stdout;
    assert!(csv.starts_with("day,name,requests,") && csv.lines().count() == 2, "{csv}");
    assert_eq!(chat.server.run(&["usage", "--by", "mood"]).code, Some(2));

    assert_eq!(chat.server.run(&["user", "delete", "bob", "--yes"]).code, Some(0));
    let left = admin("/api/admin/usage?by=user");
    assert_eq!((&left["total"]["requests"], &left["groups"][0]["key"]), (&json!(3), &json!("")), "{left}");
}

#[test]
fn prices_are_set_and_forgotten() {
    let server = Server::start();
    register(&server, "ann");
    let run = |arguments: &[&str]| server.run(arguments);
    let list = || -> Vec<Value> { serde_json::from_str(&run(&["price", "list", "--json"]).stdout).unwrap() };
    let shipped = list().len();
    assert!(shipped >= 5);
    let sonnet = list().into_iter().find(|one| one["model"] == "claude-sonnet-5-5").unwrap();
    assert_eq!((&sonnet["inputMicros"], &sonnet["outputMicros"]), (&json!(2_000_000), &json!(10_000_000)));
    assert!(sonnet["source"].as_str().unwrap().contains("2026-11-27"));
    let token = login(&server, "ann");
    let mut client = crate::support::ws::Client::connect(server.port(), &token);
    let image = chat::create(&mut client);
    chat::subscribe(&mut client, &image, None);
    chat::chat(&mut client, &image, "hello");
    let used = server.http().get("/api/usage", Some(&token)).json();
    assert_eq!((&used["total"]["unpricedRequests"], &used["total"]["costMicros"]), (&json!(1), &json!(0)));
    let name = chat::text_of(&used["groups"][0]["key"]);
    let set = ["price", "set", &name, "--input", "1.5", "--output", "3"];
    assert_eq!(run(&set).stdout, format!("{name}: the price is set\n"));
    assert_eq!(run(&[&set[..], &["--above", "100000", "--from", "2026-12-01"]].concat()).code, Some(0));
    assert_eq!(list().len(), shipped + 2);
    chat::chat(&mut client, &image, "hello again");
    let row = "SELECT costMicros > 0, costMicros = (inputTokens * 3 + 1) / 2 + outputTokens * 3 FROM ledger";
    assert_eq!(sql(&server, &format!("{row} ORDER BY requestId DESC LIMIT 1")), "1|1");
    for bad in [
        &["price", "set", "demo", "--input", "1", "--output", "1"][..],
        &["price", "set", "demo/demo", "--input", "-1", "--output", "1"],
        &["price", "set", "demo/demo", "--input", "1"],
    ] {
        assert_eq!(run(bad).code, Some(2), "{bad:?}");
    }
    assert_eq!(run(&["price", "clear", &name]).code, Some(0));
    assert_eq!((list().len(), run(&["price", "clear", &name]).code), (shipped, Some(1)));

    let put = |body: Value| {
        let headers = format!("Content-Type: application/json\r\nAuthorization: Bearer {token}\r\n");
        server.http().request("PUT", "/api/admin/prices", &headers, body.to_string().as_bytes()).status
    };
    assert_eq!(put(json!({"provider": "demo", "model": "demo", "inputMicros": 1, "outputMicros": 2})), 200);
    assert_eq!(put(json!({"provider": "", "model": "demo", "inputMicros": 1, "outputMicros": 2})), 400);
    let prices = server.http().get("/api/admin/prices", Some(&token)).json();
    let own = prices["prices"].as_array().unwrap().iter().find(|one| one["provider"] == "demo").unwrap().clone();
    assert_eq!((&own["outputMicros"], &own["source"]), (&json!(2), &Value::Null));
    let band = json!([{"aboveTokens": 5, "inputMicros": 7, "outputMicros": 8}, {"aboveTokens": 9, "inputMicros": 9, "outputMicros": 9}]);
    let with = |bands: &Value| json!({"provider": "demo", "model": "demo", "inputMicros": 3, "outputMicros": 4, "validFrom": 1_000, "bands": bands});
    assert_eq!(put(with(&band)), 200);
    assert_eq!(put(with(&json!([band[1], band[0]]))), 400, "each for longer prompts than the one before");
    assert_eq!(put(with(&json!([{"aboveTokens": 0, "inputMicros": 7, "outputMicros": 8}]))), 400);
    let of_then = "SELECT group_concat(aboveTokens) FROM prices WHERE validFrom = 1000";
    assert_eq!(sql(&server, of_then), "0,5,9");
    assert_eq!(put(with(&json!([]))), 200);
    assert_eq!(sql(&server, of_then), "0", "all bands of that time are replaced");
    let headers = format!("Authorization: Bearer {token}\r\n");
    let gone = server.http().request("DELETE", "/api/admin/prices?provider=demo&model=demo", &headers, b"");
    assert_eq!(gone.status, 200);
}
