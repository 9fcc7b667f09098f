//! Good archives, damaged ones, and crafted ones.

use std::io::{Read as _, Write as _};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::destination::{Destination, Keep};
use super::hashing::Hashing;
use super::manifest::{DatabaseFacts, FORMAT, FilesFacts, Manifest};
use super::read::{Found, read};
use super::seal::{self, SEAL_BYTES};
use super::write::{Meta, Writer};
use crate::domain::id::hex;
use crate::domain::{Error, Result};
use crate::ops::meter::Meter;

const META: Meta = Meta { mode: 0o640, owner: (1000, 1000), modified: 1_700_000_000 };
const DATABASES: [(&str, &[u8]); 2] = [("agentx.db", b"conversations"), ("portagent.db", b"accounts")];

fn manifest() -> Manifest {
    let facts = |(file, content): (&str, &[u8])| DatabaseFacts {
        file: file.to_owned(),
        schema: 1,
        bytes: content.len() as u64,
        page_bytes: 4096,
        sha256: hex(&Sha256::digest(content)),
        rows: [("users".to_owned(), 3)].into(),
    };
    Manifest {
        format: FORMAT,
        program: "portagent".to_owned(),
        version: "2.0.0".to_owned(),
        created_at: 1_700_000_000_000,
        databases: DATABASES.map(facts).to_vec(),
        files: FilesFacts { count: 1, bytes: 5 },
    }
}

fn writer() -> Writer<Vec<u8>> {
    Writer::new(Vec::new(), tempfile::tempfile().unwrap(), META)
}

fn begun(manifest: &Manifest) -> Writer<Vec<u8>> {
    let mut writer = writer();
    writer.bytes("manifest.json", &serde_json::to_vec(manifest).unwrap()).unwrap();
    for (file, content) in DATABASES {
        writer.bytes(&format!("data/{file}"), content).unwrap();
    }
    writer
}

fn long_name() -> String {
    format!("containers/user-1/{}/{}", "深".repeat(60), "x".repeat(200))
}

fn good() -> Vec<u8> {
    let mut writer = begun(&manifest());
    writer.bytes("jwt-secret", b"key").unwrap();
    writer.bytes("settings.env", b"PORT=1\n").unwrap();
    writer.directory(Path::new("containers/user-1"), META).unwrap();
    writer.stream(Path::new("containers/user-1/a\nb"), 5, META, &mut &b"hello"[..]).unwrap();
    writer.link(Path::new("containers/user-1/link"), Path::new("/etc"), META).unwrap();
    writer.link(Path::new("containers/user-1/far"), Path::new(&"../y".repeat(50)), META).unwrap();
    writer.stream(Path::new(&long_name()), 3, META, &mut &b"far"[..]).unwrap();
    writer.finish().unwrap()
}

fn opened(bytes: &[u8], keep: Keep, into: &Path) -> Result<Found> {
    read(bytes, Destination::new(into, keep).unwrap(), &mut Meter::silent())
}

fn trouble(bytes: &[u8]) -> Error {
    let home = tempfile::tempdir().unwrap();
    opened(bytes, Keep::Everything, home.path()).err().expect("it is refused")
}

#[test]
fn what_is_written_is_read() {
    let home = tempfile::tempdir().unwrap();
    let found = opened(&good(), Keep::Everything, home.path()).unwrap();
    assert_eq!((found.manifest, found.files, found.file_bytes, found.links), (manifest(), 2, 8, 2));
    let text = |name: &str| std::fs::read_to_string(home.path().join(name)).unwrap();
    assert_eq!(text("data/agentx.db") + &text("data/portagent.db"), "conversationsaccounts");
    assert_eq!((text("jwt-secret"), text("settings.env")), ("key".into(), "PORT=1\n".into()));
    assert_eq!((text("containers/user-1/a\nb"), text(&long_name())), ("hello".into(), "far".into()));
    let link = |name: &str| std::fs::read_link(home.path().join("containers/user-1").join(name)).unwrap();
    assert_eq!((link("link"), link("far")), ("/etc".into(), "../y".repeat(50).into()));
}

#[test]
fn only_the_databases_are_kept_when_only_they_are_asked_for() {
    let home = tempfile::tempdir().unwrap();
    opened(&good(), Keep::Databases, home.path()).unwrap();
    let names: Vec<_> = std::fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["data"]);
}

#[test]
fn a_changed_byte_is_found_at_every_offset() {
    let good = good();
    let home = tempfile::tempdir().unwrap();
    for at in 0..good.len() {
        let bit = 1 << (at % 8);
        let mut bad = good.clone();
        bad[at] ^= bit;
        let into = home.path().join(at.to_string());
        std::fs::create_dir(&into).unwrap();
        assert!(opened(&bad, Keep::Databases, &into).is_err(), "bit {bit:#x} of byte {at} of {}", good.len());
        std::fs::remove_dir_all(&into).unwrap();
    }
}

#[test]
fn a_cut_is_found_wherever_it_is_and_so_is_what_stands_behind() {
    let good = good();
    for at in 0..good.len() {
        let error = trouble(&good[..at]);
        assert!(matches!(error.code.as_str(), "archive_damaged" | "not_an_archive"), "cut at {at}: {error}");
    }
    assert_eq!(trouble(&[&good[..], b"x"].concat()).code, "archive_damaged");
    assert_eq!(trouble(&[&good[..], &good[..]].concat()).code, "archive_damaged");
}

#[test]
fn standard_tools_open_it_without_a_word() {
    let home = tempfile::tempdir().unwrap();
    let mut file = std::fs::File::create(home.path().join("x.tar.gz")).unwrap();
    file.write_all(&good()).unwrap();
    let script =
        "gzip -t x.tar.gz && mkdir out && tar -xzf x.tar.gz -C out && cd out && sha256sum --quiet -c SHA256SUMS";
    let output = std::process::Command::new("sh").args(["-c", script]).current_dir(home.path()).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success() && said.is_empty(), "{}", String::from_utf8_lossy(&said));
    assert!(home.path().join("out").join(long_name()).exists());
}

#[test]
fn a_file_that_changes_while_it_is_read_has_the_length_of_its_header() {
    let mut writer = begun(&manifest());
    let mut add = |name: &str, content: &[u8]| writer.stream(Path::new(name), 5, META, &mut &*content).unwrap();
    assert!(add("containers/same", b"hello"));
    assert!(!add("containers/short", b"he"));
    assert!(!add("containers/long", b"hello, world"));
    let home = tempfile::tempdir().unwrap();
    let found = opened(&writer.finish().unwrap(), Keep::Everything, home.path()).unwrap();
    assert_eq!((found.files, found.file_bytes), (3, 15));
    assert_eq!(std::fs::read(home.path().join("containers/short")).unwrap(), b"he\0\0\0");
    assert_eq!(std::fs::read(home.path().join("containers/long")).unwrap(), b"hello");
}

#[test]
fn newer_ones_are_refused_by_name() {
    let of = |change: fn(&mut Manifest)| {
        let mut manifest = manifest();
        manifest.version = "9.9.9".to_owned();
        change(&mut manifest);
        trouble(&begun(&manifest).finish().unwrap())
    };
    let format = of(|manifest| manifest.format = 7);
    assert_eq!(format.code, "archive_too_new");
    assert!(format.message.contains("portagent 9.9.9: it has archive format 7, this program knows 1"), "{format}");
    let schema = of(|manifest| manifest.databases[0].schema = 99);
    assert!(schema.message.contains("its agentx.db has schema 99, this program knows"), "{schema}");
    let mut writer = writer();
    writer.bytes("manifest.json", br#"{"format":8,"program":"portagent","version":"3.0.0","new":{}}"#).unwrap();
    assert_eq!(trouble(&writer.finish().unwrap()).code, "archive_too_new", "whatever else is in it");
}

#[test]
fn what_stands_at_the_wrong_place_is_refused() {
    let refused = |build: &dyn Fn(&mut Writer<Vec<u8>>)| {
        let mut writer = writer();
        build(&mut writer);
        trouble(&writer.finish().unwrap()).code
    };
    let text = serde_json::to_vec(&manifest()).unwrap();
    let all = |writer: &mut Writer<Vec<u8>>, names: &[&str]| {
        for name in names {
            let content = DATABASES.iter().find(|(file, _)| name.ends_with(file)).map_or(&text[..], |(_, bytes)| bytes);
            writer.bytes(name, content).unwrap();
        }
    };
    for names in [
        &[][..],
        &["data/agentx.db", "data/portagent.db"],
        &["manifest.json"],
        &["manifest.json", "data/agentx.db"],
        &["manifest.json", "data/portagent.db", "data/agentx.db"],
        &["manifest.json", "manifest.json", "data/agentx.db", "data/portagent.db"],
        &["manifest.json", "data/agentx.db", "data/agentx.db", "data/portagent.db"],
        &["manifest.json", "containers/x", "data/agentx.db", "data/portagent.db"],
        &["manifest.json", "data/agentx.db", "data/portagent.db", "settings.env", "jwt-secret"],
        &["manifest.json", "data/agentx.db", "data/portagent.db", "etc/passwd"],
        &["manifest.json", "data/agentx.db", "data/portagent.db", "containers/x", "containers/x"],
    ] {
        let code = refused(&|writer| all(writer, names));
        assert!(matches!(code.as_str(), "not_an_archive" | "archive_damaged"), "{names:?}: {code}");
    }
    assert_eq!(trouble(b"").code, "archive_damaged");
    assert_eq!(trouble(&[b'x'; 4096]).code, "archive_damaged");
}

/// A tar of handmade headers, sealed as ours are.
fn by_hand(entries: &[(&[u8], tar::EntryType, &[u8], u64)]) -> Vec<u8> {
    let gzip = flate2::write::GzEncoder::new(Hashing::new(Vec::new()), flate2::Compression::fast());
    let mut tar = tar::Builder::new(gzip);
    for (name, kind, content, length) in entries {
        let mut header = tar::Header::new_gnu();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name);
        header.set_entry_type(*kind);
        header.set_size(*length);
        header.set_mode(0o777);
        if kind.is_symlink() {
            header.set_link_name_literal(content).unwrap();
        }
        header.set_cksum();
        let content = if kind.is_symlink() { &b""[..] } else { content };
        tar.append(&header, content).unwrap();
    }
    seal::finish(tar.into_inner().unwrap().finish().unwrap()).unwrap()
}

#[test]
fn nothing_is_written_outside_and_no_name_comes_twice() {
    use tar::EntryType::{Directory, GNULongName, Link, Regular, Symlink, XHeader};
    let home = tempfile::tempdir().unwrap();
    let outside = home.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    let mode = || std::os::unix::fs::PermissionsExt::mode(&outside.metadata().unwrap().permissions());
    let mode_before = mode();
    let outside_name = outside.to_str().unwrap().as_bytes();
    type Odd<'a> = Vec<(&'a [u8], tar::EntryType, &'a [u8], u64)>;
    let odd: [Odd<'_>; 13] = [
        vec![(b"containers/../../outside/x", Regular, b"x", 1)],
        vec![(b"/tmp/portagent-outside", Regular, b"x", 1)],
        vec![(b"containers/l", Symlink, outside_name, 0), (b"containers/l/x", Regular, b"x", 1)],
        vec![(b"containers/l", Symlink, outside_name, 0), (b"containers/l/", Directory, b"", 0)],
        vec![(b"containers/l", Symlink, outside_name, 0), (b"containers/l/d/", Directory, b"", 0)],
        vec![(b"containers/l/", Directory, b"", 0), (b"containers/l", Symlink, outside_name, 0)],
        vec![(b"containers/d/", Directory, b"", 0), (b"containers/d/", Directory, b"", 0)],
        vec![(b"containers/d/x", Regular, b"x", 1), (b"containers/d", Regular, b"x", 1)],
        vec![(b"containers/f", Regular, b"x", 1), (b"containers/f/x", Regular, b"x", 1)],
        vec![(b"containers/l", Link, b"", 0)],
        vec![(b"containers/l", XHeader, b"17 path=/etc/passw\n", 19), (b"containers/x", Regular, b"x", 1)],
        vec![(b"././@LongLink", GNULongName, b"containers/../../outside/x\0", 27), (b"containers/x", Regular, b"x", 1)],
        vec![(b"././@LongLink", GNULongName, &[b'a'; 10_000], 10_000), (b"containers/x", Regular, b"x", 1)],
    ];
    let text = serde_json::to_vec(&Manifest { files: FilesFacts { count: 9, bytes: 9 }, ..manifest() }).unwrap();
    for (number, odd) in odd.into_iter().enumerate() {
        let mut entries: Odd<'_> = vec![(b"manifest.json", Regular, &text, text.len() as u64)];
        entries.push((b"data/agentx.db", Regular, DATABASES[0].1, DATABASES[0].1.len() as u64));
        entries.push((b"data/portagent.db", Regular, DATABASES[1].1, DATABASES[1].1.len() as u64));
        entries.extend(odd);
        let archive = by_hand(&entries);
        for keep in [Keep::Everything, Keep::Databases] {
            let into = tempfile::tempdir().unwrap();
            let error = opened(&archive, keep, into.path()).err().expect("refused");
            let is_found = error.code == "archive_damaged" && !error.message.contains("ends too early");
            assert!(is_found, "{number} {keep:?}: {error}");
        }
        assert_eq!((std::fs::read_dir(&outside).unwrap().count(), mode()), (0, mode_before), "{number}");
    }
}

#[test]
fn a_bomb_stays_small() {
    // A manifest of 64 MiB of blanks is a few KiB of archive.
    let mut blanks = std::io::repeat(b' ').take(64 << 20);
    let mut writer = writer();
    writer.stream(Path::new("manifest.json"), 64 << 20, META, &mut blanks).unwrap();
    let bytes = writer.finish().unwrap();
    assert!(bytes.len() < 100_000 + SEAL_BYTES);
    let error = trouble(&bytes);
    assert!(error.message.contains("its manifest is too large"), "{error}");
    // A database that is longer than the manifest says never reaches the disk.
    let mut writer = self::writer();
    writer.bytes("manifest.json", &serde_json::to_vec(&manifest()).unwrap()).unwrap();
    writer.stream(Path::new("data/agentx.db"), 64 << 20, META, &mut std::io::repeat(0)).unwrap();
    assert!(trouble(&writer.finish().unwrap()).message.contains("wrong length"));
    // Neither do agents' files that the manifest does not speak of, however few bytes the archive has.
    let large = manifest().files.with_slack().bytes + 1;
    let text = serde_json::to_vec(&manifest()).unwrap();
    let whole = |name, content: &'static [u8]| (name, tar::EntryType::Regular, content, content.len() as u64);
    let bytes = by_hand(&[
        (b"manifest.json", tar::EntryType::Regular, &text, text.len() as u64),
        whole(&b"data/agentx.db"[..], DATABASES[0].1),
        whole(b"data/portagent.db", DATABASES[1].1),
        (b"containers/zeros", tar::EntryType::Regular, b"0", large),
    ]);
    for keep in [Keep::Everything, Keep::Databases] {
        let home = tempfile::tempdir().unwrap();
        let error = opened(&bytes, keep, home.path()).err().expect("refused");
        assert!(error.message.contains("more agents' files than its manifest says"), "{error}");
        assert!(!home.path().join("containers/zeros").exists());
    }
}
