//! Connections to the model's server are kept: a TLS handshake stands before the first word otherwise.

use std::time::Duration;

use crate::support::chat::{self, Chat, of_type};
use crate::support::server::Server;
use crate::support::upstream::{Script, Step, Upstream};

/// The server, asking an upstream over TLS, whose certificate it trusts by SSL_CERT_FILE.
fn over_tls(scripts: impl IntoIterator<Item = Script>) -> Chat {
    let upstream = Upstream::start_tls();
    scripts.into_iter().for_each(|script| upstream.push(script));
    let builder = Server::builder().env("SSL_CERT_FILE", upstream.certificate());
    Chat::over(builder, tempfile::tempdir().unwrap(), upstream)
}

fn call() -> Script {
    Script::tool_use("Which tool?", "c2ln", "toolu_1", "current_time", &["{}"])
}

#[test]
fn rounds_and_turns_make_no_new_connection() {
    let chat = over_tls([Script::text("Hello!"), call(), Script::text("Noon."), Script::text("Still noon.")]);
    let (mut client, image) = chat.conversation();
    chat::chat(&mut client, &image, "hello");
    let (connects, handshakes) = chat.upstream.connections();
    assert!((1..=2).contains(&connects) && connects == handshakes, "{connects} {handshakes}");
    for (question, answer) in [("what time is it?", "Noon."), ("and now?", "Still noon.")] {
        chat::chat(&mut client, &image, question);
        assert_eq!(chat::said(chat::messages(&mut client, &image).last().unwrap()), answer);
    }
    assert_eq!(chat.upstream.requests().len(), 4);
    assert_eq!(chat.upstream.connections(), (connects, handshakes), "all on what was open");
}

#[test]
fn a_connection_that_the_other_side_has_closed_is_not_noticed() {
    let chat = over_tls([Script::text("One."), Script::text("Two.")]);
    let (mut client, image) = chat.conversation();
    chat::chat(&mut client, &image, "one");
    let answers = |events: &[serde_json::Value], text: &str| {
        assert_eq!((chat::streamed(events).as_str(), of_type(events, "upstream_retry").len()), (text, 0), "{events:?}");
    };
    chat.upstream.wait_for_idle(1);
    chat.upstream.close_idle();
    answers(&chat::chat(&mut client, &image, "two"), "Two.");
    // And where it is closed at the very moment at which the next request arrives.
    chat.upstream.wait_for_idle(1);
    chat.upstream.push(Script::text("never seen").before(Step::Close));
    chat.upstream.push(Script::text("Three."));
    answers(&chat::chat(&mut client, &image, "three"), "Three.");
    assert_eq!(chat.upstream.requests().len(), 4);
}

#[test]
fn a_stop_closes_only_its_own_connection() {
    let long = || Script::deltas(&["word "; 400]).slowly(Duration::from_millis(5));
    let chat = over_tls([long(), long(), Script::text("And on.")]);
    let (mut stopped, mut other) = (chat.conversation(), chat.conversation());
    for (client, image) in [&mut stopped, &mut other] {
        chat::send(client, image, "tell me");
        client.wait_for("a word", |event| event["type"] == "text_delta");
    }
    chat::interrupt(&mut stopped.0, &stopped.1);
    stopped.0.events_until("conversation_end");
    let events = other.0.events_until("conversation_end");
    assert_eq!(events.last().unwrap()["data"]["reason"], "completed", "{:?}", events.last());
    let (connects, _) = chat.upstream.connections();
    assert_eq!(chat::streamed(&chat::chat(&mut stopped.0, &stopped.1, "go on")), "And on.");
    assert_eq!(chat.upstream.connections().0, connects, "the other one's is still good");
}
