//! The manual is true: both languages say the same, nothing of the program is missing in it, its links lead somewhere,
//! and its commands do what it says.

mod commands;
mod complete;
mod limits;
mod markdown;
mod place;
mod same;
mod shipped;

use std::fs;
use std::path::{Path, PathBuf};

use markdown::Page;

/// Shell blocks of one language that no test can run: they need another machine, root or a program that is not free
/// of side effects. Each says why. The number stands here so that it cannot grow without being seen.
const NOT_RUN: usize = 20;

const LANGUAGES: [&str; 2] = ["en", "zh"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The pages of one language, by name.
fn pages(language: &str) -> Vec<Page> {
    let mut pages: Vec<Page> = files(&root().join("docs").join(language)).iter().map(|file| Page::read(file)).collect();
    pages.sort_by(|one, other| one.name.cmp(&other.name));
    pages
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect()
}
