//! A message that is sent twice, because its answer was lost on the way, is there once.

use serde_json::{Value, json};

use crate::support::chat::{self, Chat, Image, of_type};
use crate::support::upstream::Script;
use crate::support::ws::Client;

fn send_as(client: &mut Client, image: &Image, id: &str, text: &str) -> Value {
    let data = json!({"imageId": image.id, "content": text, "clientMessageId": id});
    client.ask("message_send_request", data)
}

#[test]
fn the_same_message_again() {
    let mut chat = Chat::with([]);
    chat.upstream.always(|| Script::text("yes"));
    let (mut client, image) = chat.conversation();
    let sent = send_as(&mut client, &image, "c-1", "hello");
    assert_eq!(send_as(&mut client, &image, "c-1", "hello"), sent, "while it runs");
    let events = client.events_until("conversation_end");
    assert_eq!(of_type(&events, "message_persisted")[0]["data"]["clientMessageId"], "c-1");
    assert_eq!(send_as(&mut client, &image, "c-1", "hello"), sent, "when it is over");
    drop(client);
    chat.server.restart();
    let mut client = chat.socket();
    chat::subscribe(&mut client, &image, None);
    assert_eq!(send_as(&mut client, &image, "c-1", "hello"), sent, "after a restart");
    let stored = chat::messages(&mut client, &image);
    assert_eq!((stored.len(), &stored[0]["clientMessageId"]), (2, &json!("c-1")));
    assert_eq!(chat.upstream.requests().len(), 1);

    // Another id is another message, and so is the same one in another conversation.
    assert_ne!(send_as(&mut client, &image, "c-2", "hello"), sent);
    client.events_until("conversation_end");
    let other = chat::create(&mut client);
    assert_ne!(send_as(&mut client, &other, "c-1", "hello"), sent);
    chat::settled(&mut client, &other);
    assert_eq!(chat.upstream.requests().len(), 3);
}

#[test]
fn the_same_message_from_two_sockets_at_once() {
    let chat = Chat::with([]);
    chat.upstream.always(|| Script::text("yes"));
    let (mut watcher, image) = chat.conversation();
    let mut clients = [chat.socket(), chat.socket()];
    for round in 0..20 {
        let id = format!("c-{round}");
        let barrier = std::sync::Barrier::new(clients.len());
        let sent: Vec<Value> = std::thread::scope(|scope| {
            let send = |client| {
                let (barrier, id, image) = (&barrier, &id, &image);
                scope.spawn(move || {
                    barrier.wait();
                    send_as(client, image, id, "hello")
                })
            };
            let threads: Vec<_> = clients.iter_mut().map(send).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(sent[0], sent[1]);
        let events = watcher.events_until("conversation_end");
        assert_eq!(of_type(&events, "message_persisted").len(), 1);
    }
    assert_eq!(chat.upstream.requests().len(), 20);
    assert_eq!(chat::messages(&mut watcher, &image).len(), 40);
}
