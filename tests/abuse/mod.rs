//! What an ordinary account can try against the machine and everyone else on it. Beside each attack an honest person
//! chats: their messages are acknowledged and answered, `/health` answers, and the server's memory stays bounded.
//! `make abuse` lasts longer; how fast the acknowledgements are is counted by `make bench`.

mod connections;
mod cpu;
mod heavy_user;
mod logins;
mod memory;
mod storage;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::chat::{self, Chat};
use crate::support::people::sqlite3;
use crate::support::server::{Builder, Server};
use crate::support::upstream::Script;
use crate::support::ws::Client;

/// The most resident memory of the server, whatever one account does, in KiB: a debug build.
const MOST_KIB: u64 = 128 * 1024;
/// Sockets that one person may have.
const SOCKETS: usize = 16;

/// How long an attack lasts.
fn lasts() -> Duration {
    let seconds = std::env::var("ABUSE_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(seconds.unwrap_or(2))
}

/// A server where every question is answered at once.
fn house(builder: Builder) -> Chat {
    let chat = Chat::built(builder, []);
    chat.upstream.always(|| Script::text("Yes."));
    chat
}

/// Runs an attack while an honest person chats, and fails if that person or the machine had to notice it.
fn beside<T>(server: &Server, attack: impl FnOnce() -> T) -> T {
    let token = chat::register(server, "honest");
    let over = Arc::new(AtomicBool::new(false));
    let honest = {
        let (over, port, http) = (Arc::clone(&over), server.port(), server.http());
        thread::spawn(move || {
            let mut client = Client::connect(port, &token);
            let image = chat::create(&mut client);
            chat::subscribe(&mut client, &image, None);
            let mut acknowledged = 0;
            // One at least comes after the attack.
            loop {
                let was_over = over.load(Ordering::SeqCst);
                assert_eq!(http.get("/health", None).status, 200);
                chat::send(&mut client, &image, "hello");
                acknowledged += 1;
                let events = client.events_until("conversation_end");
                assert_eq!(events.last().unwrap()["data"]["reason"], "completed", "{events:?}");
                if was_over {
                    return acknowledged;
                }
                thread::sleep(Duration::from_millis(20)); // people pause
            }
        })
    };
    let outcome = attack();
    over.store(true, Ordering::SeqCst);
    let acknowledged = honest.join().expect("an honest person noticed nothing");
    assert!(acknowledged >= 2, "{acknowledged} messages were acknowledged meanwhile");
    let peak = server.peak_kib();
    println!("abuse: {acknowledged} messages acknowledged meanwhile, {} MiB at the peak", peak / 1024);
    assert!(peak < MOST_KIB, "{peak} KiB");
    assert!(!(server.stdout() + &server.stderr()).contains("panicked"));
    outcome
}

/// Goes on until the attack has lasted long enough.
fn for_a_while(mut once: impl FnMut()) {
    let until = Instant::now() + lasts();
    while Instant::now() < until {
        once();
    }
}

/// Puts answers into a conversation, as if a model had written them: the text is an SQL expression.
fn plant(server: &Server, image: &chat::Image, count: usize, text: &str) {
    let content = format!("'[{{\"type\":\"text\",\"text\":\"' || {text} || '\"}}]'");
    let sql = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) \
         INSERT INTO messages (messageId, sessionId, position, role, content, timestamp) \
         SELECT 'm' || i, '{}', i, 'assistant', {content}, i FROM n",
        image.session
    );
    sqlite3(&server.data_dir().join("data/agentx.db"), &sql);
}

/// The sockets of the attacker, as many as one may have.
fn sockets(chat: &Chat) -> Vec<Client> {
    (0..SOCKETS).map(|_| chat.socket()).collect()
}

fn page_of(image: &chat::Image) -> serde_json::Value {
    json!({"imageId": image.id, "limit": 200, "html": true})
}
