//! Joins the page's modules into one script, so that a browser asks for one file and not for thirty, one after the
//! other.
//!
//! Each module becomes a function that returns what the module exports, in the order in which they need each other. It
//! understands the few forms of `import` and `export` that the page uses, each on one line, and refuses all others.

use std::collections::BTreeSet;

/// The joined script, and the modules that are in it.
pub struct Joined {
    pub text: String,
    pub modules: BTreeSet<String>,
}

struct Module {
    body: String,
    exports: Vec<String>,
}

/// Joins `path` with everything it imports. `read` gives a module's text by its path with slashes. Scripts that are
/// loaded later find its modules under their names.
pub fn join(path: &str, read: &dyn Fn(&str) -> Result<String, String>) -> Result<Joined, String> {
    let mut joined = Joined { text: String::new(), modules: BTreeSet::new() };
    append(path, read, &mut Vec::new(), &mut joined)?;
    let names: Vec<String> = joined.modules.iter().map(|module| variable(module)).collect();
    joined.text.push_str(&format!("export {{ {} }};\n", names.join(", ")));
    Ok(joined)
}

/// Joins a script that the page loads later. What is in `first`, which stands beside it as `beside`, is taken from
/// there: a module that ran twice would have its state twice.
pub fn join_later(
    path: &str,
    beside: &str,
    first: &Joined,
    read: &dyn Fn(&str) -> Result<String, String>,
) -> Result<Joined, String> {
    let mut joined = Joined { text: String::new(), modules: first.modules.clone() };
    append(path, read, &mut Vec::new(), &mut joined)?;
    joined.modules.retain(|module| !first.modules.contains(module));
    let names: Vec<String> = first.modules.iter().map(|module| variable(module)).collect();
    let exports = exports(&read(path)?).join(", ");
    joined.text = format!(
        "import {{ {} }} from \"./{beside}\";\n{}export const {{ {exports} }} = {};\n",
        names.join(", "),
        joined.text,
        variable(path)
    );
    Ok(joined)
}

/// The names that a module gives away.
fn exports(text: &str) -> Vec<String> {
    text.lines().filter_map(|line| declared(line.strip_prefix("export ")?)).map(str::to_owned).collect()
}

/// Appends the modules that `path` imports, then itself. `open` are the modules being appended: one of them again is
/// a circle.
fn append(
    path: &str,
    read: &dyn Fn(&str) -> Result<String, String>,
    open: &mut Vec<String>,
    joined: &mut Joined,
) -> Result<(), String> {
    if joined.modules.contains(path) {
        return Ok(());
    }
    if open.iter().any(|each| each == path) {
        return Err(format!("{path}: imports itself by way of {}", open.join(", ")));
    }
    open.push(path.to_owned());
    let mut module = Module { body: String::new(), exports: Vec::new() };
    for (index, line) in read(path)?.lines().enumerate() {
        let refused = |why: &str| format!("{path}:{}: {why}: `{line}`", index + 1);
        if line.starts_with("import ") {
            let (names, target) = import(line).ok_or_else(|| refused("cannot join this import"))?;
            let target = beside(path, target);
            append(&target, read, open, joined)?;
            module.body.push_str(&format!("const {names} = {};\n", variable(&target)));
        } else if let Some(declaration) = line.strip_prefix("export ") {
            let name = declared(declaration).ok_or_else(|| refused("cannot join this export"))?;
            module.exports.push(name.to_owned());
            module.body.push_str(&format!("{declaration}\n"));
        } else if line.matches('`').count() % 2 == 1 {
            return Err(refused("a template literal over several lines would lose its indentation"));
        } else if !is_comment(line.trim()) {
            module.body.push_str(line.trim());
            module.body.push('\n');
        }
    }
    open.pop();
    let exports = module.exports.join(", ");
    joined.text.push_str(&format!(
        "const {} = (() => {{\n{}return {{ {exports} }};\n}})();\n",
        variable(path),
        module.body
    ));
    joined.modules.insert(path.to_owned());
    Ok(())
}

/// What `import { a, b as c } from "./x.js";` binds, as a pattern of `const`, and the path it names.
fn import(line: &str) -> Option<(String, &str)> {
    let (names, target) = line.strip_prefix("import ")?.strip_suffix("\";")?.split_once(" from \"./")?;
    let names = names.strip_prefix("{ ")?.strip_suffix(" }")?;
    Some((format!("{{ {} }}", names.replace(" as ", ": ")), target))
}

/// The name that a declaration binds for good. A `let` is none: a module that imports it would keep its first value.
fn declared(declaration: &str) -> Option<&str> {
    let rest =
        ["const ", "class ", "function ", "async function "].iter().find_map(|kind| declaration.strip_prefix(kind))?;
    let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
    (end > 0).then(|| &rest[..end])
}

/// Lines of the page's comments: they stand on lines of their own, and blocks have a star on each.
fn is_comment(line: &str) -> bool {
    line.is_empty()
        || line.starts_with("//")
        || line.starts_with("/*")
        || line.starts_with("* ")
        || line.starts_with("*/")
}

/// `js/words.en.js` → `$js_words_en`.
fn variable(path: &str) -> String {
    let name = path.strip_suffix(".js").unwrap_or(path);
    format!("${}", name.replace(|c: char| !c.is_alphanumeric(), "_"))
}

/// `target` in the folder of `path`; the page's modules stand side by side.
fn beside(path: &str, target: &str) -> String {
    path.rsplit_once('/').map_or_else(|| target.to_owned(), |(folder, _)| format!("{folder}/{target}"))
}
