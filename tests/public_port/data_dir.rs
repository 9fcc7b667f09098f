//! The data directory: private, and one server's.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::support::people::{register, try_login};
use crate::support::server::Server;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Every directory and file below, and itself, is the owner's alone.
fn is_private(path: &Path) {
    if path.is_dir() {
        assert_eq!(mode(path), 0o700, "{}", path.display());
        fs::read_dir(path).unwrap().for_each(|entry| is_private(&entry.unwrap().path()));
    } else {
        assert_eq!(mode(path), 0o600, "{}", path.display());
    }
}

#[test]
fn everything_is_private_and_stays_so() {
    let mut server = Server::start();
    register(&server, "ann");
    is_private(&server.data_dir());
    server.terminate();
    assert!(!server.stdout().contains(" WARN "), "{}", server.stdout());

    let data = server.data_dir();
    let loose = [
        (data.clone(), 0o755, 0o700),
        (data.join("data"), 0o777, 0o700),
        (data.join("logs"), 0o755, 0o700),
        (data.join("data/portagent.db"), 0o644, 0o600),
        (data.join("data/agentx.db"), 0o666, 0o600),
        (data.join("jwt-secret"), 0o644, 0o600),
        (data.join("logs/portagent.log"), 0o644, 0o600),
    ];
    for (path, loose, _) in &loose {
        set_mode(path, *loose);
    }
    server.restart();
    for (path, before, tight) in &loose {
        assert_eq!(mode(path), *tight, "{}", path.display());
        if path.ends_with("portagent.log") {
            continue; // the place where it would be said
        }
        let told = format!("{} was open to others (mode {before:03o}), set to {tight:03o}", path.display());
        assert!(server.stdout().contains(&told), "{told}");
    }
}

#[test]
fn a_second_server_is_sent_away() {
    let server = Server::start();
    register(&server, "ann");
    let second = server.run(&["serve", "--port", "0"]);
    assert_eq!((second.code, second.stdout.as_str()), (Some(1), ""), "{}", second.stderr);
    assert!(second.stderr.starts_with("error: ") && second.stderr.contains("\nhint:  "), "{}", second.stderr);
    assert!(second.stderr.contains(&format!("process {}", server.pid())), "{}", second.stderr);
    assert_eq!(try_login(server.http(), "ann", crate::support::people::PASSWORD).status, 200);
}
