//! Budgets: what they refuse, when they tell, and that nothing gets past them.

use serde_json::{Value, json};

use super::{WHOLE, usage};
use crate::support::chat::{self, Chat, Image, of_type};
use crate::support::people::register;
use crate::support::upstream::Script;
use crate::support::ws::Client;

fn run(chat: &Chat, arguments: &[&str]) -> String {
    let run = chat.server.run(arguments);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{arguments:?}");
    run.stdout
}

fn answering() -> Chat {
    let chat = Chat::with([]);
    chat.upstream.always(|| Script::text("yes"));
    chat
}

/// The code of the error that a question ended with; empty where it was answered.
fn refusal(events: &[Value]) -> String {
    of_type(events, "error_occurred").first().map_or(String::new(), |event| chat::text_of(&event["data"]["code"]))
}

fn ask(client: &mut Client, image: &Image) -> (String, Vec<Value>) {
    let events = chat::chat(client, image, "yes or no?");
    let notices = of_type(&events, "budget_notice").into_iter().map(|event| event["data"].clone()).collect();
    (refusal(&events), notices)
}

#[test]
fn a_budget_tells_once_refuses_and_renews() {
    let mut chat = answering();
    assert_eq!(run(&chat, &["budget", "set", "alice", "--tokens", "100", "--per", "day"]), "alice: 100 tokens a day\n");
    let (mut client, image) = chat.conversation();
    assert_eq!(ask(&mut client, &image), (String::new(), vec![]), "46 %");
    let (refused, notices) = ask(&mut client, &image);
    assert_eq!((refused.as_str(), notices.len()), ("", 1));
    let notice = &notices[0];
    assert_eq!((&notice["percent"], &notice["used"], &notice["limit"]), (&json!(92), &json!(2 * WHOLE), &json!(100)));
    assert_eq!(ask(&mut client, &image), (String::new(), vec![]), "told once; there was something left");
    let asked = chat.upstream.requests().len();
    let events = chat::chat(&mut client, &image, "one more?");
    assert_eq!(refusal(&events), "budget_exceeded");
    let said = chat::text_of(&of_type(&events, "error_occurred")[0]["data"]["message"]);
    assert!(said.contains("100 tokens a day") && said.contains("renews at 20") && said.contains("00:00 UTC"), "{said}");
    assert_eq!(chat.upstream.requests().len(), asked, "nothing was asked");
    let budget = usage(&chat, &chat.token, "")["budget"].take();
    assert_eq!(
        (&budget["state"], &budget["used"], &budget["period"]),
        (&json!("exceeded"), &json!(3 * WHOLE), &json!("day"))
    );

    chat.server.kill9();
    chat.server.restart();
    let mut client = chat.socket();
    chat::subscribe(&mut client, &image, None);
    assert_eq!(ask(&mut client, &image).0, "budget_exceeded", "after a restart");
    let mut tab = chat.socket();
    let other = chat::create(&mut tab);
    chat::subscribe(&mut tab, &other, None);
    assert_eq!(ask(&mut tab, &other).0, "budget_exceeded", "in another tab");

    // What was used yesterday counts no more.
    crate::support::people::sql(&chat.server, "UPDATE ledger SET at = at - 24 * 3600000");
    assert_eq!(ask(&mut tab, &other), (String::new(), vec![]));
    // A clock that was an hour ahead a moment ago, and is not any more, gives nothing again.
    crate::support::people::sql(&chat.server, "UPDATE ledger SET at = 1000 * unixepoch() + 3600000");
    assert_eq!(ask(&mut tab, &other).0, "budget_exceeded");
}

#[test]
fn the_default_is_for_all_who_have_none_of_their_own() {
    let chat = answering();
    let bob = register(&chat.server, "bob");
    run(&chat, &["budget", "set", "--default", "--money", "0.0005"]);
    run(&chat, &["budget", "set", "alice", "--unlimited"]);
    let (mut client, image) = chat.conversation();
    for _ in 0..4 {
        assert_eq!(ask(&mut client, &image), (String::new(), vec![]));
    }
    let mut other = Client::connect(chat.server.port(), &bob);
    let theirs = chat::create(&mut other);
    chat::subscribe(&mut other, &theirs, None);
    assert_eq!(ask(&mut other, &theirs).0, "", "266 of 500 millionths");
    let (refused, notices) = ask(&mut other, &theirs);
    assert_eq!((refused.as_str(), &notices[0]["percent"], &notices[0]["measure"]), ("", &json!(106), &json!("money")));
    assert_eq!(ask(&mut other, &theirs).0, "budget_exceeded");
    let list = run(&chat, &["budget", "list"]);
    assert!(list.contains("(default)  0.0005 US$ a month") && list.contains("alice      no limit"), "{list}");

    let headers = format!("Content-Type: application/json\r\nAuthorization: Bearer {}\r\n", chat.token);
    let users = chat.server.http().get("/api/admin/users?query=bob", Some(&chat.token)).json();
    let path = format!("/api/admin/users/{}/budget", users["users"][0]["userId"].as_str().unwrap());
    let put = |body: Value| chat.server.http().request("PUT", &path, &headers, body.to_string().as_bytes());
    assert_eq!(put(json!({"limit": 5})).json()["code"], "invalid_budget");
    let set = put(json!({"limit": 1_000_000, "measure": "tokens", "period": "month"})).json();
    assert_eq!((&set["budget"]["state"], &set["budget"]["used"]), (&json!("ok"), &json!(2 * WHOLE)));
    assert_eq!(ask(&mut other, &theirs).0, "", "at once");
    let cleared = chat.server.http().request("DELETE", &path, &headers, b"").json();
    assert_eq!(cleared["budget"]["isDefault"], true);
    assert_eq!(ask(&mut other, &theirs).0, "budget_exceeded");
    assert_eq!(put(json!({"limit": null})).json(), json!({"budget": null}));
    assert_eq!(ask(&mut other, &theirs).0, "");
    let log = std::fs::read_to_string(chat.server.log_file()).unwrap();
    assert!(log.contains("audit action=budget.set by=user:") || log.contains("action=budget.set by=user:"), "audit");
    run(&chat, &["budget", "clear", "--default"]);
    assert_eq!(chat.server.run(&["budget", "clear", "--default"]).code, Some(1));
    for bad in [
        &["budget", "set", "alice"][..],
        &["budget", "set", "--money", "1"],
        &["budget", "set", "alice", "--money", "x"],
        &["budget", "set", "alice", "--money", "1", "--per", "week"],
        &["budget", "set", "alice", "--default", "--money", "1"],
    ] {
        assert_eq!(chat.server.run(bad).code, Some(2), "{bad:?}");
    }
}
