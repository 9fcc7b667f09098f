//! A disk that is too small: said at once, with both numbers, and nothing is left behind.

use super::{done, fill, names};
use crate::support::disk::Tmpfs;
use crate::support::server::Server;

#[test]
fn a_disk_that_is_too_small_is_said_with_both_numbers() {
    let server = Server::start();
    let at = server.data_dir().join("small");
    let Some(_small) = Tmpfs::mount(&at, "12m") else { return };
    let run = server.run(&["backup", "--out", at.to_str().unwrap()]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""));
    // 16 MiB are kept free, and the databases of a first start come on top.
    let expected = ["16", "17"].map(|needed| {
        let at = at.display();
        format!("error: this needs {needed} MiB, and 12 MiB are free on the disk of {at}\nhint:  free some space")
    });
    assert!(expected.iter().any(|one| run.stderr.contains(one)), "{}", run.stderr);
    assert_eq!(names(&at), [""; 0]);
    assert!(!run.stderr.contains("copying"), "nothing was begun: {}", run.stderr);
}

#[test]
fn a_disk_that_fills_up_meanwhile_leaves_nothing_behind() {
    let server = Server::start();
    fill(&server, 8);
    let at = server.data_dir().join("small");
    let Some(_small) = Tmpfs::mount(&at, "34m") else { return };
    let mut command = server.command(&["backup", "--out", at.to_str().unwrap()]);
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let child = command.spawn().unwrap();
    crate::support::eventually("it works", || !names(&at).is_empty());
    // Another program takes the room.
    let taken = std::fs::write(at.join("somebody"), vec![1; 34 << 20]);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(taken.is_err() && output.status.code() == Some(1), "{said}");
    assert!(said.contains("disk is full") || said.contains("this needs"), "{said}");
    assert_eq!(names(&at), ["somebody"]);
    std::fs::remove_file(at.join("somebody")).unwrap();
    done(&server.run(&["backup", "--out", at.to_str().unwrap()]));
}
