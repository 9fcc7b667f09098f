//! Processor time: one account asks for rendered pages as fast as it may.

use std::thread;
use std::time::{Duration, Instant};

use super::{beside, house, page_of, plant, sockets};
use crate::support::chat;
use crate::support::server::Server;

/// Every line of it has to be looked at: emphasis, code, a formula, a table's row.
const COSTLY: &str = "replace(hex(zeroblob(40)), '00', '**a** `b` $x^2$ | c | *d*\\n')";

#[test]
fn rendered_pages_as_fast_as_they_can_be_had() {
    let chat = house(Server::builder());
    let mut client = chat.socket();
    let image = chat::create(&mut client);
    plant(&chat.server, &image, 20, COSTLY);
    drop(client);
    beside(&chat.server, || {
        let asking: Vec<_> = sockets(&chat)
            .into_iter()
            .map(|mut client| {
                let page = page_of(&image);
                thread::spawn(move || {
                    let until = Instant::now() + Duration::from_secs(100);
                    while Instant::now() < until {
                        let answer = client.request("image_messages_request", page.clone());
                        if answer["error"]["code"] == "rate_limited" {
                            assert!(answer["error"]["retryAfter"].as_u64().unwrap() > 0, "{answer}");
                            return true;
                        }
                    }
                    false
                })
            })
            .collect();
        let refused = asking.into_iter().map(|thread| thread.join().unwrap()).filter(|is| *is).count();
        assert_eq!(refused, super::SOCKETS, "each is told to wait");
    });
}
