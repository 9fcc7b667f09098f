//! A client that does not read is dropped, costs little meanwhile, and holds no other up.

use std::time::Duration;

use crate::support::chat::{self, Chat, of_type, seqs};
use crate::support::upstream::Script;

/// Of one answer: more than the kernel, the queue and the ring hold for one connection together.
const PIECES: usize = 400;
const PIECE_BYTES: usize = 2048;

#[test]
fn a_peer_that_does_not_read() {
    let piece = "x".repeat(PIECE_BYTES);
    let answer = Script::thinking(&vec![piece.as_str(); PIECES], "s", "done").slowly(Duration::from_millis(12));
    let chat = Chat::with([answer, Script::text("yes")]);
    let (mut client, image) = chat.conversation();
    let mut deaf: Vec<_> = (0..10).map(|_| chat.socket()).collect();
    for one in &mut deaf {
        rustix::net::sockopt::set_socket_recv_buffer_size(one.stream(), 4096).unwrap();
        chat::subscribe(one, &image, None);
    }
    let before = chat.server.rss_kib();
    let events = chat::chat(&mut client, &image, "go");
    let grown = chat.server.rss_kib().saturating_sub(before);
    assert_eq!(seqs(&events), (1..=events.len() as u64).collect::<Vec<_>>(), "who reads misses nothing");
    assert_eq!(of_type(&events, "thinking_delta").len(), PIECES);
    // One answer in a few copies, the newest events once, and not a queue for each of the ten.
    assert!(grown < 20 * 1024, "{grown} KiB more");

    let mut dropped = deaf.pop().unwrap();
    assert_eq!(dropped.wait_closed(), (1008, "too slow".to_owned()));
    let mut last = 0;
    while let Some(event) = dropped.next_event(Duration::ZERO) {
        last += 1;
        assert_eq!(event["seq"], last, "what did arrive has no hole");
    }
    assert!(last < events.len() as u64, "it fell behind");
    // Back again: what it missed is too long ago for events, and all there in the messages.
    let mut back = chat.socket();
    let subscribed = chat::subscribe(&mut back, &image, Some(last));
    assert_eq!(subscribed["resync"], true, "{subscribed}");
    let stored = chat::messages(&mut back, &image);
    assert_eq!(&stored[1], &of_type(&events, "assistant_message")[0]["data"]);
    assert_eq!(chat::streamed(&chat::chat(&mut back, &image, "still there?")), "yes");
}
