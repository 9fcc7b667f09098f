//! How the build joins the page's modules into one script.

#[path = "../build/js.rs"]
mod js;

use js::{join, join_later};

fn read(path: &str) -> Result<String, String> {
    Ok(match path {
        "js/main.js" => "// why\nimport { one as first } from \"./one.js\";\nimport { two } from \"./two.js\";\n\nfirst(two); // now\n",
        "js/one.js" => "/** A function. */\nexport function one(x) {\n  return `${x}`;\n}\n",
        "js/two.js" => "import { one } from \"./one.js\";\nexport const two = one(2);\n",
        "js/later.js" => "import { one } from \"./one.js\";\nimport { own } from \"./own.js\";\nexport const begin = () => one(own);\n",
        "js/own.js" => "export const own = 3;\n",
        "js/circle.js" => "import { other } from \"./other.js\";\n",
        "js/other.js" => "import { circle } from \"./circle.js\";\n",
        "js/side.js" => "import \"./one.js\";\n",
        "js/let.js" => "export let x = 1;\n",
        "js/default.js" => "export default { a: 1 };\n",
        "js/lines.js" => "const a = `two\n  lines`;\n",
        _ => return Err(format!("no {path}")),
    }
    .to_owned())
}

#[test]
fn modules_are_joined_in_the_order_in_which_they_need_each_other() {
    let joined = join("js/main.js", &read).unwrap();
    assert_eq!(joined.modules.iter().map(String::as_str).collect::<Vec<_>>(), ["js/main.js", "js/one.js", "js/two.js"]);
    assert_eq!(
        joined.text,
        "const $js_one = (() => {\nfunction one(x) {\nreturn `${x}`;\n}\nreturn { one };\n})();\n\
         const $js_two = (() => {\nconst { one } = $js_one;\nconst two = one(2);\nreturn { two };\n})();\n\
         const $js_main = (() => {\nconst { one: first } = $js_one;\nconst { two } = $js_two;\nfirst(two); // now\nreturn {  };\n})();\n\
         export { $js_main, $js_one, $js_two };\n"
    );
}

#[test]
fn a_script_that_is_loaded_later_shares_the_modules_of_the_first() {
    let first = join("js/main.js", &read).unwrap();
    let later = join_later("js/later.js", "main.js", &first, &read).unwrap();
    assert_eq!(later.modules.iter().map(String::as_str).collect::<Vec<_>>(), ["js/later.js", "js/own.js"]);
    assert_eq!(
        later.text,
        "import { $js_main, $js_one, $js_two } from \"./main.js\";\n\
         const $js_own = (() => {\nconst own = 3;\nreturn { own };\n})();\n\
         const $js_later = (() => {\nconst { one } = $js_one;\nconst { own } = $js_own;\nconst begin = () => one(own);\nreturn { begin };\n})();\n\
         export const { begin } = $js_later;\n"
    );
}

#[test]
fn what_cannot_be_joined_is_refused_with_its_place() {
    let check = |path: &str, said: &str| {
        let error = join(path, &read).err().expect("an error");
        assert!(error.contains(said), "{path}: {error}");
    };
    check("js/circle.js", "imports itself");
    check("js/side.js", "js/side.js:1: cannot join this import");
    check("js/let.js", "js/let.js:1: cannot join this export");
    check("js/default.js", "cannot join this export");
    check("js/lines.js", "several lines");
    check("js/none.js", "no js/none.js");
}
