//! The commands of the manual, run in the order of each page, and its settings, read by the program.

use std::fs;

use super::place::Place;
use super::{LANGUAGES, pages};
use crate::support::run;

/// What a block may be. Others would go by untested, or are a slip.
const KINDS: [&str; 6] = ["sh", "sh not-run", "env", "text", "ini", "yaml"];

/// One test for each page, and one that none is forgotten.
macro_rules! run_pages {
    ($($page:ident)*) => {
        $(#[test]
        fn $page() {
            run_page(concat!(stringify!($page), ".md"));
        })*

        #[test]
        fn no_page_is_forgotten() {
            let names: Vec<String> = pages("en").into_iter().map(|page| page.name).collect();
            assert_eq!(names, [$(concat!(stringify!($page), ".md")),*]);
        }
    };
}

run_pages!(account admin configure cost export files install models operate risks scaling security sizing tools troubleshoot upgrade);

fn run_page(name: &str) {
    let page = pages("en").into_iter().find(|page| page.name == name).unwrap();
    let mut place = Place::new();
    for block in page.blocks.iter().filter(|block| block.info == "sh") {
        let (status, printed) = place.run(&block.text);
        println!("{}\n{}{printed}", page.place(block), block.text);
        assert!(status.success(), "{} ended with {status}:\n{}\n{printed}", page.place(block), block.text);
    }
}

#[test]
fn blocks_are_of_a_known_kind() {
    for page in LANGUAGES.into_iter().flat_map(pages) {
        for block in &page.blocks {
            assert!(KINDS.contains(&block.info.as_str()), "{}: `{}`", page.place(block), block.info);
        }
    }
}

/// The lines that the manual has for the env file are accepted as they stand.
#[test]
fn settings_are_accepted() {
    let home = tempfile::tempdir().unwrap();
    for page in LANGUAGES.into_iter().flat_map(pages) {
        for block in page.blocks.iter().filter(|block| block.info == "env") {
            let file = home.path().join("portagent.env");
            fs::write(&file, &block.text).unwrap();
            let shown = run(home.path(), &["config", "-e", "portagent.env"]);
            assert_eq!(shown.code, Some(0), "{}: {}", page.place(block), shown.stderr);
            for name in
                block.text.lines().filter_map(|line| line.split('=').next()).filter(|name| !name.starts_with('#'))
            {
                let row = shown.stdout.lines().find(|line| line.split(' ').next() == Some(name));
                assert!(row.is_some_and(|row| row.contains("portagent.env:")), "{}: {name}", page.place(block));
            }
        }
    }
}
