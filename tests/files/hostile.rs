//! What is no file, too large, too much at once, or cut off.

use std::io::Write as _;

use super::{contents, post, upload};
use crate::support::chat::register;
use crate::support::eventually;
use crate::support::raw::Raw;
use crate::support::server::Server;

const FORM: &str = "multipart/form-data; boundary=b";

#[test]
fn what_is_refused_leaves_nothing_behind() {
    let server = Server::start();
    let token = register(&server, "alice");
    let part = |disposition: &str| format!("--b\r\nContent-Disposition: {disposition}\r\n\r\nx\r\n");
    let file = part("form-data; name=\"file\"; filename=\"f\"");
    let cases: Vec<(&str, &str, Vec<u8>, u16, &str)> = vec![
        ("", "text/plain", vec![], 400, "empty_file"),
        ("?name=a.png", "image/png", b"\0\x01\x02\x03 no picture".to_vec(), 415, "unsupported_file"),
        ("?name=a.exe", "image/png", b"MZ\x90\0\x03".to_vec(), 415, "unsupported_file"),
        ("?name=a.txt", "text/plain", b"latin \xe9".to_vec(), 415, "unsupported_file"),
        ("", "multipart/form-data", b"x".to_vec(), 400, "bad_form"),
        ("", FORM, b"x".to_vec(), 400, "bad_form"),
        ("", FORM, file.clone().into_bytes(), 400, "bad_form"),
        ("", FORM, format!("{file}{file}--b--").into_bytes(), 400, "bad_form"),
        ("", FORM, format!("{}--b--", part("form-data; name=\"a\"")).into_bytes(), 400, "bad_form"),
        ("", FORM, format!("--b\r\n{}", "h: v\r\n".repeat(5000)).into_bytes(), 400, "bad_form"),
        ("", FORM, b"--b--".to_vec(), 400, "bad_form"),
    ];
    for (query, kind, body, status, code) in cases {
        let answer = post(&server, &token, query, kind, &body);
        assert_eq!(
            (answer.status, &answer.json()["code"]),
            (status, &code.into()),
            "{kind} {:?}",
            String::from_utf8_lossy(&body)
        );
    }
    assert!(contents(&server).is_empty(), "{:?}", contents(&server));
    // Paths and line breaks in a name are no more than a name.
    let odd = upload(&server, &token, "..%2F..%2Fetc%2Fpasswd%0d%0aX-A:%20b", b"x");
    assert_eq!(odd["name"], "passwdX-A: b");
}

#[test]
fn a_file_that_is_too_large_is_refused_by_its_length_and_while_it_comes() {
    let server = Server::start();
    let token = register(&server, "alice");
    let head = |lines: &str| {
        format!("POST /api/files?name=a HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n{lines}\r\n")
    };
    let mut client = Raw::connect(server.address());
    client.send(head("Content-Length: 9000000000\r\nExpect: 100-continue\r\n"));
    assert_eq!(client.response().status, 413, "nothing is asked for");
    let mut client = Raw::connect(server.address());
    client.send(head("Transfer-Encoding: chunked\r\n"));
    let piece = vec![b'x'; 1 << 20];
    for _ in 0..24 {
        // It may answer and close while we still send.
        let sent = client.try_send(format!("{:x}\r\n", piece.len())).and_then(|()| client.try_send(&piece));
        if sent.and_then(|()| client.try_send("\r\n")).is_err() {
            break;
        }
    }
    assert_eq!(client.response().status, 413);
    eventually("nothing stays", || contents(&server).is_empty());
    assert!(server.peak_kib() < 48 * 1024, "it goes to the disk: {} KiB", server.peak_kib());
}

#[test]
fn an_upload_that_is_cut_off_leaves_nothing_and_others_wait_their_turn() {
    let server = Server::start();
    let token = register(&server, "alice");
    let begin = || {
        let mut client = Raw::connect(server.address());
        let lines = format!("Authorization: Bearer {token}\r\nContent-Length: 1000000\r\n");
        client.send(format!("POST /api/files?name=a HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n"));
        client.send(vec![b'x'; 1000]);
        client.stream.flush().unwrap();
        client
    };
    let open: Vec<Raw> = (0..4).map(|_| begin()).collect();
    eventually("four are under way", || contents(&server).len() == 4);
    let answer = post(&server, &token, "?name=b", "text/plain", b"one too many");
    assert_eq!((answer.status, &answer.json()["code"]), (429, &"too_many_uploads".into()));
    assert!(answer.header("retry-after").is_some());
    let other = register(&server, "bob");
    upload(&server, &other, "c", b"another person's");
    drop(open);
    eventually("what was cut off is gone", || contents(&server).len() == 1);
    upload(&server, &token, "b", b"now there is room");
}
