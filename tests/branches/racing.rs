//! Versions while a turn runs or waits, and from two tabs at once.

use std::time::Duration;

use serde_json::{Value, json};

use super::{edit, regenerate, select, texts, versions};
use crate::support::chat::{self, Chat, of_type, types};
use crate::support::upstream::{Release, Script, Step};
use crate::support::ws::Client;

fn hanging(text: &str) -> Script {
    Script::deltas(&[text]).pause_after(3, Step::Hang)
}

#[test]
fn an_answer_once_more_while_it_is_written_stops_the_first() {
    let chat = Chat::with([hanging("one "), Script::text("two")]);
    let (mut client, image) = chat.conversation();
    let sent = chat::send(&mut client, &image, "q1");
    client.wait_for("a word", |event| event["type"] == "text_delta");
    let other = json!({"imageId": image.id, "turnId": sent["turnId"]});
    let new = regenerate(&mut client, &image, &sent["turnId"]);
    let first = client.events_until("conversation_end").pop().unwrap();
    assert_eq!((&first["data"]["reason"], &first["context"]["turnId"]), (&json!("interrupted"), &sent["turnId"]));
    assert_eq!(types(&client.events_until("conversation_end"))[..2], ["branch_selected", "message_persisted"]);
    chat.upstream.wait_for_close(0);
    assert_eq!(texts(&mut client, &image), ["q1", "two"]);
    client.ask("branch_select_request", other);
    let kept = chat::messages(&mut client, &image);
    assert_eq!((chat::said(&kept[1]), &kept[1]["status"]), ("one ".to_owned(), &json!("interrupted")));
    assert_eq!(versions(&mut client, &image), json!([sent["turnId"], new["turnId"]]));
}

#[test]
fn an_earlier_question_in_other_words_stops_what_runs_and_waits_behind_it() {
    let chat = Chat::with([Script::text("one"), hanging("two "), Script::text("other")]);
    let (mut client, image) = chat.conversation();
    let sent = chat::send(&mut client, &image, "q1");
    client.events_until("conversation_end");
    chat::send(&mut client, &image, "q2");
    client.wait_for("a word", |event| event["data"]["text"] == "two ");
    chat::send(&mut client, &image, "q3");
    edit(&mut client, &image, &sent["messageId"], "q1 again");
    let ends: Vec<Value> = (0..3).map(|_| client.events_until("conversation_end").pop().unwrap()).collect();
    let reasons: Vec<&str> = ends.iter().map(|end| end["data"]["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons, ["interrupted", "interrupted", "completed"]);
    assert_eq!(texts(&mut client, &image), ["q1 again", "other"]);
    assert_eq!(chat.upstream.requests().len(), 3, "the one that waited was never asked");
    select(&mut client, &image, &sent["turnId"]);
    assert_eq!(texts(&mut client, &image), ["q1", "one", "q2", "two ", "q3"]);
}

#[test]
fn a_question_that_waits_is_put_in_other_words_before_it_is_asked() {
    let release = Release::default();
    let first = Script::deltas(&["one"]).pause_after(3, Step::WaitFor(release.clone()));
    let chat = Chat::with([first, Script::text("two")]);
    let (mut client, image) = chat.conversation();
    chat::send(&mut client, &image, "q1");
    client.wait_for("a word", |event| event["type"] == "text_delta");
    let waits = chat::send(&mut client, &image, "q2");
    let new = edit(&mut client, &image, &waits["messageId"], "q2 again");
    let page = chat::page(&mut client, &image);
    assert_eq!(page["queued"], json!([new["turnId"]]), "what it replaces no longer waits");
    let busy = json!({"imageId": image.id, "turnId": waits["turnId"]});
    assert_eq!(client.ask_for_trouble("branch_select_request", busy), "branch_busy");
    release.release();
    let settled = chat::settled(&mut client, &image);
    assert_eq!(settled.iter().map(chat::said).collect::<Vec<_>>(), ["q1", "one", "q2 again", "two"]);
    assert_eq!(chat.upstream.requests().len(), 2);
}

/// Everything up to the last event that belongs to this turn's end.
fn until_the_end_of(client: &mut Client, turn: &Value) -> Vec<Value> {
    let mut events = Vec::new();
    loop {
        let event = client.next_event(Duration::from_secs(20)).expect("more events");
        let is_last = event["type"] == "conversation_end" && event["context"]["turnId"] == *turn;
        events.push(event);
        if is_last {
            return events;
        }
    }
}

#[test]
fn two_tabs_that_edit_at_once_agree() {
    let chat = Chat::with([]);
    chat.upstream.always(|| Script::text("yes"));
    let (mut client, image) = chat.conversation();
    let sent = chat::send(&mut client, &image, "q1");
    client.events_until("conversation_end");
    for round in 0..5 {
        let tabs: Vec<_> = ["left", "right"]
            .into_iter()
            .map(|name| {
                let (mut tab, image, message) = (chat.socket(), image.clone(), sent["messageId"].clone());
                chat::subscribe(&mut tab, &image, None);
                std::thread::spawn(move || {
                    let new = edit(&mut tab, &image, &message, &format!("{name} {round}"));
                    (tab, new["turnId"].clone())
                })
            })
            .collect();
        let mut tabs: Vec<(Client, Value)> = tabs.into_iter().map(|tab| tab.join().unwrap()).collect();
        let all = versions(&mut client, &image);
        let last = all.as_array().unwrap().last().unwrap().clone();
        assert_eq!(all.as_array().unwrap().len(), 3 + 2 * round);
        let stored = chat::settled(&mut client, &image);
        assert_eq!((stored.len(), &stored[0]["turnId"]), (2, &last), "the last to be stored is shown");
        for (tab, turn) in &mut tabs {
            assert!(all.as_array().unwrap().contains(turn));
            let events = until_the_end_of(tab, &last);
            let selected = of_type(&events, "branch_selected");
            assert_eq!(selected.last().unwrap()["context"]["turnId"], last, "both tabs show it");
            assert_eq!(chat::messages(tab, &image), stored);
        }
    }
}
