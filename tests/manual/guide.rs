//! The commands of 1.9's manual, by the heading that they stand under.

const GUIDE: &str = include_str!("../data/v19/commands-of-the-guide.zh.md");

/// The code blocks in this language under a heading, up to the next heading.
pub fn blocks(heading: &str, language: &str) -> Vec<String> {
    let (mut is_under, mut fence, mut found) = (false, None, Vec::new());
    for line in GUIDE.lines() {
        match (line.strip_prefix("```"), &mut fence) {
            (Some(language), None) => fence = Some((language.to_owned(), String::new())),
            (Some(_), Some(_)) => {
                let (of, text) = fence.take().unwrap();
                if is_under && of == language {
                    found.push(text);
                }
            }
            (None, Some((_, text))) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, None) if line.starts_with('#') => is_under = line.trim_start_matches('#').trim() == heading,
            (None, None) => {}
        }
    }
    assert!(!found.is_empty(), "the manual has no {language} under {heading}");
    found
}

/// The only or first one.
pub fn block(heading: &str) -> String {
    blocks(heading, "bash").remove(0)
}

#[test]
fn the_code_of_a_chapter_is_found() {
    assert!(block("停机备份").starts_with("# 停止服务\ndocker stop portagent\n"));
    assert_eq!(blocks("自动备份脚本", "bash").len(), 2);
    assert_eq!(blocks("网络隔离", "yaml").len(), 1);
}
