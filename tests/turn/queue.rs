//! More than one question at a time: each conversation in its order, each person within a limit.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::chat::{self, Chat, of_type, outline, types};
use crate::support::upstream::{Release, Script, Step};
use crate::support::ws::Client;

#[test]
fn a_second_question_while_the_first_is_answered() {
    let release = Release::default();
    let first = Script::deltas(&["one ", "two"]).pause_after(3, Step::WaitFor(release.clone()));
    let chat = Chat::with([first, Script::text("three"), Script::text("four")]);
    let (mut client, image) = chat.conversation();
    let sent: Vec<Value> = ["q1", "q2", "q3"].map(|text| chat::send(&mut client, &image, text)).to_vec();
    let mut events = Vec::new();
    while chat::streamed(&events) != "one " {
        events.push(client.next_event(Duration::from_secs(20)).unwrap());
    }
    let page = chat::page(&mut client, &image);
    assert_eq!(page["running"]["turnId"], sent[0]["turnId"]);
    assert_eq!(page["queued"], json!([sent[1]["turnId"], sent[2]["turnId"]]));
    let now = outline(page["messages"].as_array().unwrap());
    let texts: Vec<&str> = now.iter().map(|(_, _, text)| text.as_str()).collect();
    assert_eq!(texts, ["q1", "one ", "q2", "q3"], "an answer stands behind its question");
    assert_eq!(chat.upstream.requests().len(), 1, "they wait");

    release.release();
    for _ in 0..3 {
        events.extend(client.events_until("conversation_end"));
    }
    let turns: Vec<&Value> = of_type(&events, "conversation_end").iter().map(|end| &end["context"]["turnId"]).collect();
    assert_eq!(turns, sent.iter().map(|sent| &sent["turnId"]).collect::<Vec<_>>());
    assert_eq!(of_type(&events, "message_persisted").len(), 3);
    let stored = chat::messages(&mut client, &image);
    let texts: Vec<String> = stored.iter().map(chat::said).collect();
    assert_eq!(texts, ["q1", "one two", "q2", "three", "q3", "four"]);
    // A question is asked with what was said before it, and nothing of what waits.
    for (request, length) in chat.upstream.requests().iter().zip([1, 3, 5]) {
        assert_eq!(request.body["messages"].as_array().unwrap().len(), length);
    }
}

#[test]
fn stopping_the_first_lets_the_second_run() {
    let chat = Chat::with([Script::deltas(&["one "]).pause_after(3, Step::Hang), Script::text("two")]);
    let (mut client, image) = chat.conversation();
    chat::send(&mut client, &image, "q1");
    client.wait_for("a word", |event| event["type"] == "text_delta");
    chat::send(&mut client, &image, "q2");
    chat::interrupt(&mut client, &image);
    let reasons = [0, 1].map(|_| client.events_until("conversation_end").pop().unwrap()["data"]["reason"].take());
    assert_eq!(reasons, ["interrupted", "completed"]);
    let texts: Vec<String> = chat::messages(&mut client, &image).iter().map(chat::said).collect();
    assert_eq!(texts, ["q1", "one ", "q2", "two"]);
}

#[test]
fn one_person_runs_eight_turns_and_keeps_no_other_waiting() {
    let chat = Chat::with((0..8).map(|_| Script::text("never").before(Step::Hang)));
    let mut client = chat.socket();
    let images: Vec<chat::Image> = (0..10).map(|_| chat::create(&mut client)).collect();
    images.iter().take(8).for_each(|image| drop(chat::send(&mut client, image, "q")));
    chat.upstream.wait_for_requests(8);
    images.iter().skip(8).for_each(|image| drop(chat::send(&mut client, image, "q")));

    // Another user is answered at once.
    chat.upstream.always(|| Script::text("yes"));
    let mut bob = Client::connect(chat.server.port(), &chat::register(&chat.server, "bob"));
    let his = chat::create(&mut bob);
    chat::subscribe(&mut bob, &his, None);
    let events = chat::chat(&mut bob, &his, "hello");
    assert_eq!(types(&events).last(), Some(&"conversation_end"));
    assert_eq!(chat.upstream.requests().len(), 9, "the ninth and tenth of hers still wait");

    chat::interrupt(&mut client, &images[3]);
    for image in &images[8..] {
        assert_eq!(chat::said(&chat::settled(&mut client, image)[1]), "yes");
    }
}

#[test]
fn only_so_many_may_wait() {
    let chat = Chat::with([Script::text("never").before(Step::Hang)]);
    let (mut client, image) = chat.conversation();
    chat::send(&mut client, &image, "running");
    chat.upstream.wait_for_requests(1);
    (0..32).for_each(|n| drop(chat::send(&mut client, &image, &format!("q{n}"))));
    let data = json!({"imageId": image.id, "content": "one more"});
    let refused = client.request("message_send_request", data)["error"].take();
    assert_eq!(refused["code"], "too_many_waiting");
    assert!(refused["hint"].is_string(), "{refused}");
    assert_eq!(chat::messages(&mut client, &image).len(), 33);
}
