//! Files that people give to messages: uploaded, passed on to models, private to their owner, and gone when nothing holds
//! them.

mod hostile;
mod kept;
mod messages;
mod quota;
mod upload;
mod workdir;

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::chat::Image;
use crate::support::http::Response;
use crate::support::server::Server;

/// The smallest picture that there is.
const GIF: &[u8] = b"GIF89a\x01\x00\x01\x00\x80\x01\x00\xff\xff\xff\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;";
const PDF: &[u8] = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer <<>>\n%%EOF\n";

fn post(server: &Server, token: &str, query: &str, content_type: &str, body: &[u8]) -> Response {
    let headers = format!("Authorization: Bearer {token}\r\nContent-Type: {content_type}\r\n");
    server.http().request("POST", &format!("/api/files{query}"), &headers, body)
}

/// Uploads bytes under a name.
fn upload(server: &Server, token: &str, name: &str, body: &[u8]) -> Value {
    let answer = post(server, token, &format!("?name={name}"), "application/octet-stream", body);
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()
}

fn id_of(file: &Value) -> &str {
    file["fileId"].as_str().unwrap()
}

fn get(server: &Server, token: &str, file: &Value) -> Response {
    server.http().get(&format!("/api/files/{}", id_of(file)), Some(token))
}

fn delete(server: &Server, token: &str, file: &Value) -> Response {
    let headers = format!("Authorization: Bearer {token}\r\n");
    server.http().request("DELETE", &format!("/api/files/{}", id_of(file)), &headers, b"")
}

/// A message with a text and files.
fn carrying(image: &Image, text: &str, files: &[&Value]) -> Value {
    let mut parts = vec![json!({"type": "text", "text": text})];
    parts.extend(files.iter().map(|file| json!({"type": "file", "fileId": file["fileId"]})));
    json!({"imageId": image.id, "content": parts})
}

/// All contents on the disk, of everybody, also half-written ones.
fn contents(server: &Server) -> Vec<PathBuf> {
    let containers = std::fs::read_dir(server.data_dir().join("containers")).into_iter().flatten();
    let directories = containers.flat_map(|container| std::fs::read_dir(container.unwrap().path().join("files")));
    directories.flatten().map(|file| file.unwrap().path()).collect()
}
