//! What a subscriber may rely on: no gap, no duplicate, answers before their events, and no waiting for slow readers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::*;
use crate::domain::event::EndReason;
use crate::domain::id::{ContainerId, ConversationId, LoginId, MessageId, TurnId};
use crate::domain::limits::{OUTBOX_BYTES, REPLAY_EVENTS, UNSENT_BYTES, UNSENT_BYTES_PER_USER};
use crate::domain::message::Usage;

const SOON: Duration = Duration::from_secs(10);
const NOW: Duration = Duration::ZERO;

fn context(session: &str) -> Arc<Context> {
    Arc::new(Context {
        container_id: ContainerId::from("user-1".to_owned()),
        conversation_id: ConversationId::from("img_1".to_owned()),
        session_id: SessionId::from(session.to_owned()),
        turn_id: TurnId::from("turn_1".to_owned()),
    })
}

fn text(text: impl Into<String>) -> EventKind {
    EventKind::TextDelta { message_id: MessageId::from("msg_1".to_owned()), text: text.into(), html: None }
}

fn end() -> EventKind {
    EventKind::ConversationEnd { reason: EndReason::Completed, usage: Usage::default() }
}

/// What is handed out until nothing is left: `"text"` for a message, the seq for an event.
fn drain(outbox: &Outbox) -> Vec<String> {
    let mut all = Vec::new();
    loop {
        match outbox.next(NOW) {
            Next::Frames(frames) => all.extend(frames.into_iter().map(|frame| match frame {
                Outgoing::Text(text) => text,
                Outgoing::ListChanged => "list".to_owned(),
                Outgoing::Control(bytes) => format!("control {}", bytes.len()),
                Outgoing::Event(event) => event.seq.to_string(),
            })),
            Next::Idle => return all,
            Next::Closed(reason) => {
                all.push(format!("closed {:?}", reason.code()));
                return all;
            }
        }
    }
}

fn reply(subscribed: Subscribed) -> String {
    format!("latest {} resync {} turn {:?}", subscribed.latest_seq, subscribed.resync, subscribed.turn_seq)
}

#[test]
fn replay_table() {
    let check = |published: usize, after: Option<u64>, expected: &[&str]| {
        let hub = Hub::new();
        let context = context("s");
        hub.open(&context.session_id, 100);
        for _ in 0..published {
            hub.publish(&context, text("x"));
        }
        let outbox = Outbox::new();
        hub.subscribe(&outbox, &context.session_id, 7, after, reply).expect("room");
        hub.publish(&context, text("live"));
        assert_eq!(drain(&outbox), expected, "published {published}, after {after:?}");
    };
    check(3, None, &["latest 103 resync false turn None", "104"]);
    check(3, Some(103), &["latest 103 resync false turn None", "104"]);
    check(3, Some(101), &["latest 103 resync false turn None", "102", "103", "104"]);
    check(3, Some(100), &["latest 103 resync false turn None", "101", "102", "103", "104"]);
    check(3, Some(99), &["latest 103 resync true turn None", "104"]);
    check(3, Some(104), &["latest 103 resync true turn None", "104"]);
    check(3, Some(u64::MAX), &["latest 103 resync true turn None", "104"]);
    check(0, Some(100), &["latest 100 resync false turn None", "101"]);
    check(0, Some(0), &["latest 100 resync true turn None", "101"]);
    check(REPLAY_EVENTS + 5, Some(104), &["latest 4201 resync true turn None", "4202"]);
}

#[test]
fn a_session_without_a_ring_counts_from_what_is_stored() {
    let (hub, context, outbox) = (Hub::new(), context("s"), Outbox::new());
    assert_eq!(hub.latest(&context.session_id), None);
    assert_eq!(hub.publish(&context, text("not opened")), 0);
    hub.subscribe(&outbox, &context.session_id, 41, Some(41), reply).expect("room");
    hub.open(&context.session_id, 41);
    assert_eq!(hub.publish(&context, text("x")), 42);
    hub.open(&context.session_id, 3);
    assert_eq!(hub.publish(&context, text("a lower base changes nothing")), 43);
    hub.open(&context.session_id, 50);
    assert_eq!(hub.publish(&context, text("a higher one is right")), 51);
    assert_eq!(hub.latest(&context.session_id), Some(51));
    let again = Outbox::new();
    hub.subscribe(&again, &context.session_id, 0, Some(43), reply).expect("room");
    assert_eq!(drain(&again), ["latest 51 resync true turn None"]);
}

#[test]
fn a_running_turn_can_be_seen_from_its_first_event() {
    let (hub, context) = (Hub::new(), context("s"));
    hub.open(&context.session_id, 10);
    hub.publish(&context, EventKind::ConversationStart { continues: false });
    hub.publish(&context, text("x"));
    let outbox = Outbox::new();
    hub.subscribe(&outbox, &context.session_id, 0, None, reply).expect("room");
    hub.publish(&context, end());
    hub.subscribe(&outbox, &context.session_id, 0, Some(12), reply).expect("room");
    assert_eq!(
        drain(&outbox),
        ["latest 12 resync false turn Some(10)", "latest 13 resync false turn None", "13"],
        "the second subscription replaced the first: 13 comes once"
    );
}

#[test]
fn unsubscribed_and_forgotten_sessions_are_silent() {
    let (hub, context, outbox) = (Hub::new(), context("s"), Outbox::new());
    hub.open(&context.session_id, 0);
    hub.subscribe(&outbox, &context.session_id, 0, None, reply).expect("room");
    hub.publish(&context, text("not fetched yet"));
    hub.unsubscribe(&outbox, &context.session_id);
    hub.publish(&context, text("x"));
    assert_eq!(drain(&outbox).len(), 1);
    hub.subscribe(&outbox, &context.session_id, 0, None, reply).expect("room");
    hub.publish(&context, text("x"));
    hub.forget(&context.session_id);
    assert_eq!(hub.publish(&context, text("late")), 0);
    assert_eq!(drain(&outbox).len(), 1);
    assert_eq!(hub.latest(&context.session_id), None);
    assert_eq!(hub.bytes.load(Ordering::Relaxed), 0);
}

#[test]
fn a_connection_follows_so_many_and_no_more() {
    let (hub, outbox) = (Hub::new(), Outbox::new());
    let follow = |number: usize| hub.subscribe(&outbox, &SessionId::from(format!("s{number}")), 0, None, reply);
    for number in 0..SUBSCRIPTIONS {
        follow(number).expect("room");
    }
    assert_eq!(follow(SUBSCRIPTIONS).map_err(|error| error.code.as_str()), Err("too_many_subscriptions"));
    follow(0).expect("the same again is no further one");
    hub.unsubscribe(&outbox, &SessionId::from("s0".to_owned()));
    follow(SUBSCRIPTIONS).expect("room again");
}

#[test]
fn idle_rings_are_dropped_but_never_a_running_turns() {
    let hub = Hub::new();
    let later = Instant::now() + RING_IDLE + Duration::from_secs(1);
    let (idle, running, followed) = (context("idle"), context("running"), context("followed"));
    let outbox = Outbox::new();
    for context in [&idle, &running, &followed] {
        hub.open(&context.session_id, 0);
        hub.publish(context, text("x"));
    }
    hub.publish(&idle, end());
    hub.done(&followed.session_id);
    hub.subscribe(&outbox, &followed.session_id, 0, Some(0), reply).expect("room");
    assert_eq!(drain(&outbox), ["latest 1 resync false turn None", "1"]);
    hub.sweep_at(Instant::now());
    assert_eq!(hub.latest(&idle.session_id), Some(2), "not yet");
    hub.sweep_at(later);
    assert_eq!(hub.latest(&idle.session_id), None);
    assert_eq!(hub.latest(&running.session_id), Some(1));
    assert_eq!(hub.latest(&followed.session_id), Some(1), "its count is needed, its events are not");
    hub.publish(&followed, text("x"));
    assert_eq!(drain(&outbox), ["2"]);
}

#[test]
fn all_rings_together_stay_within_their_bytes() {
    let hub = Hub::new();
    let large = "x".repeat(64 * 1024);
    let contexts: Vec<_> = (0..120).map(|number| context(&format!("s{number}"))).collect();
    for context in &contexts {
        hub.open(&context.session_id, 0);
        for _ in 0..4 {
            hub.publish(context, text(large.clone()));
        }
        hub.publish(context, end());
    }
    *lock(&hub.shed) = None;
    hub.publish(&contexts[0], text("x"));
    let bytes = hub.bytes.load(Ordering::Relaxed);
    assert!((0..=RINGS_BYTES).contains(&bytes), "{bytes} bytes");
    let held: usize = hub.read().values().map(|ring| ring.clear()).sum();
    assert_eq!(ring::signed(held), bytes, "the count is exact");
}

#[test]
fn huge_events_do_not_throw_out_readers_that_keep_up() {
    let (hub, context, outbox) = (Hub::new(), context("s"), Outbox::new());
    hub.open(&context.session_id, 0);
    hub.subscribe(&outbox, &context.session_id, 0, None, reply).expect("room");
    // Three results of tools in one round, say, before a reader's thread has run at all.
    for _ in 0..3 {
        hub.publish(&context, text("x".repeat(512 * 1024)));
    }
    hub.publish(&context, EventKind::ConversationStart { continues: false });
    assert_eq!(drain(&outbox), ["latest 0 resync false turn None", "1", "2", "3", "4"]);
}

#[test]
fn a_reader_that_falls_behind_is_closed() {
    let (hub, context, outbox) = (Hub::new(), context("s"), Outbox::new());
    hub.open(&context.session_id, 0);
    hub.subscribe(&outbox, &context.session_id, 0, None, reply).expect("room");
    for _ in 0..=REPLAY_EVENTS {
        hub.publish(&context, text("x"));
    }
    assert_eq!(drain(&outbox), ["latest 0 resync false turn None", "closed Some(1008)"]);
    assert_eq!(outbox.closing(), Some(CloseReason::TooSlow));
}

#[test]
fn a_full_outbox_waits_and_then_gives_up() {
    let outbox = Outbox::with_patience(Duration::from_millis(50));
    outbox.push("x".repeat(2 * OUTBOX_BYTES)).expect("a large one is taken when nothing waits");
    assert_eq!(outbox.push("y".to_owned()), Err(Closed));
    assert_eq!(drain(&outbox), ["closed Some(1008)"], "what was queued is dropped: the peer does not read it");
    assert_eq!(outbox.push("z".to_owned()), Err(Closed));
}

#[test]
fn a_full_outbox_takes_more_as_soon_as_there_is_room() {
    let outbox = Outbox::new();
    outbox.push("x".repeat(OUTBOX_BYTES)).expect("room");
    thread::scope(|scope| {
        let pushing = scope.spawn(|| outbox.push("y".to_owned()));
        assert!(matches!(outbox.next(SOON), Next::Frames(frames) if frames.len() == 1));
        assert!(matches!(outbox.next(SOON), Next::Frames(frames) if frames.len() == 1), "the first is sent by now");
        assert_eq!(pushing.join().expect("no panic"), Ok(()));
    });
    assert!(drain(&outbox).is_empty());
}

#[test]
fn what_the_writer_has_in_hand_counts_until_it_is_sent() {
    let outbox = Outbox::with_patience(Duration::from_millis(50));
    outbox.push("x".repeat(OUTBOX_BYTES)).expect("room");
    assert!(matches!(outbox.next(NOW), Next::Frames(_)));
    assert_eq!(outbox.push("y".to_owned()), Err(Closed), "the peer takes nothing");
}

#[test]
fn a_person_has_so_many_bytes_unsent_over_all_sockets() {
    let hub = Hub::new();
    let connect = |name: &str| {
        let outbox = Outbox::with_patience(Duration::from_millis(60));
        let user = UserId::from(name.to_owned());
        (hub.connect(user, Login::Ours(LoginId::random()), None, Arc::clone(&outbox)).expect("room"), outbox)
    };
    let held = "x".repeat(4 * OUTBOX_BYTES); // taken where nothing else waits
    let most = UNSENT_BYTES_PER_USER / held.len();
    let full: Vec<_> = (0..most).map(|_| connect("ann")).collect();
    assert!(full.iter().all(|(_, outbox)| outbox.push(held.clone()).is_ok()));
    let ((_a, more), (_b, other)) = (connect("ann"), connect("bob"));
    assert_eq!(more.push("one more".to_owned()), Err(Closed));
    assert_eq!(other.push(held.clone()), Ok(()), "others are not concerned");
    let (_c, again) = connect("ann");
    assert_eq!(drain(&full[0].1).len(), 1, "what is sent makes room");
    assert_eq!(again.push(held.clone()), Ok(()));
    drop(full);
    let (_d, last) = connect("ann");
    assert_eq!(last.push(held), Ok(()), "and so does what is gone");
}

#[test]
fn control_frames_never_wait_and_never_pile_up() {
    let outbox = Outbox::new();
    outbox.push("x".repeat(2 * OUTBOX_BYTES)).expect("room");
    for _ in 0..1000 {
        outbox.push_control(vec![0x8a, 0]);
    }
    assert_eq!(drain(&outbox).len(), 1 + 16);
}

#[test]
fn closing_sends_what_is_queued_first_and_keeps_the_first_reason() {
    let outbox = Outbox::new();
    outbox.push("last words".to_owned()).expect("room");
    outbox.close(CloseReason::ServerStopping);
    outbox.close(CloseReason::LoggedOut);
    assert_eq!(outbox.push("too late".to_owned()), Err(Closed));
    assert_eq!(drain(&outbox), ["last words", "closed Some(1001)"]);
}

/// The answer is queued, then its event published: no reader may see them the other way round.
#[test]
fn an_answer_goes_out_before_the_events_it_led_to() {
    const ROUNDS: u64 = 20_000;
    let (hub, context, outbox) = (Hub::new(), context("s"), Outbox::new());
    hub.open(&context.session_id, 0);
    hub.subscribe(&outbox, &context.session_id, 0, None, |_| "0".to_owned()).expect("room");
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 1..=ROUNDS {
                if outbox.push(round.to_string()).is_err() {
                    return;
                }
                hub.publish(&context, text("x"));
                if round % 64 == 0 {
                    thread::yield_now(); // the ring holds 4,096: let the reader keep up
                    while round > seen_by(&outbox) + 2048 && outbox.closing().is_none() {
                        thread::yield_now();
                    }
                }
            }
        });
        let (mut answered, mut seen) = (0, 0);
        while seen < ROUNDS {
            let Next::Frames(frames) = outbox.next(SOON) else { panic!("no frames after {answered}, {seen}") };
            for frame in frames {
                match frame {
                    Outgoing::Text(text) => answered = text.parse().expect("a number"),
                    Outgoing::Event(event) => {
                        assert_eq!(event.seq, seen + 1, "no gap, no duplicate");
                        seen = event.seq;
                        assert!(answered >= seen, "event {seen} came before its answer");
                    }
                    Outgoing::Control(_) | Outgoing::ListChanged => {}
                }
            }
        }
    });
}

fn seen_by(outbox: &Outbox) -> u64 {
    outbox.position()
}

/// Subscribing in the middle of a stream: the reply, then everything after what it says, each once.
#[test]
fn a_subscription_has_no_gap_whenever_it_begins() {
    let (hub, context) = (Hub::new(), context("s"));
    hub.open(&context.session_id, 0);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                hub.publish(&context, text("x"));
                thread::sleep(Duration::from_micros(20));
            }
        });
        for _ in 0..200 {
            let outbox = Outbox::new();
            hub.subscribe(&outbox, &context.session_id, 0, None, |s| s.latest_seq.to_string()).expect("room");
            let mut seen = None;
            while seen.is_none_or(|(first, last)| last < first + 5) {
                let Next::Frames(frames) = outbox.next(SOON) else { panic!("no frames") };
                for frame in frames {
                    match (frame, seen) {
                        (Outgoing::Text(latest), None) => {
                            let latest: u64 = latest.parse().expect("a number");
                            seen = Some((latest, latest));
                        }
                        (Outgoing::Event(event), Some((first, last))) => {
                            assert_eq!(event.seq, last + 1);
                            seen = Some((first, event.seq));
                        }
                        other => panic!("unexpected {other:?}"),
                    }
                }
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn publishing_never_waits_for_a_reader_that_does_not_read() {
    let (hub, context) = (Hub::new(), context("s"));
    hub.open(&context.session_id, 0);
    let readers: Vec<_> = (0..50).map(|_| Outbox::new()).collect();
    for outbox in &readers {
        hub.subscribe(outbox, &context.session_id, 0, None, reply).expect("room");
    }
    let began = Instant::now();
    for _ in 0..20_000 {
        hub.publish(&context, text("x"));
    }
    assert!(began.elapsed() < SOON, "took {:?}", began.elapsed());
}

#[test]
fn connections_are_closed_by_user_by_login_and_all_at_once() {
    let hub = Hub::new();
    let user = |name: &str| UserId::from(name.to_owned());
    let login = |name: &str| Login::Ours(LoginId::from(name.to_owned()));
    let connect = |name: &str, id: &str| {
        let outbox = Outbox::new();
        (hub.connect(user(name), login(id), None, Arc::clone(&outbox)).expect("room"), outbox)
    };
    let (_a, phone) = connect("ann", "phone");
    let (_b, laptop) = connect("ann", "laptop");
    let (_c, other) = connect("bob", "phone 2");
    assert_eq!(hub.connected_count(), 3);
    hub.close_login(&login("phone"));
    assert_eq!((phone.closing(), laptop.closing()), (Some(CloseReason::LoggedOut), None));
    hub.close_user(&user("ann"), CloseReason::AccountDisabled);
    assert_eq!((laptop.closing(), other.closing()), (Some(CloseReason::AccountDisabled), None));
    drop(_a);
    assert_eq!(hub.connected().len(), 2);
    hub.close_all();
    assert_eq!(other.closing(), Some(CloseReason::ServerStopping));
    let refused = hub.connect(user("eve"), login("x"), None, Outbox::new()).map(drop);
    assert_eq!(refused.map_err(|error| error.code.as_str()), Err("server_stopping"));
    assert!(!hub.wait_closed(Instant::now()));
    drop((_b, _c));
    assert!(hub.wait_closed(Instant::now()));
}

/// People's connections under limits, by name.
struct Crowd {
    hub: Hub,
    open: Vec<(&'static str, Arc<Outbox>, Connected)>,
}

impl Crowd {
    fn of(limits: SocketLimits) -> Self {
        let hub = Hub::new();
        hub.limit_sockets(|all| *all = limits);
        Self { hub, open: Vec::new() }
    }

    fn connect(&mut self, name: &'static str, address: Option<u8>) -> Result<(), &'static str> {
        let (user, outbox) = (UserId::from(name.to_owned()), Outbox::new());
        let address = address.map(|last| std::net::IpAddr::from([203, 0, 113, last]));
        let connected = self.hub.connect(user, Login::Ours(LoginId::random()), address, Arc::clone(&outbox));
        self.open.push((name, outbox, connected.map_err(|error| error.code.as_str())?));
        Ok(())
    }

    /// Who has an open connection, in the order they came; those that were ended go.
    fn names(&mut self) -> Vec<&'static str> {
        self.open.retain(|(_, outbox, _)| {
            assert!(matches!(outbox.closing(), None | Some(CloseReason::TooMany)), "ended, and for this");
            outbox.closing().is_none()
        });
        self.open.iter().map(|(name, ..)| *name).collect()
    }
}

#[test]
fn past_a_persons_connections_their_oldest_ends() {
    let mut crowd = Crowd::of(SocketLimits { per_user: 2, ..SocketLimits::default() });
    for name in ["ann", "bob", "ann", "ann"] {
        crowd.connect(name, None).expect("room");
    }
    assert_eq!(crowd.names(), ["bob", "ann", "ann"]);
    crowd.connect("ann", None).expect("room");
    crowd.connect("ann", None).expect("room");
    assert_eq!(crowd.connect("ann", None), Err("too_many_connections"), "two are ending and not gone yet");
    crowd.connect("bob", None).expect("others are not concerned");
    assert_eq!(crowd.names(), ["bob", "ann", "ann", "bob"]);
    crowd.connect("ann", None).expect("they are gone");
}

#[test]
fn when_all_are_taken_the_person_with_the_most_loses_the_oldest() {
    let mut crowd = Crowd::of(SocketLimits { total: 6, ..SocketLimits::default() });
    for name in ["ann", "bob", "bob", "eve", "eve", "eve"] {
        crowd.connect(name, None).expect("room");
    }
    crowd.connect("joe", None).expect("room");
    assert_eq!(crowd.names(), ["ann", "bob", "bob", "eve", "eve", "joe"]);
    for name in ["ken", "lin"] {
        crowd.connect(name, None).expect("room");
        crowd.names();
    }
    let mut names = crowd.names();
    names.sort_unstable();
    assert_eq!(names, ["ann", "bob", "eve", "joe", "ken", "lin"]);
    assert_eq!(crowd.connect("may", None), Err("too_many_connections"), "everyone has one");
}

#[test]
fn an_address_has_its_share_of_connections() {
    let mut crowd = Crowd::of(SocketLimits { per_address: 2, ..SocketLimits::default() });
    for (name, address) in [("ann", Some(1)), ("eve", Some(1)), ("eve", Some(2)), ("eve", None), ("eve", None)] {
        crowd.connect(name, address).expect("room");
    }
    assert_eq!(crowd.connect("joe", Some(1)), Err("too_many_connections"), "everyone there has one");
    crowd.connect("eve", Some(2)).expect("room");
    crowd.connect("ann", Some(2)).expect("room");
    assert_eq!(crowd.names(), ["ann", "eve", "eve", "eve", "eve", "ann"], "eve's oldest at that address");
}

#[test]
fn a_full_server_leaves_each_person_their_first_bytes() {
    let crowd = Crowd::of(SocketLimits::default());
    let hub = crowd.hub;
    let connect = |name: String| {
        let outbox = Outbox::with_patience(Duration::from_millis(60));
        let login = Login::Ours(LoginId::random());
        (hub.connect(UserId::from(name), login, None, Arc::clone(&outbox)).expect("room"), outbox)
    };
    let holders: Vec<_> = (0..UNSENT_BYTES / UNSENT_BYTES_PER_USER).map(|n| connect(format!("eve{n}"))).collect();
    assert!(holders.iter().all(|(_, outbox)| outbox.hold(UNSENT_BYTES_PER_USER)));
    assert!(!holders[0].1.hold(1), "a person's unfinished messages count like unsent ones");
    let (_a, ann) = connect("ann".to_owned());
    assert_eq!(ann.push("x".repeat(10_000)), Ok(()), "small answers always have room");
    assert_eq!(ann.push("x".repeat(200_000)), Err(Closed));
    holders.iter().for_each(|(_, outbox)| outbox.let_go(UNSENT_BYTES_PER_USER));
    let (_b, bob) = connect("bob".to_owned());
    assert_eq!(bob.push("x".repeat(200_000)), Ok(()));
}
