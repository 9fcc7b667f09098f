//! With all limits as they are by default, an honest heavy user notices nothing: 10 tabs, 8 turns that run, 60 messages.

use std::time::Duration;

use serde_json::json;

use super::page_of;
use crate::support::chat::{self, Chat};
use crate::support::server::Server;
use crate::support::upstream::{Release, Script, Step};

const TABS: usize = 10;
const RUNNING: usize = 8;
const MESSAGES: usize = 60;

#[test]
fn ten_tabs_eight_running_turns_sixty_messages() {
    let chat = Chat::built(Server::builder().env("MESSAGES_PER_MINUTE", "60"), []);
    let release = Release::default();
    let long = "A **long** answer with `code`.\n\n".repeat(200);
    for _ in 0..RUNNING {
        chat.upstream.push(Script::deltas(&[&long, "done"]).pause_after(3, Step::WaitFor(release.clone())));
    }
    let mut tabs: Vec<_> = (0..TABS).map(|_| chat.socket()).collect();
    let images: Vec<_> = (0..RUNNING).map(|_| chat::create(&mut tabs[0])).collect();
    for tab in &mut tabs {
        for image in &images {
            chat::subscribe(tab, image, None);
        }
    }
    for (at, image) in images.iter().enumerate() {
        chat::send(&mut tabs[at], image, "a long one, please");
    }
    chat.upstream.wait_for_requests(RUNNING);
    // Each tab opens what can be opened, while all of them run.
    for tab in &mut tabs {
        assert_eq!(tab.ask("image_list_request", json!({"limit": 200}))["records"].as_array().unwrap().len(), RUNNING);
        for image in &images {
            assert!(tab.ask("image_messages_request", page_of(image))["running"].is_object());
        }
    }
    release.release();
    for tab in &mut tabs {
        for _ in 0..RUNNING {
            let ended = tab.events_until("conversation_end").pop().unwrap();
            assert_eq!(ended["data"]["reason"], "completed", "{ended}");
        }
    }
    chat.upstream.always(|| Script::text("Yes.").slowly(Duration::from_millis(5)));
    for at in RUNNING..MESSAGES {
        chat::send(&mut tabs[at % TABS], &images[at % RUNNING], "and another");
    }
    for tab in &mut tabs {
        for _ in RUNNING..MESSAGES {
            let ended = tab.events_until("conversation_end").pop().unwrap();
            assert_eq!(ended["data"]["reason"], "completed", "{ended}");
        }
        tab.ask("image_list_request", json!({})); // none was closed
    }
}
