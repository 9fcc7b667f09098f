//! Joins style sheets: each `@import` is replaced by the file it names, so that a browser asks for one file and not
//! for twenty, one after the other.

/// Imports within imports: more is a circle.
const DEPTH: usize = 8;

/// The text of `path` with everything it imports. `read` gives a file's text by its path with slashes.
///
/// `@import "x.css" layer(name);` becomes `@layer name { … }`; other conditions are refused, since leaving them out
/// would change what the sheet means.
pub fn join(path: &str, read: &dyn Fn(&str) -> Result<String, String>) -> Result<String, String> {
    join_at(path, read, 0)
}

fn join_at(path: &str, read: &dyn Fn(&str) -> Result<String, String>, depth: usize) -> Result<String, String> {
    if depth > DEPTH {
        return Err(format!("{path}: imports go deeper than {DEPTH}, probably in a circle"));
    }
    let text = read(path)?;
    let mut joined = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = next_import(rest) {
        joined.push_str(&rest[..at]);
        let statement = &rest[at..];
        let end = statement.find(';').ok_or_else(|| format!("{path}: an @import has no end"))?;
        let (target, layer) = import(&statement["@import".len()..end])
            .ok_or_else(|| format!("{path}: cannot join `{}`", &statement[..=end]))?;
        let inner = join_at(&beside(path, target), read, depth + 1)?;
        match layer {
            Some(layer) => joined.push_str(&format!("@layer {layer} {{\n{}\n}}", inner.trim_end())),
            None => joined.push_str(inner.trim_end()),
        }
        rest = &statement[end + 1..];
    }
    joined.push_str(rest);
    Ok(joined)
}

/// Where the next `@import` stands that is not within a comment.
fn next_import(text: &str) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + text[from..].find("@import")?;
        match text[from..at].find("/*") {
            Some(comment) => {
                let inside = from + comment + 2;
                from = inside + text[inside..].find("*/")? + 2;
            }
            None => return Some(at),
        }
    }
}

/// What an import names, and its layer.
fn import(statement: &str) -> Option<(&str, Option<&str>)> {
    let statement = statement.trim();
    let (target, condition) = match statement.strip_prefix("url(") {
        Some(rest) => rest.split_once(')')?,
        None => {
            let quote = statement.chars().next().filter(|c| matches!(c, '"' | '\''))?;
            statement[1..].split_once(quote)?
        }
    };
    let target = target.trim().trim_matches(['"', '\'']);
    match condition.trim() {
        "" => Some((target, None)),
        condition => condition.strip_prefix("layer(")?.strip_suffix(')').map(|layer| (target, Some(layer.trim()))),
    }
}

/// `target` as seen from the folder of `path`.
fn beside(path: &str, target: &str) -> String {
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "." => {}
            ".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    parts.join("/")
}
