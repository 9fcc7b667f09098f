//! What belongs to another user answers exactly like what does not exist.

use serde_json::{Value, json};

use super::{demo, listed};
use crate::support::chat;
use crate::support::ws::Client;

/// The whole answer but its request id.
fn answer(client: &mut Client, kind: &str, data: Value) -> String {
    let mut answer = client.request(kind, data);
    answer.as_object_mut().unwrap().remove("id");
    answer.to_string()
}

#[test]
fn foreign_and_unknown_look_the_same() {
    let (server, token) = demo();
    let mut alice = Client::connect(server.port(), &token);
    let mut bob = Client::connect(server.port(), &chat::register(&server, "bob"));
    let (hers, his) = (chat::create(&mut alice), chat::create(&mut bob));
    chat::subscribe(&mut alice, &hers, None);
    let sent = chat::send(&mut alice, &hers, "error");
    alice.events_until("conversation_end");
    let hers_before = chat::page(&mut alice, &hers);

    let image = |id: &str| json!({"imageId": id});
    let requests: Vec<(&str, Value, Value)> = vec![
        ("image_get_request", image(&hers.id), image("img_none")),
        ("image_delete_request", image(&hers.id), image("img_none")),
        ("image_messages_request", image(&hers.id), image("img_none")),
        ("agent_interrupt_request", image(&hers.id), image("img_none")),
        ("subscribe_request", image(&hers.id), image("img_none")),
        ("subscribe_request", json!({"sessionId": hers.session}), json!({"sessionId": "sess_none"})),
        (
            "subscribe_request",
            json!({"sessionId": hers.session, "afterSeq": 0}),
            json!({"sessionId": "sess_none", "afterSeq": 0}),
        ),
        ("unsubscribe_request", image(&hers.id), image("img_none")),
        (
            "image_update_request",
            json!({"imageId": hers.id, "updates": {"name": "stolen"}}),
            json!({"imageId": "img_none", "updates": {"name": "stolen"}}),
        ),
        (
            "message_send_request",
            json!({"imageId": hers.id, "content": "x"}),
            json!({"imageId": "img_none", "content": "x"}),
        ),
        (
            "turn_retry_request",
            json!({"imageId": hers.id, "turnId": sent["turnId"]}),
            json!({"imageId": "img_none", "turnId": "turn_none"}),
        ),
        (
            "message_edit_request",
            json!({"imageId": his.id, "messageId": sent["messageId"], "content": "x"}),
            json!({"imageId": his.id, "messageId": "msg_none", "content": "x"}),
        ),
        (
            "turn_regenerate_request",
            json!({"imageId": his.id, "turnId": sent["turnId"]}),
            json!({"imageId": his.id, "turnId": "turn_none"}),
        ),
        (
            "branch_select_request",
            json!({"imageId": hers.id, "turnId": sent["turnId"]}),
            json!({"imageId": "img_none", "turnId": "turn_none"}),
        ),
        (
            "turn_retry_request",
            json!({"imageId": his.id, "turnId": sent["turnId"]}),
            json!({"imageId": his.id, "turnId": "turn_none"}),
        ),
        (
            "image_messages_request",
            json!({"imageId": his.id, "before": sent["messageId"]}),
            json!({"imageId": his.id, "before": "msg_none"}),
        ),
        ("image_list_request", json!({"before": hers.id}), json!({"before": "img_none"})),
    ];
    for (kind, foreign, unknown) in requests {
        let answers = (answer(&mut bob, kind, foreign), answer(&mut bob, kind, unknown));
        assert_eq!(answers.0, answers.1, "{kind}");
        assert!(answers.0.contains(r#""code":"not_found""#), "{kind}: {}", answers.0);
    }
    // Leaving what one does not follow says nothing either way.
    let left = |id: &str| format!(r#"{{"data":{{"sessionId":"{id}"}},"type":"unsubscribe_response"}}"#);
    assert_eq!(answer(&mut bob, "unsubscribe_request", json!({"sessionId": hers.session})), left(&hers.session));
    assert_eq!(answer(&mut bob, "unsubscribe_request", json!({"sessionId": "sess_none"})), left("sess_none"));

    assert_eq!(chat::page(&mut alice, &hers), hers_before, "nothing happened to it");
    let records = bob.ask("image_list_request", json!({}));
    assert_eq!(records["records"].as_array().unwrap().len(), 1);
}

#[test]
fn a_container_from_outside_is_ignored() {
    let (server, token) = demo();
    let mut alice = Client::connect(server.port(), &token);
    let mut bob = Client::connect(server.port(), &chat::register(&server, "bob"));
    let hers = alice.ask("image_create_request", json!({}))["record"].take();
    for container in [hers["containerId"].as_str().unwrap(), "../../../etc", ""] {
        let his = bob.ask("image_create_request", json!({"containerId": container}))["record"].take();
        assert_ne!(his["containerId"], container);
        assert_ne!(his["containerId"], hers["containerId"]);
    }
    let list = json!({"containerId": hers["containerId"]});
    assert_eq!(bob.ask("image_list_request", list)["records"].as_array().unwrap().len(), 3);
    assert_eq!(alice.ask("image_list_request", json!({}))["records"], json!([listed(&hers)]));
}
