//! English and Chinese have the same pages, chapters and commands, and every link leads somewhere.

use super::markdown::Page;
use super::{LANGUAGES, NOT_RUN, files, pages, root};

#[test]
fn both_languages_have_the_same_pages_chapters_and_commands() {
    let [english, chinese] = LANGUAGES.map(pages);
    let names = |pages: &[Page]| pages.iter().map(|page| page.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&english), names(&chinese));
    for (english, chinese) in english.iter().zip(&chinese) {
        let levels = |page: &Page| page.headings.iter().map(|(level, _)| *level).collect::<Vec<_>>();
        assert_eq!(
            levels(english),
            levels(chinese),
            "{}: {:?}\n{:?}",
            english.name,
            english.headings,
            chinese.headings
        );
        let kinds = |page: &Page| page.blocks.iter().map(|block| block.info.clone()).collect::<Vec<_>>();
        assert_eq!(kinds(english), kinds(chinese), "{}", english.name);
        for (one, other) in english.blocks.iter().zip(&chinese.blocks) {
            assert_eq!(one.bare(), other.bare(), "{} and {}", english.place(one), chinese.place(other));
        }
        let rows = |page: &Page| page.text.lines().filter(|line| line.starts_with("| ")).count();
        assert_eq!(rows(english), rows(chinese), "{}: rows of tables", english.name);
    }
}

#[test]
fn what_is_not_run_says_why_and_does_not_grow() {
    for (language, reason) in LANGUAGES.into_iter().zip(["# not run by a test: ", "# 测试不执行："]) {
        let mut count = 0;
        for page in pages(language) {
            for block in page.blocks.iter().filter(|block| block.is_not_run()) {
                assert!(block.text.starts_with(reason), "{} does not begin with `{reason}`", page.place(block));
                count += 1;
            }
        }
        assert_eq!(count, NOT_RUN, "shell blocks in docs/{language} that are not run");
    }
}

#[test]
fn every_link_leads_somewhere() {
    let mut all: Vec<Page> = LANGUAGES.into_iter().flat_map(pages).collect();
    all.extend(files(&root().join("docs")).iter().map(|file| Page::read(file)));
    for page in all {
        for link in page.links.iter().filter(|link| !link.contains("://")) {
            let (file, anchor) =
                link.split_once('#').map_or((link.as_str(), None), |(file, anchor)| (file, Some(anchor)));
            let target = if file.is_empty() { page.path.clone() } else { page.path.with_file_name(file) };
            assert!(target.exists(), "{}: {link}", page.path.display());
            if let Some(anchor) = anchor {
                let headings = Page::read(&target).headings;
                assert!(headings.iter().any(|(_, text)| slug(text) == anchor), "{}: {link}", page.path.display());
            }
        }
    }
}

/// The anchor that the usual renderers make of a heading.
fn slug(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}
