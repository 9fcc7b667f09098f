//! A question that waits is taken back: it was never asked, in all tabs and after a crash.

use serde_json::{Value, json};

use crate::support::chat::{self, Chat, Image, of_type, said, seqs};
use crate::support::upstream::{Release, Script, Step};
use crate::support::ws::Client;

fn take_back(client: &mut Client, image: &Image, turn: &Value) -> Value {
    client.request("turn_take_back_request", json!({"imageId": image.id, "turnId": turn}))
}

fn said_now(client: &mut Client, image: &Image) -> Vec<String> {
    chat::messages(client, image).iter().map(said).collect()
}

fn turn_starts(event: &Value, turn: &Value) -> bool {
    event["type"] == "text_delta" && event["context"]["turnId"] == *turn
}

#[test]
fn a_question_that_waits_is_taken_back_and_those_behind_it_go_on() {
    let release = Release::default();
    let first = Script::deltas(&["one"]).pause_after(3, Step::WaitFor(release.clone()));
    let chat = Chat::with([first, Script::text("three"), Script::text("four")]);
    let (mut client, image) = chat.conversation();
    let mut other = chat.socket();
    chat::subscribe(&mut other, &image, None);
    let sent: Vec<Value> = ["q1", "q2", "q3"].map(|text| chat::send(&mut client, &image, text)).to_vec();
    client.wait_for("a word", |event| turn_starts(event, &sent[0]["turnId"]));

    let running = take_back(&mut client, &image, &sent[0]["turnId"]);
    assert_eq!(running["error"]["code"], "turn_started", "the server decides");
    let taken = take_back(&mut client, &image, &sent[1]["turnId"]);
    assert_eq!((&taken["data"]["turnId"], said(&taken["data"]["message"])), (&sent[1]["turnId"], "q2".to_owned()));
    assert_eq!(take_back(&mut client, &image, &sent[1]["turnId"])["error"]["code"], "not_found");
    assert_eq!(chat::page(&mut other, &image)["queued"], json!([sent[2]["turnId"]]));
    assert_eq!(said_now(&mut other, &image), ["q1", "one", "q3"]);

    release.release();
    let mut seen = other.events_until("conversation_end");
    seen.extend(other.events_until("conversation_end"));
    assert_eq!(
        of_type(&seen, "turn_taken_back")[0]["context"]["turnId"],
        sent[1]["turnId"],
        "the other tab hears of it"
    );
    let numbers = seqs(&seen);
    assert!(numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{numbers:?}");
    let asked = chat.upstream.requests();
    assert_eq!((asked.len(), asked[1].body.to_string().contains("q2")), (2, false), "it was never asked");
    chat::send(&mut client, &image, "q4");
    let settled: Vec<String> = chat::settled(&mut client, &image).iter().map(said).collect();
    assert_eq!(settled, ["q1", "one", "q3", "three", "q4", "four"]);
}

#[test]
fn what_was_taken_back_is_gone_after_a_crash_and_no_event_number_is_used_twice() {
    let mut chat = Chat::with([Script::deltas(&["one"]).pause_after(3, Step::Hang)]);
    let (mut client, image) = chat.conversation();
    let sent: Vec<Value> = ["q1", "q2"].map(|text| chat::send(&mut client, &image, text)).to_vec();
    client.wait_for("a word", |event| turn_starts(event, &sent[0]["turnId"]));
    assert!(take_back(&mut client, &image, &sent[1]["turnId"])["error"].is_null());
    let last = client.wait_for("the event", |event| event["type"] == "turn_taken_back");
    chat.server.kill9();
    chat.server.restart();
    let mut client = chat.socket();
    assert!(said_now(&mut client, &image).iter().all(|text| text != "q2"));
    chat::subscribe(&mut client, &image, None);
    // The answer before it is the last again, and can be had once more.
    chat.upstream.push(Script::text("once more"));
    client.ask("turn_retry_request", json!({"imageId": image.id, "turnId": sent[0]["turnId"]}));
    let events = client.events_until("conversation_end");
    assert!(seqs(&events)[0] > last["seq"].as_u64().unwrap());
    assert_eq!(said_now(&mut client, &image), ["q1", "once more"]);
}

#[test]
fn taken_back_at_the_moment_in_which_it_starts_it_is_either_gone_or_answered() {
    let chat = Chat::with([]);
    chat.upstream.always(|| Script::text("yes"));
    let (mut client, image) = chat.conversation();
    let (mut gone, mut told) = (0, 0);
    for round in 0..10 {
        chat::send(&mut client, &image, &format!("first {round}"));
        let waits = chat::send(&mut client, &image, &format!("waits {round}"));
        let answer = take_back(&mut client, &image, &waits["turnId"]);
        match answer["error"]["code"].as_str() {
            None => gone += 1,
            Some(code) => {
                assert_eq!(code, "turn_started");
                told += 1;
            }
        }
        let settled = chat::settled(&mut client, &image);
        let texts: Vec<String> = settled.iter().map(said).collect();
        assert_eq!(texts.len(), 4 * told + 2 * gone, "each question that stayed has its answer: {texts:?}");
    }
    assert_eq!(chat.upstream.requests().len(), 2 * told + gone, "nothing that was taken back was asked");
}
