//! Versions: a question in other words and an answer once more stand beside the old ones, and nothing of them is lost.

mod kept;
mod racing;

use serde_json::{Value, json};

use crate::support::chat::{self, Chat, Image, said, types};
use crate::support::people::sqlite3;
use crate::support::upstream::{Recorded, Script};
use crate::support::ws::Client;

fn edit(client: &mut Client, image: &Image, message: &Value, text: &str) -> Value {
    client.ask("message_edit_request", json!({"imageId": image.id, "messageId": message, "content": text}))
}

fn regenerate(client: &mut Client, image: &Image, turn: &Value) -> Value {
    client.ask("turn_regenerate_request", json!({"imageId": image.id, "turnId": turn}))
}

fn select(client: &mut Client, image: &Image, turn: &Value) {
    let answer = client.ask("branch_select_request", json!({"imageId": image.id, "turnId": turn}));
    assert_eq!(answer, json!({"imageId": image.id, "turnId": turn}));
}

fn texts(client: &mut Client, image: &Image) -> Vec<String> {
    chat::messages(client, image).iter().map(said).collect()
}

/// The versions that the last message of what is shown has.
fn versions(client: &mut Client, image: &Image) -> Value {
    chat::messages(client, image).pop().unwrap()["siblings"].take()
}

/// Of the thinking that a request carries.
fn signatures(request: &Recorded) -> Vec<String> {
    let messages = request.body["messages"].to_string();
    let found = messages.split("\"signature\":\"").skip(1).filter_map(|rest| rest.split('"').next());
    found.map(str::to_owned).collect()
}

fn thinking(signature: &str, text: &str) -> Script {
    Script::thinking(&["Hm."], signature, text)
}

#[test]
fn a_question_in_other_words_stands_beside_the_old_one() {
    let chat = Chat::with([thinking("czE=", "One."), thinking("czI=", "Two."), thinking("czM=", "Three.")]);
    chat.upstream.binds_thinking();
    let (mut client, image) = chat.conversation();
    chat::chat(&mut client, &image, "q1");
    let (first, old) = (chat::messages(&mut client, &image)[0]["turnId"].take(), chat::send(&mut client, &image, "q2"));
    client.events_until("conversation_end");
    let new = edit(&mut client, &image, &old["messageId"], "q2 in other words");
    let events = client.events_until("conversation_end");
    assert_eq!(types(&events)[..3], ["branch_selected", "message_persisted", "conversation_start"]);
    assert_eq!(events[0]["data"], json!({"parentTurnId": first, "isNew": true}));
    assert_eq!((&events[0]["context"]["turnId"], &events[1]["data"]["messageId"]), (&new["turnId"], &new["messageId"]));
    let both = json!([old["turnId"], new["turnId"]]);
    assert_eq!(events[1]["data"]["siblings"], both);
    assert_eq!(events.last().unwrap()["data"]["reason"], "completed");

    let shown = chat::messages(&mut client, &image);
    assert_eq!(shown.iter().map(said).collect::<Vec<_>>(), ["q1", "One.", "q2 in other words", "Three."]);
    assert_eq!(
        shown.iter().map(|message| message["siblings"].clone()).collect::<Vec<_>>(),
        [Value::Null, Value::Null, both.clone(), both.clone()]
    );
    let asked = chat.upstream.requests();
    assert_eq!(asked.len(), 3, "none was refused: what stands before it is what it was");
    assert_eq!(signatures(&asked[2]), ["czE="], "and its thinking went along");

    select(&mut client, &image, &old["turnId"]);
    let event = client.wait_for("the other branch", |event| event["type"] == "branch_selected");
    assert_eq!((&event["data"], &event["context"]["turnId"]), (&json!({"parentTurnId": first}), &old["turnId"]));
    assert_eq!(texts(&mut client, &image), ["q1", "One.", "q2", "Two."]);
    assert_eq!(versions(&mut client, &image), both);

    chat.upstream.push(thinking("czQ=", "Four."));
    chat::chat(&mut client, &image, "q3");
    let asked = chat.upstream.requests().pop().unwrap();
    assert_eq!(signatures(&asked), ["czE=", "czI="], "a question goes on behind what is shown");
    assert!(!asked.body["messages"].to_string().contains("other words"), "{}", asked.body["messages"]);
    select(&mut client, &image, &new["turnId"]);
    assert_eq!(texts(&mut client, &image).len(), 4);
    select(&mut client, &image, &old["turnId"]);
    assert_eq!(texts(&mut client, &image)[2..], ["q2", "Two.", "q3", "Four."], "a branch is shown as it was last");
}

#[test]
fn an_answer_once_more_also_by_another_model() {
    let chat = Chat::with([Script::text("One."), Script::text("Two."), Script::text("Three."), Script::text("Four.")]);
    let (mut client, image) = chat.conversation();
    let sent = chat::send(&mut client, &image, "q1");
    client.events_until("conversation_end");
    let again = json!({"imageId": image.id, "turnId": sent["turnId"], "model": "anthropic/claude-haiku-5-5",
        "clientMessageId": "c-1"});
    let second = client.ask("turn_regenerate_request", again.clone());
    let events = client.events_until("conversation_end");
    assert_eq!(events[0]["data"], json!({"parentTurnId": null, "isNew": true}));
    assert_eq!(client.ask("turn_regenerate_request", again), second, "sent again, it starts nothing");
    assert_eq!(texts(&mut client, &image), ["q1", "Two."]);
    let asked = chat.upstream.requests();
    assert_eq!(asked[0].body["messages"], asked[1].body["messages"]);
    assert_eq!(asked[1].body["model"], "claude-haiku-5-5");

    let third = regenerate(&mut client, &image, &second["turnId"]);
    client.events_until("conversation_end");
    let asked = chat.upstream.requests().pop().unwrap();
    assert_eq!(asked.body["model"], "claude-sonnet-5-5", "the other one was for that answer alone");
    let all = json!([sent["turnId"], second["turnId"], third["turnId"]]);
    assert_eq!(versions(&mut client, &image), all);
    // What was asked of another model is asked of it again.
    sqlite3(
        &chat.server.data_dir().join("data/agentx.db"),
        &format!("UPDATE turns SET state = 'error' WHERE turnId = '{}'", second["turnId"].as_str().unwrap()),
    );
    let retry = json!({"imageId": image.id, "turnId": second["turnId"]});
    assert_eq!(client.ask_for_trouble("turn_retry_request", retry.clone()), "turn_not_newest", "it is not shown");
    select(&mut client, &image, &second["turnId"]);
    client.ask("turn_retry_request", retry);
    client.events_until("conversation_end");
    assert_eq!(chat.upstream.requests().pop().unwrap().body["model"], "claude-haiku-5-5");
    assert_eq!(texts(&mut client, &image), ["q1", "Four."]);
}

#[test]
fn the_first_question_in_other_words_begins_with_the_instructions_of_now() {
    let chat = Chat::with(["czE=", "czI=", "czM=", "czQ="].map(|signature| thinking(signature, "Yes.")));
    chat.upstream.binds_thinking();
    let (mut client, image) = chat.conversation();
    let prompt = |client: &mut Client, prompt: &str| {
        client.ask("image_update_request", json!({"imageId": image.id, "updates": {"systemPrompt": prompt}}))
    };
    prompt(&mut client, "Be kind.");
    let first = chat::send(&mut client, &image, "q1");
    client.events_until("conversation_end");
    prompt(&mut client, "Be brief.");
    let second = chat::send(&mut client, &image, "q2");
    client.events_until("conversation_end");
    prompt(&mut client, "Be bold.");
    edit(&mut client, &image, &second["messageId"], "q2 again");
    client.events_until("conversation_end");
    edit(&mut client, &image, &first["messageId"], "q1 again");
    client.events_until("conversation_end");
    let asked = chat.upstream.requests();
    assert_eq!(asked.len(), 4, "none was refused");
    let other = asked[2].body["messages"].to_string();
    assert!(other.contains("Be bold.") && !other.contains("Be brief."), "what another branch was told: {other}");
    assert_eq!(asked[3].body["system"][0]["text"], "Be bold.");
    assert_eq!(asked[3].body["messages"].as_array().unwrap().len(), 1);
    assert_eq!(texts(&mut client, &image), ["q1 again", "Yes."]);
}

#[test]
fn a_message_sent_again_after_a_lost_answer_is_one_version() {
    let chat = Chat::with([Script::text("One."), Script::text("Two.")]);
    let (mut client, image) = chat.conversation();
    let sent = chat::send(&mut client, &image, "q1");
    client.events_until("conversation_end");
    let other =
        json!({"imageId": image.id, "messageId": sent["messageId"], "content": "q1 again", "clientMessageId": "c-9"});
    let answer = client.ask("message_edit_request", other.clone());
    assert_eq!(client.ask("message_edit_request", other.clone()), answer);
    client.events_until("conversation_end");
    assert_eq!(client.ask("message_edit_request", other), answer);
    assert_eq!(versions(&mut client, &image).as_array().unwrap().len(), 2);
    assert_eq!(chat.upstream.requests().len(), 2);
}

#[test]
fn what_cannot_be_a_version_says_why() {
    let chat = Chat::with([]);
    chat.upstream.always(|| Script::text("yes"));
    let (mut client, image) = chat.conversation();
    let sent = chat::send(&mut client, &image, "q1");
    client.events_until("conversation_end");
    let stored = chat::messages(&mut client, &image);
    let trouble = |client: &mut Client, message: &Value| {
        let data = json!({"imageId": image.id, "messageId": message, "content": "other"});
        client.ask_for_trouble("message_edit_request", data)
    };
    assert_eq!(trouble(&mut client, &stored[1]["messageId"]), "not_editable");
    assert_eq!(trouble(&mut client, &json!("msg_none")), "not_found");
    let select = json!({"imageId": image.id, "turnId": "turn_none"});
    assert_eq!(client.ask_for_trouble("branch_select_request", select), "not_found");
    for _ in 1..50 {
        regenerate(&mut client, &image, &sent["turnId"]);
        client.events_until("conversation_end");
    }
    let again = json!({"imageId": image.id, "turnId": sent["turnId"]});
    assert_eq!(client.ask_for_trouble("turn_regenerate_request", again), "too_many_versions");
    assert_eq!(versions(&mut client, &image).as_array().unwrap().len(), 50);
    // What 1.9 has stored stands in no turn.
    let database = chat.server.data_dir().join("data/agentx.db");
    sqlite3(&database, "UPDATE messages SET turnId = NULL WHERE role = 'user'");
    assert_eq!(trouble(&mut client, &sent["messageId"]), "not_editable");
}
