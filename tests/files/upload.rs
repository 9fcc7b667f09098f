//! Up and down again.

use super::{GIF, PDF, contents, delete, get, id_of, post, upload};
use crate::support::chat::register;
use crate::support::server::Server;

#[test]
fn what_goes_up_comes_down() {
    let server = Server::start();
    let token = register(&server, "alice");
    let check = |name: &str, body: &[u8], media: &str, disposition: &str| {
        let file = upload(&server, &token, name, body);
        assert_eq!((&file["mediaType"], &file["size"]), (&media.into(), &body.len().into()), "{file}");
        let down = get(&server, &token, &file);
        assert_eq!((down.status, down.body.as_slice()), (200, body), "{name}");
        let kind = if media == "text/plain" { "text/plain; charset=utf-8" } else { media };
        assert_eq!(down.header("content-type"), Some(kind));
        assert_eq!(down.header("content-disposition"), Some(disposition), "{name}");
        assert_eq!(down.header("x-content-type-options"), Some("nosniff"));
        assert!(down.header("content-security-policy").unwrap().contains("sandbox"), "{down:?}");
        assert!(down.header("cache-control").unwrap().contains("private"), "{down:?}");
    };
    check("a.gif", GIF, "image/gif", "inline; filename=\"a.gif\"");
    // The content says what it is, not the name.
    check("a.png.exe", PDF, "application/pdf", "attachment; filename=\"a.png.exe\"");
    check("page.html", b"<script>alert(1)</script>", "text/plain", "attachment; filename=\"page.html\"");
    let named = "attachment; filename=\"_.txt\"; filename*=UTF-8''%E6%B7%B1.txt";
    check("%E6%B7%B1.txt", "深".as_bytes(), "text/plain", named);
    let large = vec![b'x'; 3 << 20];
    check("large.txt", &large, "text/plain", "attachment; filename=\"large.txt\"");
}

#[test]
fn a_form_carries_one_file() {
    let server = Server::start();
    let token = register(&server, "alice");
    let head =
        "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"p.gif\"\r\nContent-Type: text/x\r\n\r\n";
    let body = [head.as_bytes(), GIF, b"\r\n--b--\r\n"].concat();
    let answer = post(&server, &token, "", "multipart/form-data; boundary=b", &body);
    assert_eq!(answer.status, 201, "{}", answer.text());
    let file = answer.json();
    assert_eq!((&file["name"], &file["mediaType"]), (&"p.gif".into(), &"image/gif".into()));
    assert_eq!(get(&server, &token, &file).body, GIF);
}

#[test]
fn the_same_content_is_stored_once_and_kept_while_a_file_has_it() {
    let server = Server::start();
    let token = register(&server, "alice");
    let (one, two) = (upload(&server, &token, "one", b"same"), upload(&server, &token, "two", b"same"));
    assert_ne!(id_of(&one), id_of(&two));
    assert_eq!(contents(&server).len(), 1);
    assert_eq!(delete(&server, &token, &one).status, 200);
    assert_eq!(get(&server, &token, &one).status, 404);
    assert_eq!(get(&server, &token, &two).body, b"same");
    assert_eq!(delete(&server, &token, &two).status, 200);
    assert!(contents(&server).is_empty());
}

#[test]
fn only_its_owner_sees_a_file() {
    let server = Server::start();
    let (alice, bob) = (register(&server, "alice"), register(&server, "bob"));
    let file = upload(&server, &alice, "a", b"private");
    let unknown = serde_json::json!({"fileId": "file_none"});
    let said = |answer: crate::support::http::Response| (answer.status, answer.text());
    assert_eq!(said(get(&server, &bob, &file)), said(get(&server, &bob, &unknown)));
    assert_eq!(said(delete(&server, &bob, &file)), said(delete(&server, &bob, &unknown)));
    assert_eq!(get(&server, &bob, &file).status, 404);
    assert_eq!(server.http().get(&format!("/api/files/{}", id_of(&file)), None).status, 401);
    assert_eq!(post(&server, "nonsense", "?name=a", "text/plain", b"x").status, 401);
    assert_eq!(get(&server, &alice, &file).body, b"private");
}

#[test]
fn a_browser_that_has_it_gets_it_once() {
    let server = Server::start();
    let token = register(&server, "alice");
    let file = upload(&server, &token, "a.gif", GIF);
    let tag = get(&server, &token, &file).header("etag").unwrap().to_owned();
    let headers = format!("Authorization: Bearer {token}\r\nIf-None-Match: {tag}\r\n");
    let path = format!("/api/files/{}", id_of(&file));
    let again = server.http().request("GET", &path, &headers, b"");
    assert_eq!((again.status, again.body.len()), (304, 0));
    let head = server.http().request("HEAD", &path, &format!("Authorization: Bearer {token}\r\n"), b"");
    assert_eq!((head.status, head.header("content-length")), (200, Some(GIF.len().to_string().as_str())));
}
