//! Several tabs of one person see the same; two people see nothing of each other.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::chat::{self, Chat, Image};
use crate::support::upstream::Script;
use crate::support::ws::Client;

#[test]
fn tabs_are_told_the_same() {
    let words: Vec<String> = (0..80).map(|n| format!("w{n} ")).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let chat = Chat::with([Script::deltas(&words).slowly(Duration::from_millis(3))]);
    let (mut client, image) = chat.conversation();
    let mut tabs: Vec<Client> = (0..4).map(|_| chat.socket()).collect();
    tabs.iter_mut().for_each(|tab| drop(chat::subscribe(tab, &image, None)));
    let events = chat::chat(&mut client, &image, "go");
    for mut tab in tabs {
        assert_eq!(tab.events_until("conversation_end"), events);
    }
}

#[test]
fn events_reach_their_owner_only() {
    let chat = Chat::with([]);
    chat.upstream.always(|| Script::deltas(&["a ", "b ", "c"]).slowly(Duration::from_millis(5)));
    let bob = chat::register(&chat.server, "bob");
    let people: Vec<(Vec<Client>, Image)> = [&chat.token, &bob]
        .map(|token| {
            let mut clients =
                vec![Client::connect(chat.server.port(), token), Client::connect(chat.server.port(), token)];
            let image = chat::create(&mut clients[0]);
            clients.iter_mut().for_each(|client| drop(chat::subscribe(client, &image, None)));
            (clients, image)
        })
        .into();
    // Who guesses the other's session is refused, and told nothing afterwards either.
    let mut people = people;
    let hers = people[0].1.clone();
    let guess = json!({"sessionId": hers.session, "afterSeq": 0});
    assert_eq!(people[1].0[0].ask_for_trouble("subscribe_request", guess), "not_found");

    for (clients, image) in &mut people {
        chat::send(&mut clients[0], image, "go");
    }
    let mut seen: Vec<Vec<Value>> = Vec::new();
    for (clients, _) in &mut people {
        seen.extend(clients.iter_mut().map(|client| client.events_until("conversation_end")));
    }
    for (n, events) in seen.iter().enumerate() {
        let own = &people[n / 2].1.id;
        assert!(events.iter().all(|event| event["context"]["imageId"] == *own), "{events:?}");
    }
    for (clients, _) in &mut people {
        assert!(clients.iter_mut().all(|client| client.next_event(Duration::from_millis(30)).is_none()));
    }
}

#[test]
fn a_socket_that_follows_nothing_is_told_nothing() {
    let chat = Chat::with([Script::text("yes")]);
    let (mut client, image) = chat.conversation();
    let mut other = chat.socket();
    chat::chat(&mut client, &image, "go");
    assert_eq!(other.next_event(Duration::from_millis(50)), None);
}
