//! What is done to the source, and that offsets lead back.

use super::*;

#[test]
fn sane_text_is_left_alone() {
    for text in
        ["", "a\n\n> > quoted\n- 1. *x*\n", "**bold** text", "- - - - - - - - - - - - - - - - - - - - - - - - - -\n"]
    {
        assert!(matches!(normalize(text).text, Cow::Borrowed(_)), "{text}");
    }
}

#[test]
fn too_many_markers_are_escaped_once_a_line() {
    let deep = normalize(&">".repeat(40)).text.into_owned();
    assert_eq!(deep, format!("{}\\{}", ">".repeat(24), ">".repeat(16)));
    let lists = format!("x\n{}y", "1. ".repeat(30));
    assert!(normalize(&lists).text.contains("1\\. "));
    let far = format!("{}- x", " ".repeat(96));
    assert!(normalize(&far).text.ends_with("\\- x"));
}

#[test]
fn offsets_lead_back_to_the_source() {
    let source = "一**注意：**不\n二**“好”**的 \\(x\\) 与 $y$\n三";
    let normalized = normalize(source);
    assert!(normalized.has_stand_ins);
    for (offset, c) in normalized.text.char_indices().filter(|(_, c)| !is_stand_in(*c)) {
        assert!(source[normalized.source_offset(offset)..].starts_with(c), "{offset} {c}");
    }
}
